"""The one OpenAPI 3.1 document: the REST operations, and the raw routes with their msgspec shapes."""

import copy
import re
from functools import cache
from typing import Any

import msgspec

from patchbay.lib.asgi.responses import respond_problem
from patchbay.lib.asgi.routing import Route
from patchbay.site.routes import RAW_ROUTES

REF = "#/components/schemas/{name}"
PROBLEM_SCHEMA = {
    "type": "object",
    "title": "Problem",
    "description": "RFC 9457 problem details",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "description": "Stable name of the error"},
        "next_step": {"type": "string", "description": "What to do about it"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}
_PROBLEM_RESPONSE = {
    "description": "Refused or failed",
    "content": {"application/problem+json": {"schema": {"$ref": REF.format(name="Problem")}}},
}
_VENDOR_RESPONSE = {
    "description": "Refused or failed, in the error shape of the vendor whose format this is",
    "content": {"application/json": {"schema": {"type": "object", "required": ["error"]}}},
}
_REQUEST_ID = {"x-request-id": {"description": "Names this request in records and logs", "schema": {"type": "string"}}}


@cache
def document() -> dict[str, Any]:
    """Return the whole document; treat it as read-only."""
    from patchbay.site.api import api

    schema: dict[str, Any] = copy.deepcopy(dict(api.get_openapi_schema(path_prefix="/v1/")))
    schemas = schema["components"].setdefault("schemas", {})
    schemas["Problem"] = PROBLEM_SCHEMA
    _add_raw_routes(schema, schemas)
    for operations in schema["paths"].values():
        for operation in operations.values():
            _add_errors(operation)
    schema["security"] = [{"KeyAuth": []}]
    return schema


def _add_raw_routes(schema: dict[str, Any], schemas: dict[str, Any]) -> None:
    routes = [route for route in RAW_ROUTES if route.documented]
    shapes = [shape for route in routes for shape in (route.request, route.response) if shape is not None]
    references, components = msgspec.json.schema_components(shapes, ref_template=REF)
    schemas.update(components)
    names = dict(zip(shapes, references, strict=True))
    for route in routes:
        path = route.path.replace(":path}", "}")
        schema["paths"].setdefault(path, {})[route.method.lower()] = _operation(route, names)


def _operation(route: Route, names: dict[type[Any], Any]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    if route.response is not None:
        content["application/json"] = {"schema": names[route.response]}
    if route.streams:
        content["text/event-stream"] = {"schema": {"type": "string"}}
    operation: dict[str, Any] = {
        "operationId": route.operation_id,
        "summary": route.summary,
        "tags": [route.tag],
        "parameters": [
            {"in": "path", "name": name, "required": True, "schema": {"type": "string"}}
            for name in re.findall(r"{(\w+)(?::path)?}", route.path)
        ]
        + _query_parameters(route),
        "responses": {"200": {"description": "OK", "content": content}},
        "security": [] if route.permission == "public" else [{"KeyAuth": []}],
    }
    if route.request is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": names[route.request]}}}
    if route.respond_error is not respond_problem:
        operation["responses"] |= {"4XX": _VENDOR_RESPONSE, "5XX": _VENDOR_RESPONSE}
    return operation


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    if route.query is None:
        return []
    _, shapes = msgspec.json.schema_components([route.query], ref_template=REF)
    properties = shapes[route.query.__name__]["properties"]
    return [{"in": "query", "name": name, "required": False, "schema": each} for name, each in properties.items()]


def _add_errors(operation: dict[str, Any]) -> None:
    for response in operation["responses"].values():
        response.setdefault("headers", {}).update(_REQUEST_ID)
    operation["responses"] = {"4XX": _PROBLEM_RESPONSE, "5XX": _PROBLEM_RESPONSE} | operation["responses"]
