"""The doors of this process, and their rows in the one table of raw routes."""

from collections.abc import Sequence
from typing import Any, Protocol

from patchbay.lib.asgi.request import Request
from patchbay.lib.asgi.routing import Handler, Route
from patchbay.lib.errors import (
    AppError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    RateLimitedError,
    UnavailableError,
)
from patchbay.lib.pool import BlockingPool
from patchbay.products.gateway.api import shapes
from patchbay.products.gateway.api.count_tokens import CountDoor
from patchbay.products.gateway.api.doors import Door, Shared
from patchbay.products.gateway.api.models import ModelsDoor
from patchbay.products.gateway.api.page_door import PageDoor
from patchbay.products.gateway.engine.instance import ENGINE
from patchbay.products.gateway.engine.limits import LIMITS
from patchbay.products.gateway.wire.table import WIRES

ERRORS: tuple[type[AppError], ...] = (
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    RateLimitedError,
    UnavailableError,
)
OPENAI_HEADERS = (b"openai-beta",)
ANTHROPIC_HEADERS = (b"anthropic-version", b"anthropic-beta")


class _Door(Protocol):
    """What a route needs of a door besides what serves it."""

    async def respond_error(self, request: Request, error: AppError) -> None: ...


def make_routes(shared: Shared) -> Sequence[Route]:
    """Return the gateway's routes over one engine."""
    return (*_openai_routes(shared), *_anthropic_routes(shared), *_model_routes(shared))


def _route(method: str, path: str, serve: Handler, door: _Door, operation_id: str, summary: str, **more: Any) -> Route:
    """Return a route of a key that may ask; what fails is told as the door tells it."""
    fixed: dict[str, Any] = {"permission": "ask", "tag": "models", "errors": ERRORS}
    return Route(
        method,
        path,
        serve,
        operation_id=operation_id,
        summary=summary,
        respond_error=door.respond_error,
        **fixed | more,
    )


def _openai_routes(shared: Shared) -> Sequence[Route]:
    chat = Door(WIRES["chat"], shared, operation="chat", passed=OPENAI_HEADERS)
    responses = Door(WIRES["responses"], shared, operation="responses", passed=OPENAI_HEADERS)
    embeddings = Door(WIRES["embeddings"], shared, operation="embeddings", passed=OPENAI_HEADERS)
    return (
        _route(
            "POST",
            "/v1/chat/completions",
            chat.serve,
            chat,
            "create_chat_completion",
            "Complete a chat, in the OpenAI format",
            request=shapes.ChatCompletionBody,
            streams=True,
        ),
        _route(
            "POST",
            "/v1/responses",
            responses.serve,
            responses,
            "create_response",
            "Respond, in the OpenAI format",
            request=shapes.ResponsesBody,
            streams=True,
        ),
        _route(
            "POST",
            "/v1/embeddings",
            embeddings.serve,
            embeddings,
            "create_embeddings",
            "Embed texts, in the OpenAI format",
            request=shapes.EmbeddingsBody,
        ),
    )


def _anthropic_routes(shared: Shared) -> Sequence[Route]:
    messages = Door(WIRES["messages"], shared, operation="messages", passed=ANTHROPIC_HEADERS)
    count = CountDoor(shared, passed=ANTHROPIC_HEADERS)
    return (
        _route(
            "POST",
            "/v1/messages",
            messages.serve,
            messages,
            "create_message",
            "Answer messages, in the Anthropic format",
            request=shapes.MessagesBody,
            streams=True,
        ),
        _route(
            "POST",
            "/v1/messages/count_tokens",
            count.serve,
            count,
            "count_tokens",
            "Count the tokens of messages, in the Anthropic format",
            request=shapes.CountTokensBody,
            response=shapes.TokenCountOut,
        ),
    )


def _model_routes(shared: Shared) -> Sequence[Route]:
    models = ModelsDoor(shared)
    playground = PageDoor(WIRES["chat"], shared, operation="chat")
    return (
        _route(
            "POST",
            "/gateway/playground/completions",
            playground.serve,
            playground,
            "create_playground_completion",
            "Complete a chat from the playground",
            permission="session",
            request=shapes.ChatCompletionBody,
            streams=True,
            documented=False,
        ),
        _route(
            "GET",
            "/v1/models",
            models.list_all,
            models,
            "list_models",
            "List the models that a client may name",
            query=shapes.ModelsPageQuery,
            response=shapes.ModelListOut,
            errors=(InvalidError,),
        ),
        _route(
            "GET",
            "/v1/models/{model:path}",
            models.get,
            models,
            "get_model",
            "Read one model",
            response=shapes.ModelOut,
            errors=(NotFoundError,),
        ),
    )


POOL = BlockingPool("gateway", threads=4, queue=512)
ROUTES = make_routes(Shared(ENGINE, POOL, LIMITS))
"""The gateway's routes of this process."""
