"""Where a request carries its API key: the two ways in which the official clients send it."""

from patchbay.lib.asgi.request import Request


def find_secret(request: Request) -> str:
    """Return the key: `x-api-key` as Anthropic's clients send it, else the bearer token; UnauthenticatedError."""
    secret = request.header(b"x-api-key")
    return secret.strip() if secret else request.bearer_token()
