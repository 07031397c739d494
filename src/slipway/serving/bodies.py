"""Take in the body of a request: of a type that its path accepts, not too large, not too slow, not nested too deep.

A body of JSON is read whole and checked before the application sees any of it, since nothing can be done with a part.
Any other body is passed on as it arrives, and counted.

How slow is too slow, `slipway.serving.deadline` decides: without its protocol a body has no deadline.

Starlette's own RequestBodyLimitMiddleware counts bytes too. It is not used because it answers in plain text, and lets
the application begin before it looks at the stated length.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from slipway.serving.limits import TITLE, Limits, check_depth
from slipway.serving.problems import Problem
from slipway.serving.rules import Rule


class Bodies:
    """ASGI middleware: 415, 413 or 408 for a body that is not taken in. It needs the `rule` that `Access` finds."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self.app = app
        self.limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or raise the `Problem` that refuses its body."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        kind, length, coding, chunked = _described(scope["headers"])
        if length == 0 or (length is None and not chunked and scope["http_version"].startswith("1")):
            await self.app(scope, receive, send)
            return
        rule: Rule = scope["state"]["rule"]
        most = self.limits.upload if rule.upload else self.limits.body
        _check_type(kind, coding, rule.content)
        if length is not None and length > most:
            raise _too_large(f"{length:,} bytes", most)
        body = _Body(receive, most, scope["state"])
        if kind == "application/json" or kind.endswith("+json"):
            content = await whole(body.receive)
            check_depth(content, self.limits)
            await self.app(scope, _again(content, receive), send)
        else:
            await self.app(scope, body.receive, send)


async def whole(receive: Receive) -> bytes:
    """Return the whole body of a request.

    Raises:
        ClientDisconnect: the client went away before its end.
        Problem: 413 or 408, where `receive` is that which `Bodies` passes on.
    """
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


class _Body:
    """A body on its way in, of which `_most` bytes are allowed."""

    def __init__(self, receive: Receive, most: int, state: Mapping[str, Any]) -> None:
        self._receive = receive
        self._most = most
        self._state = state
        self._arrived = 0

    async def receive(self) -> Message:
        """Return the next message, as ASGI's `receive` does."""
        message = await self._receive()
        if message["type"] == "http.request":
            self._arrived += len(message.get("body", b""))
            if self._arrived > self._most:
                raise _too_large("more bytes than that", self._most)
            if message.get("more_body", False) and "overdue" in self._state:
                raise Problem(
                    408,
                    "Too slow",
                    f"{self._arrived:,} bytes of the body arrived in time, and no end of it",
                    {"Connection": "close"},
                )
        return message


def _described(headers: Iterable[tuple[bytes, bytes]]) -> tuple[str, int | None, str, bool]:
    """What the headers say of a body: its type in lower case, length in bytes, coding, and whether it is chunked."""
    kind, length, coding, chunked = "", None, "", False
    for name, value in headers:
        if name == b"content-type":
            kind = value.partition(b";")[0].strip().lower().decode("latin-1")
        elif name == b"content-length":
            length = int(value) if value.isdigit() else None
        elif name == b"content-encoding":
            coding = value.strip().lower().decode("latin-1")
        elif name == b"transfer-encoding":
            chunked = True
    return kind, length, coding, chunked


def _check_type(kind: str, coding: str, accepted: tuple[str, ...]) -> None:
    if coding not in ("", "identity"):
        raise Problem(
            415,
            "Wrong type of content",
            f"the body is {coding[:40]}; send it as it is",
            {"Accept-Encoding": "identity"},
        )
    found = kind or "application/octet-stream"
    if found.endswith("+json"):
        found = "application/json"
    if not any(found == one or (one.endswith("/") and found.startswith(one)) for one in accepted):
        names = ", ".join(f"{one}*" if one.endswith("/") else one for one in accepted)
        what = f"the body is {kind[:80]}" if kind else "the request does not say what its body is"
        raise Problem(415, "Wrong type of content", f"{what}; set Content-Type to {names}", {"Accept": names})


def _too_large(found: str, most: int) -> Problem:
    return Problem(413, TITLE, f"the body has {found}, and {most:,} bytes are allowed; send less at once")


def _again(content: bytes, receive: Receive) -> Receive:
    """A `receive` whose first message is this whole body."""
    given = False

    async def next_message() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": content, "more_body": False}

    return next_message
