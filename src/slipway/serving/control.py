"""Take the steps of rollouts, and take back what does harm.

The worker that keeps the index of the state store follows the logs; of several servers, the one with the lease decides
(`slipway.rollouts.controller`). Tags are written by a `slipway rollout` of its own process. Of two that write at once,
one is told that somebody was quicker. A push that is refused is tried again, and the share stays 0.
"""

import asyncio
import logging
import os
import socket
import time
import uuid
from dataclasses import dataclass
from functools import partial

from slipway.core.errors import SlipwayError
from slipway.rollouts import history
from slipway.rollouts.controller import Act, Controller
from slipway.serving import commands, restraints
from slipway.serving.alerting import Alerting
from slipway.serving.background import Background
from slipway.serving.commands import Commands
from slipway.serving.indexing import Indexing
from slipway.serving.measures import Measures
from slipway.serving.models import Models
from slipway.serving.problems import Problem
from slipway.serving.settings import Settings
from slipway.serving.watch import Watch
from slipway.state.store import Store

TICK = 0.25
"""Seconds between two looks at the logs."""
LONGEST_PAUSE = 60.0
"""The most seconds until a tag that could not be written is tried again."""
logger = logging.getLogger("slipway.serving")


@dataclass(frozen=True)
class _Failure:
    """Why an act could not be completed, how often, and when to try again, in seconds of the monotonic clock."""

    why: str
    count: int
    again: float


class Control:
    """The controller of a worker; without a log it does nothing.

    Args:
        settings: those of the server.
        models: what the tags say, and the versions that answer.
        indexing: whose worker follows the logs.
        watch: follows the tags that were written.
        measures: where shares and findings are told.
    """

    def __init__(
        self, settings: Settings, models: Models, indexing: Indexing, watch: Watch, measures: Measures
    ) -> None:
        self._models = models
        self._indexing = indexing
        self._watch = watch
        self._measures = measures
        self._alerting = Alerting(settings)
        self._commands = Commands()
        self._thread = Background("rollouts")
        self._controller: Controller | None = None
        if settings.state is not None and settings.log is not None:
            holder = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
            held = partial(restraints.write, settings.shared)
            self._controller = Controller(Store(settings.state), settings.log, holder, held)
        self._told: set[str] = set()
        self._acting: dict[str, asyncio.Task[None]] = {}
        self._failures: dict[str, _Failure] = {}
        self._problem: str | None = None

    @property
    def problems(self) -> tuple[str, ...]:
        """What could not be decided or written, in words."""
        return (*(() if self._problem is None else (self._problem,)), *(one.why for one in self._failures.values()))

    async def run(self) -> None:
        """Decide until the task is cancelled."""
        if self._controller is None:
            return
        self._thread.start()
        while True:
            await asyncio.sleep(TICK)
            if self._indexing.keeps and (self._models.roles.rollouts or self._told):
                await self._look(self._controller)

    async def _look(self, controller: Controller) -> None:
        """Look at the logs once, and begin to write what follows."""
        roles, now = self._models.roles, time.time()
        running = {one.subject: one for one in roles.rollouts.values() if one.is_watched(now)}
        parity = {
            one.subject: getattr(self._models.serving.get((one.variant, history.CANARY)), "difference", None)
            for one in running.values()
        }
        try:
            looks, acts = await self._thread.run(lambda: controller.look(running, roles.variants, parity, now))
        except (SlipwayError, OSError) as error:
            if self._problem is None:
                logger.warning("rollouts are not decided: %s", error)
            self._problem = f"rollouts are not decided: {error}"
            return
        self._problem = None
        for one in looks:
            rollout, found = one.rollout, one.decision
            self._measures.rollout(rollout.variant, rollout.share, rollout.paused, one.units, found.e_values)
            if found.action == "take back":
                logger.warning("%s is taken back: %s", rollout.subject, found.why)
        variants = {one.variant for one in running.values()}
        for variant in self._told - variants:
            self._measures.rollout_ended(variant)
        self._told = variants
        for act in acts:
            self._begin(act)

    def _begin(self, act: Act) -> None:
        """Write what was decided, unless that is being done already or was tried a moment ago."""
        subject, failed = act.rollout.subject, self._failures.get(act.rollout.subject)
        if subject in self._acting or (failed is not None and failed.again > time.monotonic()):
            return
        task = self._acting[subject] = asyncio.create_task(self._act(act))
        task.add_done_callback(lambda _: self._acting.pop(subject, None))

    async def _act(self, act: Act) -> None:
        rollout = act.rollout
        command = ["rollout", "apply", rollout.variant, act.action, f"--number={rollout.number}", f"--reason={act.why}"]
        if (
            act.action != "take back"
        ):  # harm is harm at any share; what was counted at one share decides nothing at another
            command.append(f"--after={rollout.tag}")
        try:
            done = await self._commands.run(*command, *await commands.push(), token=None, stdin=act.evidence)
        except Problem as error:
            await self._watch.refresh()
            if self._models.roles.rollouts.get(rollout.variant) != rollout:
                self._failures.pop(rollout.subject, None)
                return  # somebody was quicker
            self._fail(act, f"{rollout.variant}@{rollout.version}: {act.action} could not be written: {error.detail}")
            return
        self._failures.pop(rollout.subject, None)
        logger.info("%s: %s, %s", rollout.subject, act.action, ", ".join(done["tags"]))
        if act.action == "take back":
            self._measures.taken_back(rollout.variant)
        await self._watch.refresh()
        if act.action in ("take back", "pause"):
            alert = "RollbackTriggered" if act.action == "take back" else "RolloutPaused"
            told = {"alert": alert, "model": rollout.variant, "version": rollout.version}
            self._alerting.send({**told, "why": act.why, "tags": done["tags"]})

    def _fail(self, act: Act, why: str) -> None:
        """Note that a tag could not be written, and when to try again."""
        subject = act.rollout.subject
        count = self._failures[subject].count + 1 if subject in self._failures else 1
        self._failures[subject] = _Failure(why, count, time.monotonic() + min(LONGEST_PAUSE, 2.0**count))
        logger.warning("%s", why)
