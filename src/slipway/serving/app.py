"""The application of a worker: predictions in front, everything else by FastAPI (`rest`)."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from types import FrameType

from starlette.types import ASGIApp, Receive, Scope, Send

from slipway.serving import rest
from slipway.serving.audit import AuditLog
from slipway.serving.inference import Inference
from slipway.serving.middleware import protected
from slipway.serving.models import Models
from slipway.serving.predictions import PREFIX, Predictions
from slipway.serving.settings import Settings
from slipway.serving.tokens import Tokens
from slipway.serving.watch import Watch
from slipway_edge.redaction import guard


def create(settings: Settings) -> ASGIApp:
    """Return the application of a worker behind its middleware. The working folder becomes the repository."""
    guard()
    os.chdir(settings.repository)
    worker, audit = Worker(settings), AuditLog(settings.audit)
    return protected(worker, Tokens(settings.tokens), settings.limits, audit, settings.loopback)


class Worker:
    """What a worker has: its models, the thread that runs them, and the task that follows the tags."""

    def __init__(self, settings: Settings) -> None:
        self._grace = settings.grace
        self._models = Models(settings.role, settings.models, settings.cache_bytes)
        self._inference = Inference(settings.most_waiting)
        self._watch = Watch(settings, self._models)
        self._predictions = Predictions(self._models, self._inference, self._watch, settings)
        self._draining = False
        self._rest = rest.build(
            self._models, self._watch, self._predictions, lambda: self._draining, lambda _: self._running()
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or start and end the worker."""
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"].startswith(PREFIX):
            await self._predictions(scope, receive, send)
        else:
            await self._rest(scope, receive, send)

    @contextlib.asynccontextmanager
    async def _running(self) -> AsyncIterator[None]:
        """Load the models before the worker takes requests; then follow the tags until it ends."""
        self._inference.start()
        self._watch.start()
        self._drain_on_sigterm()
        await self._watch.refresh()
        following = asyncio.create_task(self._watch.run())
        try:
            yield
        finally:
            following.cancel()

    def _drain_on_sigterm(self) -> None:
        """On SIGTERM, say at once that the server is not ready, and end after a moment in which others notice."""
        end, loop = signal.getsignal(signal.SIGTERM), asyncio.get_running_loop()

        def drain(number: int, frame: FrameType | None) -> None:
            if callable(end):
                loop.call_soon_threadsafe(loop.call_later, 0 if self._draining else self._grace, end, number, None)
            self._draining = True

        with contextlib.suppress(ValueError):  # not in the main thread, as in a test
            signal.signal(signal.SIGTERM, drain)
