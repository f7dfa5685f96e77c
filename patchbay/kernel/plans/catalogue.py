"""Every number of the plans and of the first price list, in one place.

A fresh database is filled from here; after that its rows are the truth and staff change them (`services`).
Sources: SPEC C1 and C6, which merge the platform's and the context product's plans.
"""

from datetime import UTC, datetime
from typing import Any

from patchbay.lib.money import MICRO

DEFAULT_PLAN = "free"

# Limits count things an organisation has; None is unlimited. Audit retention is in days.
LIMITS = ("projects", "integrations", "members", "contexts", "api_keys", "audit_retention_days")
FEATURES = (
    "sync",
    "query_history",
    "analytics",
    "encryption",
    "custom_domains",
    "white_label",
    "sso",
    "advanced_webhooks",
)
_FROM_STARTER = FEATURES[:5]

PLANS: tuple[dict[str, Any], ...] = (
    {
        "code": "free",
        "name": "Free",
        "position": 0,
        "monthly_cents": 0,
        "yearly_cents": 0,
        "monthly_credits_micro": 1_000 * MICRO,
        "rollover_micro": 0,
        "requests_per_minute": 60,
        "limits": dict(zip(LIMITS, (3, 2, 1, 1, 2, 30), strict=True)),
        "features": [],
    },
    {
        "code": "starter",
        "name": "Starter",
        "position": 1,
        "monthly_cents": 29_00,
        "yearly_cents": 290_00,
        "monthly_credits_micro": 10_000 * MICRO,
        "rollover_micro": 5_000 * MICRO,
        "requests_per_minute": 300,
        "limits": dict(zip(LIMITS, (10, 10, 3, 10, 5, 90), strict=True)),
        "features": list(_FROM_STARTER),
    },
    {
        "code": "pro",
        "name": "Pro",
        "position": 2,
        "monthly_cents": 99_00,
        "yearly_cents": 990_00,
        "monthly_credits_micro": 50_000 * MICRO,
        "rollover_micro": 25_000 * MICRO,
        "requests_per_minute": 1_000,
        "limits": dict(zip(LIMITS, (50, 50, 10, 50, 20, 365), strict=True)),
        "features": list(FEATURES),
    },
    {
        "code": "enterprise",
        "name": "Enterprise",
        "position": 3,
        "monthly_cents": 499_00,
        "yearly_cents": None,
        "custom_price": True,
        "monthly_credits_micro": 250_000 * MICRO,
        "rollover_micro": None,
        "requests_per_minute": 5_000,
        "limits": dict.fromkeys(LIMITS),
        "features": list(FEATURES),
    },
)

# A month of storage is a twelfth of a year of 365 days, a GB 10⁹ bytes.
HOURS_PER_MONTH = 730
GIGABYTE = 10**9

FIRST_PRICES_FROM = datetime(2025, 1, 1, tzinfo=UTC)

# item → (micro-credits, for so many units).
RATES: dict[str, tuple[int, int]] = {
    "prompt_tokens": (1 * MICRO, 1_000),
    "completion_tokens": (2 * MICRO, 1_000),
    "calls": (1 * MICRO, 1),
    "cache_hits": (0, 1),
    "execution_ms": (MICRO // 10_000, 1),
    "storage_byte_hours": (MICRO // 10, GIGABYTE * HOURS_PER_MONTH),
    "deployments": (10 * MICRO, 1),
}

# What a part of the tokens costs, as a share (numerator, denominator) of its whole's rate, until staff set a rate of
# its own: so a new price of a prompt holds for all of it. A tenth for what was cached, five quarters for what was
# written to the cache and twice the prompt for what stays there for an hour are what providers take.
SHARES: dict[str, tuple[int, int]] = {
    "cached_tokens": (1, 10),
    "cache_write_tokens": (5, 4),
    "cache_write_1h_tokens": (2, 1),
    "audio_prompt_tokens": (1, 1),
    "image_tokens": (1, 1),
    "reasoning_tokens": (1, 1),
    "audio_completion_tokens": (1, 1),
}

# The list for organisations that bring a provider key of their own: they pay their provider for tokens.
OWN_KEY_MODEL = "byok"
OWN_KEY_RATES: dict[str, tuple[int, int]] = {"prompt_tokens": (0, 1_000), "completion_tokens": (0, 1_000)}
