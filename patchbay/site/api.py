"""The REST API under /v1: one NinjaAPI, bearer keys only, problem details for every error."""

from typing import Any

import structlog
from django.http import Http404, HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from ninja import NinjaAPI, Schema
from ninja.errors import AuthenticationError as NinjaAuthenticationError
from ninja.errors import AuthorizationError as NinjaAuthorizationError
from ninja.errors import HttpError, ValidationError
from ninja.parser import Parser
from ninja.security import HttpBearer

from patchbay import __version__
from patchbay.kernel.accounts import queries as accounts
from patchbay.kernel.audit.api import router as audit_router
from patchbay.kernel.keys import services as keys
from patchbay.kernel.keys.api import router as keys_router
from patchbay.kernel.keys.contracts import Grant
from patchbay.kernel.ledger.api import router as credits_router
from patchbay.kernel.plans import queries as plans
from patchbay.kernel.usage.api import router as usage_router
from patchbay.lib.errors import (
    AppError,
    BadRequestError,
    FieldError,
    ForbiddenError,
    InvalidError,
    UnauthenticatedError,
    from_exception,
)
from patchbay.lib.json_text import load_json
from patchbay.products.gateway.api.rest import router as gateway_router
from patchbay.products.plugs.api.rest import router as plugs_router
from patchbay.products.plugs.api.sessions import router as sessions_router
from patchbay.site.problems import problem_response

log = structlog.get_logger(__name__)


class KeyAuth(HttpBearer):
    """Authenticate the bearer key; `request.auth` is then its Grant, `request.actor` who acts."""

    openapi_scheme = "bearer"

    def authenticate(self, request: HttpRequest, token: str) -> Grant:
        grant = keys.authenticate(token)
        request.actor = grant.actor(request.META.get("REMOTE_ADDR"))  # type: ignore[attr-defined]
        return grant


class JsonParser(Parser):
    """Reads bodies so that what is wrong with one is said with its field."""

    def parse_body(self, request: HttpRequest) -> Any:
        return load_json(request.body)


api = NinjaAPI(
    title="Patchbay",
    version=__version__,
    description="Ask expert plugs, manage what they know, read what it cost. Every error is RFC 9457 problem details.",
    auth=KeyAuth(),
    parser=JsonParser(),
    docs_url=None,
    openapi_url=None,
    urls_namespace="v1",
)
for prefix, router in (
    ("/plugs", plugs_router),
    ("/sessions", sessions_router),
    ("/keys", keys_router),
    ("/credits", credits_router),
    ("/usage", usage_router),
    ("/audit", audit_router),
    ("/gateway", gateway_router),
):
    api.add_router(prefix, router)


class MyOrganisationOut(Schema):
    id: str
    name: str
    slug: str
    plan: str


class MyKeyOut(Schema):
    id: str
    name: str
    environment: str
    permission: str
    plug_id: str | None


class MeOut(Schema):
    """Whose key this is and what it may do."""

    organisation: MyOrganisationOut
    key: MyKeyOut


@api.get("/me", response=MeOut, tags=["account"], summary="Who am I", operation_id="get_me")
def me(request: HttpRequest) -> dict[str, Any]:
    grant: Grant = request.auth  # type: ignore[attr-defined]
    organisation = accounts.get_organisation(grant.organisation_id)
    return {
        "organisation": {
            "id": organisation.id,
            "name": organisation.name,
            "slug": organisation.slug,
            "plan": plans.get_plan(grant.organisation_id).code,
        },
        "key": {
            "id": grant.key_id,
            "name": grant.name,
            "environment": grant.environment,
            "permission": grant.permission,
            "plug_id": grant.plug_id,
        },
    }


def handle(request: HttpRequest, error: Exception | type[Exception]) -> HttpResponse:
    known = _known(error() if isinstance(error, type) else error)
    if known.status >= 500:
        log.error("request failed", path=request.path, code=known.code, exc_info=error)
    return problem_response(request, known)


for kind in (Exception, Http404, HttpError, ValidationError, NinjaAuthenticationError, NinjaAuthorizationError):
    api.add_exception_handler(kind, handle)  # ninja has answers of its own for these; ours is the one renderer


def _known(error: Exception) -> AppError:
    if isinstance(error, NinjaAuthenticationError):
        return UnauthenticatedError(
            "The request carries no API key.",
            next_step="Send it as `Authorization: Bearer sme_live_…`; make one on the API keys page.",
        )
    if isinstance(error, ValidationError):
        return InvalidError("Some of the input is not right.", fields=_fields(error.errors))
    if isinstance(error, MultiPartParserError):
        return InvalidError("The form with the file cannot be read.", fields=(FieldError("file", str(error)),))
    if isinstance(error, NinjaAuthorizationError):
        return ForbiddenError()
    if isinstance(error, HttpError) and error.status_code == 400:  # ninja wraps what the parser raises
        return error.__cause__ if isinstance(error.__cause__, AppError) else BadRequestError(str(error))
    return from_exception(error)


def _fields(errors: list[dict[str, Any]]) -> tuple[FieldError, ...]:
    """pydantic's location without the words that only mean something to ninja (`body`, the parameter's name)."""
    faults = []
    for error in errors:
        source, *path = error["loc"]
        if source in ("body", "query") and len(path) > 1:
            path = path[1:]
        faults.append(FieldError(".".join(map(str, path)) or str(source), error["msg"]))
    return tuple(faults)
