"""How a model call fails. Every one of these is free: nothing that failed is charged."""

from patchbay.lib.errors import AppError, FieldError, ForbiddenError, InvalidError, NotFoundError, UnavailableError


class ModelNotFoundError(NotFoundError):
    code, title = "model_not_found", "There is no such model here"
    advice = "Choose a model that this Patchbay has."


class ModelForbiddenError(ForbiddenError):
    code, title = "model_not_allowed", "This model is not allowed here"
    advice = "Choose another model, or ask an owner to allow it in the gateway's rules."


class ModelNotFittingError(InvalidError):
    status, code, title = 400, "model_not_fitting", "No target of this model takes the request"
    advice = "Send a shorter prompt, leave the tools out, or choose another model."


class StoredAnswerNotFoundError(InvalidError):
    """The request goes on from an answer that this organisation was not given; told as OpenAI tells it."""

    status, code, title = 400, "previous_response_not_found", "Nothing is stored under that id"
    advice = "Check the id, or send the conversation itself: answers are kept for 30 days, for who got them."


class ModelRefusedError(AppError):
    """The provider refused our request as wrong: the operator's settings or the model's limits do not fit it."""

    status, code, title = 502, "model_refused", "The model provider refused the request"
    advice = "Ask for less at once, or tell whoever runs this Patchbay; nothing was charged."


class ProviderRefusedError(AppError):
    """The provider refused the client's own request; its status, words and code are passed on."""

    status, code, title = 400, "provider_refused", "The model provider refused the request"
    advice = "Correct what the provider names; nothing was charged."

    def __init__(
        self, message: str = "", *, status: int = 400, code: str = "provider_refused", param: str | None = None
    ) -> None:
        super().__init__(message, fields=(FieldError(param, message),) if param else ())
        self.status, self.code = status, code  # type: ignore[misc]  # of this refusal, not of its kind


class ModelBrokenError(AppError):
    """The provider's answer could not be read, or ended before it was whole."""

    status, code, title = 502, "model_broken", "The model's answer broke off"
    advice = "Ask again; nothing was charged."


class ModelBusyError(AppError):
    status, code, title = 429, "model_busy", "The model provider is at its limit"
    advice = "Try again after the seconds that Retry-After names; nothing was charged."


class ModelUnavailableError(UnavailableError):
    code, title = "model_unavailable", "The model provider does not answer"


class ModelTimeoutError(AppError):
    status, code, title = 504, "model_timeout", "The model took too long"
    advice = "Ask again; nothing was charged."
