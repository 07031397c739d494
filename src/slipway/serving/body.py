"""Read the body of a request, and send an answer: the few parts of ASGI that the endpoint in front needs."""

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send


async def read(receive: Receive) -> bytes:
    """Return the body of a request.

    Raises:
        ClientDisconnect: the client went away.
    """
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


def header(scope: Scope, name: bytes) -> str:
    """Return the value of a header, empty if it is not there; `name` is in lower case."""
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


async def send(send: Send, content: bytes, kind: bytes) -> None:
    """Answer with bytes of a content type."""
    headers = [(b"content-type", kind), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})
