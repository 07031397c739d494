"""A small application behind the middleware, on a real uvicorn in a thread, and clients that can misbehave."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import orjson
import uvicorn
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel
from starlette.types import Receive, Scope, Send

from slipway.serving import openapi, problems, tokens
from slipway.serving.audit import AuditLog
from slipway.serving.bodies import whole
from slipway.serving.deadline import options
from slipway.serving.limits import Limits, check_pixels, check_rows, check_sound
from slipway.serving.middleware import protected
from slipway.serving.tokens import SCOPES, Tokens

SECRET_INPUT = "input-4711"
LIMITS = replace(
    Limits(), body=200_000, upload=400_000, pixels=1_000_000, seconds=2, rows=50, body_seconds=0.4, slowest=2**20,
    head_seconds=0.6, linger_seconds=0.4,
)  # fmt: skip


class Outcome(BaseModel):
    unit: str
    value: float


def api() -> FastAPI:
    """Routes with every kind of error."""
    app = FastAPI(title="test", version="1")
    problems.install(app)
    openapi.install(app)

    @app.get("/healthz")
    def healthz() -> dict[str, bool]:
        return {"alive": True}

    @app.get("/api/v1/models", responses=openapi.responses(404))
    def models() -> list[str]:
        return ["a"]

    @app.get("/api/v1/models/{name}")
    def model(name: str, at_least: int = 0) -> str:
        raise HTTPException(404, f"{name} is not a model; there is a", {"X-There": "a"})

    @app.post("/api/v1/outcomes", status_code=202)
    def outcomes(found: list[Outcome]) -> int:
        return len(found)

    @app.post("/api/v1/models/{name}/versions/{version}/promote")
    def promote(name: str, version: str, what: dict[str, Any]) -> dict[str, Any]:
        if what.get("rollout_percentage", 0) > 100:
            raise problems.Problem(422, "Share out of range", "rollout_percentage is above 100", share=101)
        return what

    @app.get("/broken")
    def broken() -> None:
        raise ValueError(SECRET_INPUT)

    return app


def application() -> Any:
    """Predictions as plain ASGI in front of the routes."""
    rest = api()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/api/v1/predict/"):
            await rest(scope, receive, send)
            return
        kind = dict(scope["headers"]).get(b"content-type", b"")
        content = await whole(receive)
        if content == b"burst":
            raise KeyError(SECRET_INPUT)
        if content == b"slow":
            await asyncio.sleep(1)
        if kind.startswith(b"image/"):
            check_pixels(content, LIMITS)
        elif kind.startswith(b"audio/"):
            check_sound(content, LIMITS)
        elif kind.startswith(b"application/json"):
            check_rows(len(orjson.loads(content)), LIMITS)
        answer = orjson.dumps({"bytes": len(content)})
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(answer))]}
        )
        await send({"type": "http.response.body", "body": answer})

    return app


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def problem(self) -> dict[str, Any]:
        """The problem document that it is."""
        assert self.headers["content-type"] == "application/problem+json"
        found = json.loads(self.content)
        assert found["status"] == self.status
        assert found["request_id"] == self.headers["x-request-id"]
        assert {"type", "title", "detail"} <= found.keys()
        return found


@dataclass(frozen=True)
class Server:
    """A running server; `secrets` has a token for each scope, under the scope's name."""

    port: int
    audit: AuditLog
    tokens: Path
    secrets: Mapping[str, str]

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def send(self, *pieces: bytes, pause: float = 0.0) -> Answer:
        """Send these bytes and return the answer. If the server stops listening, the rest is not sent."""
        with self.connect() as connection:
            try:
                for piece in pieces:
                    connection.sendall(piece)
                    if pause:
                        time.sleep(pause)
            except OSError:
                pass
            return answer_on(connection)

    def ask(
        self, method: str, path: str, body: bytes = b"", token: str | None = None, chunked: bool = False, **headers: str
    ) -> Answer:
        return self.send(*request(method, path, body, token, chunked, **headers))

    def records(self) -> list[dict[str, Any]]:
        """The audit log. A record is written before the answer is sent."""
        return [json.loads(line) for line in self.audit.path.read_text().splitlines()]


def request(
    method: str, path: str, body: bytes = b"", token: str | None = None, chunked: bool = False, **headers: str
) -> Iterable[bytes]:
    """A request of HTTP/1.1 in pieces: the head, and the body in one piece or in chunks."""
    lines = {"host": "127.0.0.1"} | {name.replace("_", "-"): value for name, value in headers.items()}
    if token is not None:
        lines.setdefault("authorization", f"Bearer {token}")
    if chunked:
        lines["transfer-encoding"] = "chunked"
    elif body:
        lines["content-length"] = str(len(body))
    if body:
        lines.setdefault("content-type", "application/json")
    yield (
        f"{method} {path} HTTP/1.1\r\n".encode()
        + b"".join(f"{k}: {v}\r\n".encode() for k, v in lines.items())
        + b"\r\n"
    )
    if not chunked:
        yield body
        return
    for at in range(0, len(body), 10_000):
        piece = body[at : at + 10_000]
        yield b"%x\r\n%s\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"


def answer_on(connection: socket.socket) -> Answer:
    """Read one answer from a connection."""
    response = HTTPResponse(connection)
    response.begin()
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, headers, response.read())


@contextmanager
def serving(
    folder: Path, limits: Limits = LIMITS, loopback: bool = False, with_tokens: bool = True
) -> Iterator[Server]:
    """Run the application; `loopback` is whether it may do without tokens."""
    path = folder / "tokens.json"
    secrets = {scope: tokens.create(path, scope, [scope]) for scope in SCOPES} if with_tokens else {}
    audit = AuditLog(folder / "logs" / "audit.jsonl")
    config = uvicorn.Config(
        protected(application(), Tokens(path), limits, audit, loopback),
        host="127.0.0.1",
        port=0,
        lifespan="off",
        log_config=None,
        **options(limits, audit),
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    try:
        yield Server(server.servers[0].sockets[0].getsockname()[1], audit, path, secrets)
    finally:
        server.should_exit = True
        thread.join(20)
        audit.close()
