"""Look at the running experiments every few seconds, and stop those that have their verdict.

One worker does it, of all servers with the same state store: the one that keeps the index of its server and has the
lease. If it is killed, another one has the lease within `SECONDS`. A look is a `slipway experiment enforce` of its own
process, since it reads the logs of the experiments; so the event loop, and what it answers, does not wait for it. While
nothing is new there is one a minute, and however large the logs are, looks take at most a tenth of the time.
"""

import asyncio
import logging
import os
import socket
import time
import uuid
from collections.abc import Sequence
from typing import Any

from slipway.experiments.stopping import LEASE
from slipway.serving.commands import Commands
from slipway.serving.indexing import Indexing
from slipway.serving.measures import Measures
from slipway.serving.models import Models
from slipway.serving.problems import Problem
from slipway.serving.settings import Settings
from slipway.serving.watch import Watch
from slipway.state import leases
from slipway.state.leases import Lease
from slipway.state.store import StateError, Store
from slipway.traffic.records import OUTCOMES, PREDICTIONS

SECONDS = 6.0
"""Seconds after which another server may look, if the one with the lease is gone."""
RENEW = 2.0
"""Seconds between two renewals."""
EVERY = 5.0
"""The least seconds between two looks."""
QUIET = 60.0
"""Seconds between two looks while no record is new; time alone ends windows and experiments."""
PART = 10
"""A look is followed by a pause of at least so many times its duration."""
LONGEST_PAUSE = 300.0
"""The most seconds until a stop that could not be written is tried again."""
SHOWN = 3600.0
"""Seconds for which the verdict of an experiment that has ended is among the measures."""
logger = logging.getLogger("slipway.serving")


class Stopping:
    """Stops experiments; without a log it does nothing.

    Args:
        settings: those of the server.
        models: what the tags say.
        indexing: which worker keeps the index.
        watch: follows the tags that were written.
        measures: where verdicts are told.
    """

    def __init__(
        self, settings: Settings, models: Models, indexing: Indexing, watch: Watch, measures: Measures
    ) -> None:
        self.problems: tuple[str, ...] = ()
        """What could not be compared or stopped, in words."""
        self._settings = settings
        self._models = models
        self._indexing = indexing
        self._watch = watch
        self._measures = measures
        self._commands = Commands()
        self._store = None if settings.state is None else Store(settings.state)
        self._holder = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._look: asyncio.Task[None] | None = None
        self._seen: object = None
        self._again = self._quiet = 0.0
        self._failures = 0
        self._shown: dict[str, float] = {}

    async def run(self) -> None:
        """Look until the task is cancelled."""
        while self._settings.log is not None and self._store is not None:
            lease = None
            if self._indexing.keeps and (self._models.roles.experiments or self._shown):
                lease = await asyncio.to_thread(self._take)
            if lease is None:
                self._hide(0)
            elif self._look is None or self._look.done():
                self._hide(SHOWN)
                seen = await asyncio.to_thread(self._new)
                if time.monotonic() >= (self._again if seen != self._seen or self._failures else self._quiet):
                    self._seen, self._look = seen, asyncio.create_task(self._enforce(lease))
            await asyncio.sleep(RENEW)

    def _take(self) -> Lease | None:
        assert self._store is not None  # checked by `run`
        try:
            return leases.take(self._store, LEASE, self._holder, now=time.time(), seconds=SECONDS)
        except StateError:
            return None  # `Indexing` says so

    def _new(self) -> tuple[object, ...]:
        """What a look depends on, beside the time: the sizes of the logs, and which experiments run."""
        assert self._settings.log is not None  # checked by `run`
        logs = [log for kind in (PREDICTIONS, OUTCOMES) for log in (self._settings.log / kind).glob("*/*.jsonl")]
        sizes = sorted((str(log), log.stat().st_size) for log in logs if log.exists())
        return tuple(sizes), self._models.roles.experiments

    async def _enforce(self, lease: Lease) -> None:
        """Look at the experiments once, in a process of its own."""
        began = time.monotonic()
        self._again = self._quiet = began + EVERY  # also if what follows fails as nobody expects
        options = (f"--logs={self._settings.log}", f"--state={self._settings.state}", f"--fence={lease.fence}")
        try:
            found = await self._commands.run("experiment", "enforce", *options, token=None, codes=(0, 1))
            wrong = [f"the experiment {one['id']}: {one['problem']}" for one in found if one["problem"]]
        except Problem as problem:
            found, wrong = [], [f"the experiments cannot be looked at: {problem.detail}"]
        self._report(wrong)
        took = time.monotonic() - began
        self._failures = self._failures + 1 if wrong else 0
        pause = min(LONGEST_PAUSE, EVERY * 2.0**self._failures) if wrong else EVERY
        self._again = time.monotonic() + max(pause, PART * took)
        self._quiet = time.monotonic() + max(QUIET, PART * took)
        for one in found:
            self._tell(one)
        if any(one["tag"] for one in found):
            await self._watch.refresh()

    def _tell(self, one: dict[str, Any]) -> None:
        if "verdict" in one:
            p = {(each["metric"], each["arm"]): each["p"] for each in one["estimates"]}
            self._measures.experiment(one["id"], one["verdict"], one["split_e"], one["units"], p)
            self._shown[one["id"]] = time.monotonic()
        if one["tag"]:
            logger.info("the experiment %s is stopped by %s: %s", one["id"], one["tag"], one["why"])

    def _hide(self, seconds: float) -> None:
        """Remove the experiments from the measures that no look found for some time."""
        for name in [name for name, at in self._shown.items() if time.monotonic() - at >= seconds]:
            self._measures.no_experiment(name)
            del self._shown[name]

    def _report(self, problems: Sequence[str]) -> None:
        """Keep what is wrong, and log what is new of it."""
        for problem in problems:
            if problem not in self.problems:
                logger.warning("%s", problem)
        self.problems = tuple(problems)
