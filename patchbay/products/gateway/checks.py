"""What a provider, an alias and its targets may be, and who may change them."""

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from patchbay.lib.actor import Actor
from patchbay.lib.errors import FieldError, InvalidError, NotFoundError
from patchbay.products.gateway.contracts import DEFAULT_CONTEXT_TOKENS, OFFLINE_MODEL, PLUG_PREFIX

KINDS: Mapping[str, str] = {
    "openai": "https://api.openai.com/v1",
    "anthropic": "https://api.anthropic.com",
    "offline": "",
}
"""Each kind of provider with its own vendor's base URL, as its SDK takes it; the built-in model has none."""

RESERVED_PREFIXES = (PLUG_PREFIX, OFFLINE_MODEL.partition("/")[0] + "/")
MAX_ALIAS_LENGTH = 120
MAX_TARGETS = 50
MAX_MODELS_ALLOWED = 500
_PROVIDER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}", re.ASCII)
_LARGEST = 2**31 - 1


@dataclass(frozen=True, slots=True)
class WantedProvider:
    """The terms of a provider as somebody asks for them; None in a limit stands for none."""

    name: str
    kind: str
    base_url: str
    max_concurrent: int | None
    requests_per_minute: int | None
    queue_length: int
    queue_seconds: float
    private_allowed: bool
    enabled: bool

    def cleaned(self) -> "WantedProvider":
        """Return the terms with a tidy base URL; InvalidError names every faulty field."""
        faults: list[FieldError] = []
        if not _PROVIDER_NAME.fullmatch(self.name):
            faults.append(
                FieldError("name", "Use 1 to 60 letters, digits, dots, hyphens and underscores, no sign first.")
            )
        if self.kind not in KINDS:
            faults.append(FieldError("kind", f"Choose from: {', '.join(KINDS)}."))
        base_url = self.base_url.strip().rstrip("/") or KINDS.get(self.kind, "")
        if fault := None if self.kind == "offline" else _url_fault(base_url, private_allowed=self.private_allowed):
            faults.append(FieldError("base_url", fault))
        faults += _number_faults(self, ("max_concurrent", "requests_per_minute"), low=1, optional=True)
        faults += _number_faults(self, ("queue_length",), low=0, high=100_000)
        faults += _number_faults(self, ("queue_seconds",), low=0, high=300)
        if faults:
            raise InvalidError("Some of the provider's terms are not right.", fields=tuple(faults))
        return replace(self, base_url="" if self.kind == "offline" else base_url)


@dataclass(frozen=True, slots=True)
class WantedTarget:
    """One target of an alias as somebody asks for it; `provider` is a provider's name or id."""

    provider: str
    model: str
    order: int = 0
    weight: int = 1
    max_prompt_tokens: int | None = None
    tools: bool = True
    context_tokens: int = DEFAULT_CONTEXT_TOKENS
    max_output_tokens: int | None = None

    def faults(self, path: str) -> list[FieldError]:
        """Return what is wrong, each fault's field under `path` ("targets.0.")."""
        found = []
        if not is_model_name(self.model, 200):
            found.append(FieldError("model", "Use the provider's name of the model: 1 to 200 visible characters."))
        found += _number_faults(self, ("order",), low=0)
        found += _number_faults(self, ("weight", "context_tokens"), low=1)
        found += _number_faults(self, ("max_prompt_tokens", "max_output_tokens"), low=1, optional=True)
        return [FieldError(path + fault.field, fault.message) for fault in found]


@dataclass(frozen=True, slots=True)
class WantedAlias:
    """The terms of an alias as somebody asks for them."""

    name: str
    targets: tuple[WantedTarget, ...]
    balancing: str
    cache_seconds: int
    enabled: bool

    def checked(self) -> "WantedAlias":
        """Return itself; InvalidError names every faulty field."""
        faults = [FieldError("name", fault)] if (fault := alias_fault(self.name)) else []
        if self.balancing not in ("weighted", "least_busy"):
            faults.append(FieldError("balancing", "Choose from: weighted, least_busy."))
        faults += _number_faults(self, ("cache_seconds",), low=0, high=30 * 86_400)
        if not 0 < len(self.targets) <= MAX_TARGETS:
            faults.append(FieldError("targets", f"Give 1 to {MAX_TARGETS} targets."))
        for number, target in enumerate(self.targets):
            faults += target.faults(f"targets.{number}.")
        if faults:
            raise InvalidError("Some of the model's terms are not right.", fields=tuple(faults))
        return self


