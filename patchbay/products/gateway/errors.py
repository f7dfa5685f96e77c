"""How a model call fails. Every one of these is free: nothing that failed is charged."""

from patchbay.lib.errors import AppError, NotFoundError, UnavailableError


class ModelNotFoundError(NotFoundError):
    code, title = "model_not_found", "There is no such model here"
    advice = "Choose a model that this Patchbay has."


class ModelRefusedError(AppError):
    """The provider refused our request as wrong: the operator's settings or the model's limits do not fit it."""

    status, code, title = 502, "model_refused", "The model provider refused the request"
    advice = "Ask for less at once, or tell whoever runs this Patchbay; nothing was charged."


class ModelBrokenError(AppError):
    """The provider's answer could not be read, or ended before it was whole."""

    status, code, title = 502, "model_broken", "The model's answer broke off"
    advice = "Ask again; nothing was charged."


class ModelBusyError(UnavailableError):
    code, title = "model_busy", "The model provider is at its limit"


class ModelUnavailableError(UnavailableError):
    code, title = "model_unavailable", "The model provider does not answer"


class ModelTimeoutError(AppError):
    status, code, title = 504, "model_timeout", "The model took too long"
    advice = "Ask again; nothing was charged."
