"""Senders that are too slow, or send too many headers: 408 and 431, by uvicorn's own protocol class.

uvicorn has no time limit for a request that has begun (its issue 157), and an ASGI application is not called before the
headers are complete, so a client that sends a byte now and then would hold its connection for ever. `options` gives
uvicorn the class that it would use anyway, with deadlines. For late headers this answers itself. For a late body it
notes `overdue` in the state of the request and wakes up who waits for the body: `slipway.serving.bodies` sees it and
refuses the request like any other. There is one timer for each connection and none for each request.

When the server ends, uvicorn closes every connection without a request, also one that a client has just opened and on
which a request is on its way. Such a connection stays open for `LAST_SECONDS` more, for one request.

A client that is refused may still be sending its body. The rest of it is taken in for a short while and thrown away:
closing at once would reset the connection, and many clients would then never see the answer.
"""

import asyncio
import sys
from functools import partial
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

from slipway.serving.audit import AuditLog
from slipway.serving.limits import Limits
from slipway.serving.problems import MEDIA_TYPE, Problem, document, new_id

LAST_SECONDS = 2.0
"""Seconds in which the first request on a new connection may come after the server began to end."""


def options(limits: Limits, audit: AuditLog) -> dict[str, Any]:
    """Return the settings of uvicorn that access depends on, also for several workers.

    Besides the deadlines: no log of requests, since it has their queries, no WebSockets, and no name of the server.

    Args:
        limits: how slow a sender and how long its headers may be.
        audit: where refusals before the end of the headers are written; the same as that of the middleware.
    """
    return {
        "http": partial(Protocol, limits, audit),
        "h11_max_incomplete_event_size": limits.head,
        "ws": "none",
        "access_log": False,
        "server_header": False,
    }


class _Deadline(asyncio.Protocol):
    """What is added to uvicorn's protocol.

    `_complete` is the cycle (uvicorn's name for a request with its response) whose request arrived as a whole. `_since`
    is when the first byte of the next request arrived, None until then, and `_arrived` how many bytes of it have.
    """

    cycle: Any
    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport

    def __init__(self, limits: Limits, audit: AuditLog, **of_uvicorn: Any) -> None:
        super().__init__(**of_uvicorn)
        self.limits = limits
        self.audit = audit

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._complete: Any = None
        self._since: float | None = self.loop.time()
        self._arrived = 0
        self._last = False
        self._timer = self.loop.call_later(self.limits.head_seconds, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take in bytes, and note whether a request has begun or is complete."""
        if self._since is None:
            self._since = self.loop.time()
        self._arrived += len(data)
        super().data_received(data)
        if self._last and self.cycle is not None:
            self.cycle.keep_alive = False
        if self._is_in_head():
            if self._arrived > self.limits.head:
                self._refuse(431, "Headers too large", f"more than {self.limits.head:,} bytes of headers")
        elif not self.cycle.more_body:
            self._complete, self._since, self._arrived = self.cycle, None, 0

    def shutdown(self) -> None:
        """Close the connection when the server ends; a new one after its first request, or if none comes soon."""
        if self.cycle is not None or self._last:
            super().shutdown()  # type: ignore[misc]
            return
        self._last = True
        self.loop.call_later(LAST_SECONDS, self._close_unused)

    def on_response_complete(self) -> None:
        """Wait for the rest of a body that nobody reads any more, but not for long."""
        answered = self.cycle
        super().on_response_complete()  # type: ignore[misc]
        if answered.more_body:
            self.loop.call_later(self.limits.linger_seconds, self._hang_up, answered)

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP."""
        if getattr(sys.exception(), "error_status_hint", 400) == 431:
            self._refuse(431, "Headers too large", f"more than {self.limits.head:,} bytes of headers")
        else:
            self._refuse(400, "Not HTTP", "what was sent is not a request of HTTP/1.1")

    def _look(self) -> None:
        """Refuse what is overdue, and look again when something could be."""
        left = self._left()
        if left <= 0:
            self._refuse_overdue()
            left = self.limits.head_seconds
        self._timer = self.loop.call_later(left, self._look)

    def _left(self) -> float:
        """Seconds until a request in progress is overdue; without one, until the next one could be."""
        if self._since is None:
            return self.limits.head_seconds
        if self._is_in_head():
            allowed = self.limits.head_seconds
        else:
            allowed = self.limits.body_seconds + self._arrived / self.limits.slowest
        return self._since + allowed - self.loop.time()

    def _refuse_overdue(self) -> None:
        if not self._is_in_head():
            self.cycle.scope["state"]["overdue"] = True
            self.cycle.message_event.set()
        elif not self._arrived:
            self.transport.close()
        elif not self._owes_an_answer():  # to the request before, for which the client may well wait
            late = f"{self._arrived:,} bytes of headers arrived in {self.limits.head_seconds:g} s, and no end of them"
            self._refuse(408, "Too slow", late)

    def _is_in_head(self) -> bool:
        return self.cycle is self._complete

    def _owes_an_answer(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _close_unused(self) -> None:
        if self.cycle is None:
            self.transport.close()

    def _hang_up(self, cycle: Any) -> None:
        if self.cycle is cycle and cycle.response_complete:
            self.transport.close()

    def _refuse(self, status: int, title: str, detail: str) -> None:
        if self.transport.is_closing():
            return
        problem, identity = Problem(status, title, detail), new_id()
        self.audit.refused(problem, identity)
        if self._owes_an_answer():  # the client would take this for the answer to the request before
            self.transport.close()
            return
        content = document(problem, identity)
        head = (
            f"HTTP/1.1 {status} {title}\r\ncontent-type: {MEDIA_TYPE}\r\ncontent-length: {len(content)}\r\n"
            f"x-request-id: {identity}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + content)
        self.transport.close()


Protocol = type("Protocol", (_Deadline, AutoHTTPProtocol), {"__module__": __name__})
"""uvicorn's HTTP protocol (httptools where it is installed, otherwise h11) with deadlines; workers find it by name."""