def alias_fault(name: str) -> str | None:
    """Return what is wrong with the name of an alias, or None."""
    if not is_model_name(name):
        return f"Use 1 to {MAX_ALIAS_LENGTH} visible ASCII characters without spaces."
    if name.startswith(RESERVED_PREFIXES):
        return f"Names that begin with {' or '.join(RESERVED_PREFIXES)} are Patchbay's own."
    return None


def check_secret(secret: str, *, field: str = "api_key") -> str:
    """Return a provider's credential without the white space around it; InvalidError, which does not repeat it."""
    secret = secret.strip()
    if not (0 < len(secret) <= 1000 and secret.isascii() and secret.isprintable() and " " not in secret):
        raise InvalidError(
            "The API key cannot be used.",
            fields=(FieldError(field, "Give the provider's key: 1 to 1,000 visible ASCII characters on one line."),),
        )
    return secret


def check_weight(weight: int) -> int:
    """Return the weight of a key; InvalidError when it is no number from 1 to 1,000."""
    if not 1 <= weight <= 1000:
        raise InvalidError(
            "The weight cannot be used.", fields=(FieldError("weight", "Use a number from 1 to 1,000."),)
        )
    return weight


def check_allowed_models(names: Iterable[str] | None) -> list[str] | None:
    """Return the names in order, each once; InvalidError for what can be no model's name."""
    if names is None:
        return None
    wanted = sorted(set(names))
    faults = [
        FieldError("allowed_models", f"{name[:60]!r} cannot be the name of a model.")
        for name in wanted
        if not is_model_name(name)
    ]
    if len(wanted) > MAX_MODELS_ALLOWED:
        faults.append(FieldError("allowed_models", f"List at most {MAX_MODELS_ALLOWED} models, or null for all."))
    if faults:
        raise InvalidError("The list of models is not right.", fields=tuple(faults[:20]))
    return wanted


def require_may_change(actor: Actor, organisation_id: str | None) -> None:
    """Pass staff for what is the platform's (None), an organisation's owners for what is its own.

    ForbiddenError for others of the organisation; NotFoundError for those of another.
    """
    if actor.is_staff:
        return
    if organisation_id is None:
        actor.require_staff()
    if organisation_id != actor.organisation_id:
        raise NotFoundError("There is no such organisation.")
    actor.require("owner")


def origin_of(base_url: str) -> tuple[str, str, int | None]:
    """Return scheme, host and port: to whom a credential is sent."""
    parts = urlsplit(base_url)
    return parts.scheme, parts.hostname or "", parts.port


def is_loopback(base_url: str) -> bool:
    """Tell whether a base URL names this very machine, without asking DNS."""
    host = _host(base_url)
    if host is None:
        return False
    return host == "localhost" or host.endswith(".localhost") or _address_is(host, "is_loopback")


def _url_fault(base_url: str, *, private_allowed: bool) -> str | None:
    host = _host(base_url)
    if host is None or len(base_url) > 500:
        return "Use an address such as https://api.example.com/v1, without user, query or fragment."
    if private_allowed:
        return None
    if urlsplit(base_url).scheme != "https":
        return "Use https://: the provider's key would cross the network in the clear."
    if is_loopback(base_url) or _address_is(host, "is_global", wanted=False) or _address_is(host, "is_multicast"):
        return "Only those who run this Patchbay may name a private address."
    return None


def _host(base_url: str) -> str | None:
    """Return the host of a base URL that can be one, in small letters; None for what cannot."""
    if not (base_url.isascii() and base_url.isprintable()) or " " in base_url:
        return None
    try:
        parts = urlsplit(base_url)
        _ = parts.port  # raises for what is no port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or parts.query or parts.fragment or "@" in parts.netloc:
        return None
    return (parts.hostname or "").rstrip(".") or None


def _address_is(host: str, what: str, *, wanted: bool = True) -> bool:
    try:
        address: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(host)
    except ValueError:
        return False  # a name: what it leads to is checked at each connection
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return bool(getattr(address, what)) is wanted


def is_model_name(name: str, length: int = MAX_ALIAS_LENGTH) -> bool:
    """Tell whether a text can name a model: visible ASCII without spaces."""
    return 0 < len(name) <= length and name.isascii() and name.isprintable() and " " not in name


def _number_faults(
    terms: Any, names: Iterable[str], *, low: int, high: int = _LARGEST, optional: bool = False
) -> list[FieldError]:
    faults = []
    for name in names:
        value = getattr(terms, name)
        if value is None and optional:
            continue
        if value is None or not low <= value <= high:
            faults.append(FieldError(name, f"Use a number from {low:,} to {high:,}{', or none' if optional else ''}."))
    return faults
