"""Take the steps of rollouts, and take back what does harm: one controller at a time over all workers and servers.

The worker that keeps the index of the state store follows the logs; of several servers, the one with the lease decides.
To take a version back, the share is first held down to 0 in the state store, with the evidence, and then a tag says so,
written by a `slipway rollout` of its own process. A controller that is killed in between leaves the restraint, and the
next one completes it. Of two that write at once, one is told that somebody was quicker. A push that is refused is tried
again, and the share stays 0.
"""

import asyncio
import logging
import os
import socket
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from slipway.core.errors import SlipwayError
from slipway.rollouts import history, observations
from slipway.rollouts.decision import Decision, decide
from slipway.rollouts.evidence import Counting
from slipway.rollouts.history import Rollout
from slipway.serving import commands
from slipway.serving.alerting import Alerting
from slipway.serving.background import Background
from slipway.serving.commands import Commands
from slipway.serving.indexing import Indexing
from slipway.serving.measures import Measures
from slipway.serving.models import Models
from slipway.serving.problems import Problem
from slipway.serving.restraints import write
from slipway.serving.settings import Settings
from slipway.serving.watch import Watch
from slipway.state import leases
from slipway.state import restraints as stored
from slipway.state.store import Store
from slipway.traffic.records import OUTCOMES, PREDICTIONS
from slipway.traffic.tail import Tail

TICK = 0.25
"""Seconds between two looks at the logs."""
LEASE = 8.0
"""Seconds after which another server decides, if the one with the lease is gone."""
LONGEST_PAUSE = 60.0
"""The most seconds until a tag that could not be written is tried again."""
logger = logging.getLogger("slipway.serving")


@dataclass(frozen=True)
class _Act:
    """What is to be written about a rollout."""

    rollout: Rollout
    action: str
    why: str
    evidence: str


@dataclass(frozen=True)
class _Failure:
    """Why an act could not be completed, how often, and when to try again, in seconds of the monotonic clock."""

    why: str
    count: int
    again: float


