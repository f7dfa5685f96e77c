"""Pages that look over everything, and the published API document."""

from django.http import HttpRequest, JsonResponse

from patchbay.site.openapi import document


def openapi_json(request: HttpRequest) -> JsonResponse:
    """The OpenAPI 3.1 document; open to everyone, it names no tenant."""
    return JsonResponse(document())
