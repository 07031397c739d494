"""The application of a worker: predictions in front, everything else by FastAPI (`rest`)."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Coroutine
from types import FrameType

from starlette.types import ASGIApp, Receive, Scope, Send

from slipway.serving import heartbeat, rest, withdrawal
from slipway.serving.audit import AuditLog
from slipway.serving.bandits import Bandits
from slipway.serving.capture import Capture
from slipway.serving.control import Control
from slipway.serving.ensembles import Together
from slipway.serving.experiments import Experiments
from slipway.serving.indexing import Indexing
from slipway.serving.inference import Inference
from slipway.serving.measures import Measures
from slipway.serving.middleware import protected
from slipway.serving.models import ENSEMBLE, Models
from slipway.serving.outcomes import Outcomes
from slipway.serving.predictions import PREFIX, Predictions
from slipway.serving.recording import Recording
from slipway.serving.release import Loaded, key
from slipway.serving.restraints import Restraints
from slipway.serving.rollouts import Rollouts
from slipway.serving.settings import Settings
from slipway.serving.stopping import Stopping
from slipway.serving.tokens import Tokens
from slipway.serving.watch import Watch
from slipway.serving.withdrawal import Failures
from slipway.serving.worker_number import claim
from slipway.traffic.log import MOST_KEPT, Log
from slipway.traffic.records import OUTCOMES, PREDICTIONS
from slipway.traffic.units import Units
from slipway_edge.redaction import guard

MEASURED = 1.0
"""Seconds between two measurements of a worker's own state."""


def create(settings: Settings) -> ASGIApp:
    """Return the application of a worker behind its middleware. The working folder becomes the repository."""
    guard()
    os.chdir(settings.repository)
    audit = AuditLog(settings.audit)
    worker = Worker(settings, audit)
    return protected(worker, Tokens(settings.tokens), settings.limits, audit, settings.loopback)


class Worker:
    """What a worker has: its models, the thread that runs them, the task that follows the tags, measures and log."""

    def __init__(self, settings: Settings, audit: AuditLog) -> None:
        self._settings = settings
        self._audit = audit
        number = claim(settings.shared)
        self._measures = Measures(settings.shared / "measures", number)
        self._log = None if settings.log is None else Log(settings.log, PREDICTIONS, number)
        outcomes = None if settings.log is None else Log(settings.log, OUTCOMES, number)
        units = None if settings.log is None else Units(settings.log)
        self._models = Models(settings.role, settings.models, settings.cache_bytes)
        self._inference = Inference(settings.most_waiting)
        self._watch = Watch(settings, self._models, self._measures.loaded)
        self._indexing = Indexing(settings)
        self._restraints = Restraints(settings.shared)
        self._bandits = Bandits(settings, units, lambda: self._experiments.running(), lambda: self._indexing.keeps)
        self._experiments = Experiments(self._models, self._accepts, self._restraints, self._bandits)
        self._rollouts = Rollouts(self._models, self._accepts, self._restraints)
        self._predictions = Predictions(
            self._models, self._inference, self._watch, self._experiments, self._rollouts, outcomes, settings
        )
        self._control = Control(settings, self._models, self._indexing, self._watch, self._measures)
        self._capture = None if settings.capturing is None else Capture(settings.capturing, self._measures)
        self._stopping = Stopping(settings, self._models, self._indexing, self._watch, self._measures)
        self._draining = False
        self._rest = rest.build(
            self._models,
            self._watch,
            self._predictions,
            self._rollouts,
            settings.releases,
            None if outcomes is None or units is None else Outcomes(outcomes, units, self._indexing),
            settings.log,
            self._metrics,
            lambda: self._draining,
            self._problems,
            lambda _: self._running(),
        )
        self._failures = Failures()
        self._recorded = Recording(
            self._answer, self._measures, self._log, units, self._models.is_held, self._withdraw_if_it_fails
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or start and end the worker."""
        await self._recorded(scope, receive, send)

    def _problems(self) -> tuple[str, ...]:
        """What is wrong with the state store, the rollouts, the experiments and captures."""
        behind = self._indexing.problem
        uncaptured = None if self._capture is None else self._capture.problem
        own = (one for one in (behind, uncaptured) if one is not None)
        return (*own, *self._control.problems, *self._stopping.problems, *self._bandits.problems)

    def _accepts(self) -> bool:
        """Whether exposures can be written, or be kept until they can."""
        return self._log is not None and self._log.kept < MOST_KEPT

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"].startswith(PREFIX):
            await self._predictions(scope, receive, send)
        else:
            await self._rest(scope, receive, send)
        if self._capture is not None and scope["type"] == "http":
            self._capture.offer(scope["state"])

    @contextlib.asynccontextmanager
    async def _running(self) -> AsyncIterator[None]:
        """Load the models before the worker takes requests; then follow the tags until it ends."""
        self._inference.start()
        self._watch.start()
        self._indexing.start()
        if self._capture is not None:
            self._capture.start()
        self._bandits.start()
        self._drain_on_sigterm()
        tasks = [asyncio.create_task(one) for one in (self._indexing.run(), self._restraints.run())]
        await self._watch.refresh()
        if self._settings.state is not None:
            await self._restraints.first()
        await self._bandits.look()
        tasks += [asyncio.create_task(one) for one in self._endless()]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()

    def _endless(self) -> "tuple[Coroutine[None, None, None], ...]":
        deciding = self._control.run(), self._stopping.run(), self._bandits.run()
        own = self._watch.run(), self._keep_measuring(), self._beat(), *deciding
        return own if self._capture is None else (*own, self._capture.run())

    async def _beat(self) -> None:
        await heartbeat.beat(self._settings.shared / heartbeat.FOLDER)

    async def _keep_measuring(self) -> None:
        """Measure the state of this worker until the task is cancelled, so that other workers can tell it."""
        while True:
            self._measure()
            await asyncio.sleep(MEASURED)

    def _measure(self) -> None:
        serving, answering = self._models.serving, self._models.ensembles
        ready = {
            place: place in serving and key(serving[place].version) == key(version)
            for place, version in self._models.followed().items()
        }
        for name, one in self._models.voting().items():
            ready[name, ENSEMBLE] = name in answering and answering[name].model_version == one.version
        self._measures.worker(
            waiting=self._inference.waiting,
            loaded=sum(one.bytes for one in self._models.loaded()),
            lost=self._audit.lost + (0 if self._log is None else self._log.lost),
            fetched=self._watch.fetched_at,
            ready=ready,
        )

    def _withdraw_if_it_fails(self, model: Loaded | Together, failed: bool) -> None:
        """Count a request to a version, and go back to the version before if too many fail."""
        if (path := self._settings.withdrawn) is None:
            return
        for place, one in self._models.serving.items():
            tag = self._models.roles.given.get(place) if one is model else None
            if tag is not None and (reason := self._failures.count(tag, failed)) is not None:
                withdrawal.add(path, tag, reason)

    def _metrics(self) -> bytes:
        """The measures of all workers."""
        self._measure()
        return self._measures.text(self._settings.shared)

    def _drain_on_sigterm(self) -> None:
        """On SIGTERM, say at once that the server is not ready, and end after a moment in which others notice."""
        end, loop = signal.getsignal(signal.SIGTERM), asyncio.get_running_loop()

        def drain(number: int, frame: FrameType | None) -> None:
            if callable(end):
                loop.call_soon_threadsafe(
                    loop.call_later, 0 if self._draining else self._settings.grace, end, number, None
                )
            self._draining = True

        with contextlib.suppress(ValueError):  # not in the main thread, as in a test
            signal.signal(signal.SIGTERM, drain)