class _Followed:
    """A rollout whose logs are followed."""

    def __init__(self, rollout: Rollout, logs: Path) -> None:
        self._exposures = Tail(logs / PREDICTIONS, f'"experiment":"{rollout.subject}"'.encode())
        self._outcomes = Tail(logs / OUTCOMES)
        self._subject = rollout.subject
        self.counting: Counting = observations.count(rollout, logs)

    def read(self) -> None:
        """Count what the logs have more."""
        for one in _records(self._exposures.lines()):
            if one.get("experiment") == self._subject:
                keys = ("request_id", "unit", "arm", "share", "status", "seconds", "predictions")
                self.counting.expose(observations.exposure(*(one[key] for key in keys)))
        for one in _records(self._outcomes.lines()):
            self.counting.report(one["metric"], one["value"], one["request_id"], one["unit"])


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
        self._settings = settings
        self._models = models
        self._indexing = indexing
        self._watch = watch
        self._measures = measures
        self._alerting = Alerting(settings)
        self._commands = Commands()
        self._thread = Background("rollouts")
        self._holder = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._store = None if settings.state is None else Store(settings.state)
        self._lease: leases.Lease | None = None
        self._followed: dict[str, _Followed] = {}
        self._acting: dict[str, asyncio.Task[None]] = {}
        self._failures: dict[str, _Failure] = {}
        self._problem: str | None = None

    @property
    def problems(self) -> tuple[str, ...]:
        """What could not be decided or written, in words."""
        return (*(() if self._problem is None else (self._problem,)), *(one.why for one in self._failures.values()))

    async def run(self) -> None:
        """Decide until the task is cancelled."""
        if self._settings.log is None or self._store is None:
            return
        self._thread.start()
        while True:
            await asyncio.sleep(TICK)
            roles = self._models.roles
            running = {one.subject: one for one in roles.rollouts.values() if one.is_watched(time.time())}
            if not self._indexing.keeps or not (running or self._followed):
                continue
            parity = {
                one.subject: getattr(self._models.serving.get((one.variant, history.CANARY)), "difference", None)
                for one in running.values()
            }
            try:
                acts = await self._thread.run(partial(self._step, running, parity))
                self._problem = None
            except (SlipwayError, OSError) as error:
                if self._problem is None:
                    logger.warning("rollouts are not decided: %s", error)
                self._problem = f"rollouts are not decided: {error}"
                continue
            for act in acts:
                self._begin(act)

    def _step(self, running: Mapping[str, Rollout], parity: Mapping[str, float | None]) -> list[_Act]:
        """Count, and return what is to be written."""
        logs, store = self._settings.log, self._store
        assert logs is not None and store is not None  # checked by `run`
        for subject in self._followed.keys() - running.keys():
            self._measures.rollout_ended(subject.split("/")[1])
            del self._followed[subject]
        for subject, rollout in running.items():
            if subject not in self._followed:
                self._followed[subject] = _Followed(rollout, logs)
            self._followed[subject].read()
        if not self._may_decide(store):
            return []
        held = stored.read(store)
        self._lift(store, held)
        acts = []
        for subject, rollout in running.items():
            if (restraint := held.get(subject)) is not None:
                acts.append(_Act(rollout, "take back", restraint.why, restraint.evidence))
                continue
            hours = rollout.hours(time.time())
            evidence = self._followed[subject].counting.evidence(hours, parity[subject])
            decided = decide(rollout.plan, evidence, rollout.share)
            self._tell(rollout, decided, evidence.units(rollout.share))
            if decided.action == "take back":
                stored.restrain(store, subject, 0, decided.why, evidence.to_json(), time.time())
                write(self._settings.shared, {name: one.share for name, one in stored.read(store).items()})
                logger.warning("%s is taken back: %s", subject, decided.why)
            if decided.action == "take back" or (decided.action in ("step", "pause") and not rollout.paused):
                acts.append(_Act(rollout, decided.action, decided.why, evidence.to_json()))
        return acts

    def _may_decide(self, store: Store) -> bool:
        """Whether this server has the lease; it is renewed in time."""
        now = time.time()
        if self._lease is None or self._lease.until - now < LEASE / 2:
            self._lease = leases.take(store, "rollouts", self._holder, now=now, seconds=LEASE)
        return self._lease is not None

    def _lift(self, store: Store, held: Mapping[str, stored.Restraint]) -> None:
        """Remove restraints of rollouts that have ended by a tag."""
        for subject in held:
            kind, _, rest = subject.partition("/")
            variant, _, number = rest.rpartition("/")
            known = self._models.roles.variants.get(variant)
            if kind == "rollouts" and known is not None and number.isdigit() and history.has_ended(known, int(number)):
                stored.lift(store, subject)

    def _tell(self, rollout: Rollout, decided: Decision, units: int) -> None:
        self._measures.rollout(rollout.variant, rollout.share, rollout.paused, units, decided.e_values)

    def _begin(self, act: _Act) -> None:
        """Write what was decided, unless that is being done already or was tried a moment ago."""
        subject, failed = act.rollout.subject, self._failures.get(act.rollout.subject)
        if subject in self._acting or (failed is not None and failed.again > time.monotonic()):
            return
        task = self._acting[subject] = asyncio.create_task(self._act(act))
        task.add_done_callback(lambda _: self._acting.pop(subject, None))

    async def _act(self, act: _Act) -> None:
        rollout = act.rollout
        command = ("rollout", "apply", rollout.variant, act.action, f"--number={rollout.number}", f"--reason={act.why}")
        try:
            done = await self._commands.run(*command, *await commands.push(), token=None, text=act.evidence)
        except Problem as error:
            await self._watch.refresh()
            if self._models.roles.rollouts.get(rollout.variant) != rollout:
                self._failures.pop(rollout.subject, None)
                return  # somebody was quicker
            count = self._failures[rollout.subject].count + 1 if rollout.subject in self._failures else 1
            why = f"{rollout.variant}@{rollout.version}: {act.action} could not be written: {error.detail}"
            again = time.monotonic() + min(LONGEST_PAUSE, 2.0**count)
            self._failures[rollout.subject] = _Failure(why, count, again)
            logger.warning("%s", why)
            return
        self._failures.pop(rollout.subject, None)
        logger.info("%s: %s, %s", rollout.subject, act.action, ", ".join(done["tags"]))
        if act.action == "take back":
            self._measures.taken_back(rollout.variant)
        await self._watch.refresh()
        if act.action in ("take back", "pause"):
            self._alerting.send(
                {
                    "alert": "RollbackTriggered" if act.action == "take back" else "RolloutPaused",
                    "model": rollout.variant,
                    "version": rollout.version,
                    "why": act.why,
                    "tags": done["tags"],
                }
            )


def _records(lines: list[bytes]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            yield orjson.loads(line)
        except orjson.JSONDecodeError:
            continue  # the first part of a line that a full disk cut off
