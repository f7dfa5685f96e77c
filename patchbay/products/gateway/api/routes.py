"""The doors of this process, and their rows in the one table of raw routes."""

from collections.abc import Sequence

from patchbay.lib.asgi.routing import Route
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


def make_routes(shared: Shared) -> Sequence[Route]:
    """Return the gateway's routes over one engine."""
    return (*_openai_routes(shared), *_anthropic_routes(shared), *_model_routes(shared))


def _openai_routes(shared: Shared) -> Sequence[Route]:
    chat = Door(WIRES["chat"], shared, operation="chat", passed=OPENAI_HEADERS)
    responses = Door(WIRES["responses"], shared, operation="responses", passed=OPENAI_HEADERS)
    embeddings = Door(WIRES["embeddings"], shared, operation="embeddings", passed=OPENAI_HEADERS)
    return (
        Route(
            "POST",
            "/v1/chat/completions",
            chat.serve,
            operation_id="create_chat_completion",
            summary="Complete a chat, in the OpenAI format",
            permission="ask",
            tag="models",
            request=shapes.ChatCompletionBody,
            streams=True,
            errors=ERRORS,
            respond_error=chat.respond_error,
        ),
        Route(
            "POST",
            "/v1/responses",
            responses.serve,
            operation_id="create_response",
            summary="Respond, in the OpenAI format",
            permission="ask",
            tag="models",
            request=shapes.ResponsesBody,
            streams=True,
            errors=ERRORS,
            respond_error=responses.respond_error,
        ),
        Route(
            "POST",
            "/v1/embeddings",
            embeddings.serve,
            operation_id="create_embeddings",
            summary="Embed texts, in the OpenAI format",
            permission="ask",
            tag="models",
            request=shapes.EmbeddingsBody,
            errors=ERRORS,
            respond_error=embeddings.respond_error,
        ),
    )


def _anthropic_routes(shared: Shared) -> Sequence[Route]:
    messages = Door(WIRES["messages"], shared, operation="messages", passed=ANTHROPIC_HEADERS)
    count = CountDoor(shared, passed=ANTHROPIC_HEADERS)
    return (
        Route(
            "POST",
            "/v1/messages",
            messages.serve,
            operation_id="create_message",
            summary="Answer messages, in the Anthropic format",
            permission="ask",
            tag="models",
            request=shapes.MessagesBody,
            streams=True,
            errors=ERRORS,
            respond_error=messages.respond_error,
        ),
        Route(
            "POST",
            "/v1/messages/count_tokens",
            count.serve,
            operation_id="count_tokens",
            summary="Count the tokens of messages, in the Anthropic format",
            permission="ask",
            tag="models",
            request=shapes.CountTokensBody,
            response=shapes.TokenCountOut,
            errors=ERRORS,
            respond_error=count.respond_error,
        ),
    )


def _model_routes(shared: Shared) -> Sequence[Route]:
    models = ModelsDoor(shared)
    playground = PageDoor(WIRES["chat"], shared, operation="chat")
    return (
        Route(
            "POST",
            "/gateway/playground/completions",
            playground.serve,
            operation_id="create_playground_completion",
            summary="Complete a chat from the playground",
            permission="session",
            tag="models",
            request=shapes.ChatCompletionBody,
            streams=True,
            errors=ERRORS,
            documented=False,
            respond_error=playground.respond_error,
        ),
        Route(
            "GET",
            "/v1/models",
            models.list_all,
            operation_id="list_models",
            summary="List the models that a client may name",
            permission="ask",
            tag="models",
            response=shapes.ModelListOut,
            respond_error=models.respond_error,
        ),
        Route(
            "GET",
            "/v1/models/{model:path}",
            models.get,
            operation_id="get_model",
            summary="Read one model",
            permission="ask",
            tag="models",
            response=shapes.ModelOut,
            errors=(NotFoundError,),
            respond_error=models.respond_error,
        ),
    )


POOL = BlockingPool("gateway", threads=4, queue=512)
ROUTES = make_routes(Shared(ENGINE, POOL, LIMITS))
"""The gateway's routes of this process."""
