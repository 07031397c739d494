"""Errors as problem documents (RFC 9457), each with the id of its request."""

import logging
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any

import orjson

logger = logging.getLogger("slipway.serving")
Application = Callable[..., Awaitable[None]]


class Problem(Exception):  # noqa: N818 - the term of RFC 9457
    """An error for the caller, which the server answers as `application/problem+json`.

    `status` is the HTTP status, `title` the kind of error in a few words, `detail` what was found, where, and what to
    do. Further `members` are added to the document; `retry_after` in seconds is a header too.
    """

    def __init__(self, status: int, title: str, detail: str, **members: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.detail = detail
        self.members = members

    def document(self, request_id: str) -> dict[str, Any]:
        """Return the problem document."""
        fixed = {"type": "about:blank", "title": self.title, "status": self.status, "detail": self.detail}
        return {**fixed, "request_id": request_id, **self.members}


class Problems:
    """Gives each request an id, and answers with a problem document when `application` raises."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        request_id = uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        begun = False

        async def sending(message: MutableMapping[str, Any]) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._application(scope, receive, sending)
            return
        except Problem as raised:
            problem = raised
        except Exception:
            logger.exception("request %s failed", request_id)
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            problem = Problem(status, status.phrase, "the server failed; its log says why, under this request_id")
        if begun:
            return
        content = orjson.dumps(problem.document(request_id))
        headers = [(b"content-type", b"application/problem+json"), (b"content-length", str(len(content)).encode())]
        if (seconds := problem.members.get("retry_after")) is not None:
            headers.append((b"retry-after", str(seconds).encode()))
        await send({"type": "http.response.start", "status": problem.status, "headers": headers})
        await send({"type": "http.response.body", "body": content})
