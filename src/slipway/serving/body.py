"""Read the body of a request, and send an answer: the few parts of ASGI that the endpoints in front need."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from slipway.serving.problems import Problem

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MOST_BYTES = 64 << 20
"""The most bytes of a body."""


class DisconnectedError(Exception):
    """The client went away before its body was complete."""


async def read(scope: Scope, receive: Receive) -> bytes:
    """Return the body of a request.

    Raises:
        Problem: 413 if it is larger than `MOST_BYTES`, as soon as that is known.
        DisconnectedError: the client went away.
    """
    stated = header(scope, b"content-length")
    if stated.isdigit() and int(stated) > MOST_BYTES:
        raise _too_large()
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        return bytes(message.get("body", b""))  # most bodies come in one piece
    parts, size = [], 0
    while True:
        if message["type"] == "http.disconnect":
            raise DisconnectedError
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MOST_BYTES:
            raise _too_large()
        if not message.get("more_body", False):
            return b"".join(parts)
        message = await receive()


def header(scope: Scope, name: bytes) -> str:
    """Return the value of a header, empty if it is not there; `name` is in lower case."""
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


async def send(send: Send, content: bytes, kind: bytes) -> None:
    """Answer with bytes of a content type."""
    headers = [(b"content-type", kind), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def _too_large() -> Problem:
    return Problem(413, "Body too large", f"the body has more than {MOST_BYTES >> 20} MiB; send fewer examples at once")
