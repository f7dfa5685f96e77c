"""Does a provider answer? One small exchange with it: its list of models, which costs nothing."""

import asyncio
from dataclasses import dataclass

import msgspec

from patchbay.lib.actor import Actor
from patchbay.lib.http import (
    ConnectError,
    ConnectTimeoutError,
    HttpClient,
    HttpError,
    HttpTimeoutError,
    HttpTooLargeError,
    InvalidUrlError,
    PrivateAddressError,
)
from patchbay.products.gateway.checks import require_may_change
from patchbay.products.gateway.contracts import ProviderConfig
from patchbay.products.gateway.queries import setup
from patchbay.products.gateway.queries.catalogue import config_of

SECONDS = 15.0
MAX_ANSWER_BYTES = 8 * 1024 * 1024
SHOWN_MODELS = 200
ANTHROPIC_VERSION = "2023-06-01"
_STATUSES = {
    401: "It refused the API key. Check the key and add it again.",
    403: "It took the API key for one that may not do this. Check what the key is for.",
    404: "There is no list of models at this address. Check the base URL: it is as the provider's SDK takes it; "
    "OpenAI's ends in /v1.",
    429: "It answers, and says that its rate limit or quota is used up.",
}


@dataclass(frozen=True, slots=True)
class ConnectionResult:
    """How it went; `message` says what was wrong in plain words, `models` are the provider's names of its models."""

    ok: bool
    message: str
    models: tuple[str, ...] = ()
    status: int | None = None


class _Model(msgspec.Struct):
    id: str


class _Models(msgspec.Struct):
    data: list[_Model]


def test_connection(*, actor: Actor, organisation_id: str | None, provider: str) -> ConnectionResult:
    """Ask a provider (its name or id) for its models with its first key. Owners; staff for the platform's.

    Waits for at most SECONDS; not for the event loop. Whatever is wrong is in the result, not raised.
    """
    require_may_change(actor, organisation_id)
    row = setup.get_provider_row(organisation_id, provider)
    if row.kind == "offline":
        return ConnectionResult(True, "The built-in model needs no connection.")
    config = config_of(row)
    if not config.keys and row.keys.exists():
        return ConnectionResult(
            False, "None of its keys can be used: they are switched off, or were encrypted with a key that is gone."
        )
    return asyncio.run(_ask(config))


async def _ask(provider: ProviderConfig) -> ConnectionResult:
    client = HttpClient(connect_seconds=SECONDS / 2, read_seconds=SECONDS)
    try:
        async with asyncio.timeout(SECONDS):
            return await _exchange(client, provider)
    except (InvalidUrlError, PrivateAddressError) as error:
        return ConnectionResult(False, f"The address cannot be used: {error}")
    except ConnectTimeoutError:
        return ConnectionResult(False, "It did not take the connection in time. Check host and port.")
    except ConnectError as error:
        return ConnectionResult(False, f"It cannot be reached: {error}")
    except (HttpTimeoutError, TimeoutError):
        return ConnectionResult(False, f"It took the connection and was silent for {SECONDS:.0f} seconds.")
    except HttpTooLargeError:
        return ConnectionResult(False, "It sent far more than a list of models. Check the base URL.")
    except HttpError as error:
        return ConnectionResult(False, f"It does not speak HTTP as it should: {error}")
    finally:
        await client.close()


async def _exchange(client: HttpClient, provider: ProviderConfig) -> ConnectionResult:
    origin = client.origin(provider.base_url, private_allowed=provider.private_allowed)
    path = "/v1/models" if provider.kind == "anthropic" else "/models"
    answer = await client.send(origin, "GET", path, _headers(provider), b"")
    try:
        if answer.status != 200:
            said = _STATUSES.get(answer.status, f"It answered with status {answer.status}.")
            return ConnectionResult(False, said, status=answer.status)
        body = await answer.read(MAX_ANSWER_BYTES)
    finally:
        answer.close()
    try:
        listed = msgspec.json.decode(body, type=_Models)
    except msgspec.MsgspecError:
        return ConnectionResult(
            False, "What it sent is no list of models. Check the base URL and the kind.", status=200
        )
    names = tuple(sorted(model.id for model in listed.data)[:SHOWN_MODELS])
    return ConnectionResult(True, f"It answers and has {len(listed.data)} models.", names, 200)


def _headers(provider: ProviderConfig) -> list[tuple[bytes, bytes]]:
    headers = [(b"accept", b"application/json")]
    secret = provider.keys[0].secret.encode() if provider.keys else None
    if provider.kind == "anthropic":
        headers.append((b"anthropic-version", ANTHROPIC_VERSION.encode()))
        return [*headers, (b"x-api-key", secret)] if secret else headers
    return [*headers, (b"authorization", b"Bearer " + secret)] if secret else headers
