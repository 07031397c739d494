"""Describe in the OpenAPI document what the middleware does: tokens, scopes, and each refusal as a problem document.

The refusals follow from the table of rules, so that a route names only the problems that it raises itself, by
`responses`.
"""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI

from slipway.serving.problems import MEDIA_TYPE
from slipway.serving.rules import rule_of

SCHEMA: dict[str, Any] = {
    "title": "Problem",
    "description": "A problem document (RFC 9457). A kind of problem can have more members.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri", "description": "The kind of problem."},
        "title": {"type": "string", "description": "The kind of problem in words."},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "What was found, where, and what would do."},
        "instance": {"type": "string", "format": "uri-reference", "description": "The path of the request."},
        "request_id": {"type": "string", "description": "Also the header X-Request-ID, and in the server's logs."},
    },
}
"""The JSON schema of a problem document."""
_PROBLEM = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the argument `responses` of a FastAPI route that raises problems with these statuses, such as 404."""
    return {one: _response(one) for one in statuses}


def install(app: FastAPI) -> None:
    """Let the OpenAPI document of a FastAPI application have all that `describe` adds."""
    written = app.openapi

    def openapi() -> dict[str, Any]:
        return app.openapi_schema or describe(written())

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI's documentation does it


def describe(document: dict[str, Any]) -> dict[str, Any]:
    """Add tokens, scopes and refusals to an OpenAPI document, in place, and return it."""
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schemas["Problem"] = SCHEMA
    components.setdefault("securitySchemes", {})["token"] = {
        "type": "http",
        "scheme": "bearer",
        "description": "`slipway token create` makes one. A server on 127.0.0.1 can have none and then asks for none.",
    }
    for path, method, operation in _operations(document):
        rule = rule_of(method.upper(), path)
        found = operation.setdefault("responses", {})
        if rule.scopes:
            operation["security"] = [{"token": [one]} for one in rule.scopes]
        refusals = [
            500,
            *((401, 403, 429) if rule.scopes else ()),
            *((408, 413, 415) if "requestBody" in operation else ()),
        ]
        if "HTTPValidationError" in str(found.get("422")):
            found.pop("422")
            refusals.append(422)
        for status in sorted(refusals):
            found.setdefault(str(status), _response(status))
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    return document


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document.get("paths", {}).items():
        for method in _METHODS:
            if method in item:
                yield path, method, item[method]


def _response(status: int) -> dict[str, Any]:
    return {"description": HTTPStatus(status).phrase, "content": _PROBLEM}
