"""Errors as problem documents (RFC 9457), each with the id of its request."""

import logging
import os
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MEDIA_TYPE = "application/problem+json"
logger = logging.getLogger("slipway.serving")


class Problem(HTTPException):
    """An error to answer. `headers` go into the answer, and `members` into the document beside the usual ones."""

    def __init__(
        self, status: int, title: str, detail: str, headers: Mapping[str, str] | None = None, **members: Any
    ) -> None:
        super().__init__(status, detail, headers)
        self.status = status
        self.title = title
        self.members = members


class Problems:
    """ASGI middleware: an id for each request, and a problem document for each error."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        identity = os.urandom(12).hex()
        scope.setdefault("state", {})["request_id"] = identity
        started = False

        async def answer(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", identity.encode())]
            await send(message)

        try:
            await self.app(scope, receive, answer)
        except ClientDisconnect:
            return
        except Exception as error:
            if not isinstance(error, HTTPException):
                logger.exception("request %s failed", identity)
            if not started:
                await response(_problem(error), scope)(scope, receive, answer)


def install(app: FastAPI) -> None:
    """Let a FastAPI application answer its own errors as problem documents."""

    async def answer(request: Request, error: Exception) -> Response:
        return response(_problem(error), request.scope)

    for kind in (HTTPException, RequestValidationError):
        app.add_exception_handler(kind, answer)


def response(problem: Problem, scope: Scope) -> Response:
    """Return the response for a problem."""
    usual = {"type": "about:blank", "title": problem.title, "status": problem.status, "detail": problem.detail}
    content = orjson.dumps(problem.members | usual | {"request_id": scope["state"]["request_id"]})
    return Response(content, problem.status, problem.headers, MEDIA_TYPE)


def _problem(error: Exception) -> Problem:
    match error:
        case Problem():
            return error
        case RequestValidationError():
            first = error.errors()[0]
            return Problem(422, "Invalid request", f"{'.'.join(map(str, first['loc']))}: {first['msg']}")
        case HTTPException():
            return Problem(error.status_code, HTTPStatus(error.status_code).phrase, str(error.detail), error.headers)
        case _:
            return Problem(500, "Internal Server Error", "the server failed; its log has this request_id")
