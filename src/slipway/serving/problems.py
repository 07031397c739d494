"""Every error that the server answers is a problem document (RFC 9457), with the id of its request.

Code behind the server raises `Problem`. `Problems`, the outermost middleware but one, gives each request its id and
answers what is raised. FastAPI answers its own errors within the application; `install` makes it answer in the same
form. An unexpected exception is answered with its request's id alone, and logged under this id by its type and place:
its text could hold an input.
"""

import logging
import os
import re
import traceback
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import orjson
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from slipway.serving.tokens import PREFIX

MEDIA_TYPE = "application/problem+json"
_UNPARSED = "There was an error parsing the body"
"""What FastAPI says, with a status of 400, of a body that is not text."""
MOST_ERRORS = 20
"""So many errors of one request are listed."""
_ID = re.compile(rb"[A-Za-z0-9._:=-]{1,128}")
_TYPE = "urn:problem-type:slipway:"
_log = logging.getLogger("slipway.serving")


class Problem(HTTPException):
    """An error to answer.

    It is one of Starlette's exceptions because FastAPI turns any other that is raised while it reads a body into a
    status of 400. `headers` go into the answer, and `members` into the document beside the usual ones.
    """

    def __init__(
        self, status: int, title: str, detail: str, headers: Mapping[str, str] | None = None, **members: Any
    ) -> None:
        super().__init__(status, detail, headers)
        self.status = status
        self.title = title
        self.members = members

    def __str__(self) -> str:
        return f"{self.status} {self.title}: {self.detail}"


class Problems:
    """ASGI middleware: an id for each request, and a problem document for each error.

    A valid `X-Request-ID` of the request is kept, otherwise it gets a new one. `scope["state"]` has it as `request_id`
    and, after an error, the title of its problem as `problem`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = b""
        for name, value in scope["headers"]:
            if name == b"x-request-id":
                given = value
        identity = given if _valid(given) else new_id().encode()
        state = scope.setdefault("state", {})
        state["request_id"] = identity.decode()
        started = False

        async def answer(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", identity)]
            await send(message)

        try:
            await self.app(scope, receive, answer)
        except ClientDisconnect:
            return  # there is nobody to answer
        except Exception as error:
            problem = _problem(error)
            if not isinstance(error, HTTPException | RequestValidationError):
                _log_unexpected(error, state["request_id"])
            if not started:
                await response(problem, scope)(scope, receive, answer)


def install(app: FastAPI) -> None:
    """Let a FastAPI application answer its own errors as problem documents."""

    async def answer(request: Request, error: Exception) -> Response:
        return response(_problem(error), request.scope)

    for kind in (HTTPException, RequestValidationError, Exception):
        app.add_exception_handler(kind, answer)


def response(problem: Problem, scope: Scope) -> Response:
    """Return the response for a problem, and note its title in the state of the request."""
    state = scope.setdefault("state", {})
    state["problem"] = problem.title
    content = document(problem, state.get("request_id", ""), scope.get("path"))
    headers = {"cache-control": "no-store", **(problem.headers or {})}
    return Response(content, problem.status, headers, MEDIA_TYPE)


def document(problem: Problem, request_id: str, path: str | None = None) -> bytes:
    """Return a problem document as JSON in UTF-8."""
    usual = problem.title == _phrase(problem.status)
    values = {
        "type": "about:blank" if usual else _TYPE + re.sub(r"[^a-z0-9]+", "-", problem.title.lower()).strip("-"),
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        **({} if path is None else {"instance": quote(path, errors="replace")}),
        "request_id": request_id,
    }
    return orjson.dumps(values | {name: one for name, one in problem.members.items() if name not in values})


def new_id() -> str:
    """Return a new id for a request: 96 random bits in hexadecimal."""
    return os.urandom(12).hex()


def _log_unexpected(error: BaseException, request_id: str) -> None:
    """Log an exception by its types and places. Its text is left out, since it could hold an input."""
    lines: list[str] = []
    chain: list[BaseException] = []
    one: BaseException | None = error
    while one is not None and one not in chain:
        chain.append(one)
        lines += [f"{type(one).__module__}.{type(one).__qualname__}", *traceback.format_tb(one.__traceback__)]
        one = one.__cause__ or one.__context__
    _log.error("request %s failed: %s", request_id, "\n".join(line.rstrip() for line in lines))


def _valid(given: bytes) -> bool:
    """Whether it may be a request's id; a token that was put there by mistake may not, since ids are logged."""
    return _ID.fullmatch(given) is not None and PREFIX.encode() not in given


def _problem(error: Exception) -> Problem:
    """The problem of any exception."""
    match error:
        case Problem():
            return error
        case RequestValidationError():
            errors = _errors(error.errors())
            first = (
                f"{errors[0]['location']}: {errors[0]['detail']}" if errors else "it does not have the form asked for"
            )
            return Problem(422, "Invalid request", first, errors=errors[:MOST_ERRORS], error_count=len(errors))
        case HTTPException(status_code=400, detail=detail) if detail == _UNPARSED:
            return Problem(422, "Invalid request", "the body is not JSON in UTF-8")
        case HTTPException():
            phrase = _phrase(error.status_code)
            return Problem(error.status_code, phrase, str(error.detail or phrase), error.headers)
        case _:
            detail = "The server met an error that it did not expect; its log has it under this request_id"
            return Problem(500, _phrase(500), detail)


def _errors(found: Sequence[Any]) -> list[dict[str, str]]:
    """FastAPI's errors by place and text, without the inputs that it repeats."""
    return [{"location": ".".join(map(str, one["loc"])), "detail": str(one["msg"])} for one in found]


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
