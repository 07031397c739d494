"""Follow the tags: look every few seconds, load new versions beside the old ones, and swap them in.

Looking and loading are done by one thread, beside the event loop and the thread of models. Of the workers of a server,
one asks the remote and writes the time into a file of the folder that they share; the others see the file change, and
look at the tags too. So a refresh that one worker is asked for reaches all within `TICK`.
"""

import asyncio
import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from filelock import FileLock

from slipway.core import atomic
from slipway.core.errors import ModelError, SlipwayError
from slipway.ensembles import standing
from slipway.registry.state import Version
from slipway.serving import experiments, release, repository, roles, rollouts, withdrawal
from slipway.serving.background import Background
from slipway.serving.models import Models, Place
from slipway.serving.problems import Problem
from slipway.serving.release import Key, Loaded, key
from slipway.serving.repository import Fetched
from slipway.serving.roles import Roles
from slipway.serving.settings import Settings

logger = logging.getLogger("slipway.serving")

TICK = 0.25
"""Seconds between two looks at the shared file."""
LONGEST_PAUSE = 60.0
"""The most seconds between two tries to load a version."""
MOST_LOADS = 8
"""The most versions that wait to be loaded on demand."""


@dataclass(frozen=True)
class _Failure:
    """Why a version could not be loaded, how often, and when to try again, in seconds of the monotonic clock."""

    why: str
    count: int
    again: float


class Watch:
    """Keeps `models` as Git says; `loaded` is called with the seconds of each load."""

    def __init__(self, settings: Settings, models: Models, loaded: Callable[[float], None]) -> None:
        self._settings = settings
        self._models = models
        self._loaded = loaded
        self._thread = Background("loading")
        self._turn = asyncio.Lock()
        self._loading: dict[Key, asyncio.Future[Loaded]] = {}
        self._failures: dict[Key, _Failure] = {}
        self._seen: tuple[str, str, frozenset[str], tuple[str, ...]] | None = None
        self._stamp = self._withdrawn = 0
        self.problems: tuple[str, ...] = ()
        """What is wrong with Git, the tags or the versions that should answer, in words."""
        self.fetched_at: float | None = None
        """When a worker last read the Git remote, in seconds since 1970; None before."""

    @property
    def _file(self) -> Path:
        return self._settings.shared / "fetched.json"

    def start(self) -> None:
        """Start the thread that looks and loads, for the running event loop."""
        self._thread.start()

    async def run(self) -> None:
        """Follow the tags until the task is cancelled."""
        while True:
            await asyncio.sleep(TICK)
            due = bool(self._settings.poll) and not self._is_recent()
            followed = {key(version) for version in self._models.followed().values()}
            waiting = any(self._may_try(one) for one in self._failures.keys() & followed)
            if due or waiting or self._changed_at() != self._stamp or self._withdrawn_at() != self._withdrawn:
                try:
                    await self.refresh(fetch=due)
                except Exception:  # the next look may succeed, and a server must not end
                    logger.exception("the tags could not be followed")

    async def refresh(self, *, fetch: bool = True, again: bool = False) -> None:
        """Look at the tags, and load what should answer.

        Args:
            fetch: whether to ask the Git remote first.
            again: whether to try at once to load versions that could not be loaded.
        """
        async with self._turn:
            try:
                found, problems = await self._thread.run(lambda: self._look(fetch, again))
            except SlipwayError as error:
                self._report((f"Git: the tags cannot be read: {error}",))
                return
            if found is not None:
                places = (*experiments.places(found.experiments), *rollouts.places(found.rollouts))
                self._models.follow(found, places)
            wrong = []
            for place, version in self._models.followed().items():
                try:
                    await self._bring(place, version, again)
                except SlipwayError as error:
                    wrong.append(f"{version.name} cannot be loaded for {place[1]}: {error}")
            self._report((*problems, *self._models.roles.problems, *wrong))

    async def load(self, address: str) -> Loaded:
        """Load the version that an address means, on demand.

        Raises:
            Problem: 404 if there is none, 429 if too many wait, 503 if it cannot be loaded.
        """
        place, version = self._models.resolve(address)
        if len(self._loading) >= MOST_LOADS and key(version) not in self._loading:
            raise Problem(429, "Too many models are loading", "try again in some seconds", {"Retry-After": "5"})
        try:
            loaded = await self._load(version)
        except SlipwayError as error:
            raise Problem(503, "Model cannot be loaded", f"{version.name} cannot be loaded: {error}")
        self._models.put(loaded, place)
        return loaded

    async def _bring(self, place: Place, version: Version, again: bool) -> None:
        """Make a version answer at a place.

        Raises:
            SlipwayError: it cannot be loaded.
        """
        now = self._models.serving.get(place)
        if now is None or key(now.version) != key(version):
            loaded = self._models.get(version) or await self._load(version, again)
            self._models.put(loaded, place)
            logger.info("%s answers for %s", version.name, place[1])

    async def _load(self, version: Version, again: bool = False) -> Loaded:
        """Load a version, once for all who wait for it; after a failure, only from time to time.

        Raises:
            SlipwayError: it cannot be loaded.
        """
        one = key(version)
        if not again and not self._may_try(one):
            raise ModelError(self._failures[one].why)
        task = self._loading.get(one)
        if task is None:
            began = time.monotonic()
            task = self._thread.run(lambda: release.load(version, self._settings.releases, self._settings.threads))
            self._loading[one] = task
            task.add_done_callback(lambda done: self._finish(one, done, time.monotonic() - began))
        try:
            return await asyncio.shield(task)
        except SlipwayError:
            raise
        except Exception as error:  # a damaged model may raise anything
            raise ModelError(f"{type(error).__name__}: {error}")

    def _finish(self, one: Key, task: "asyncio.Future[Loaded]", seconds: float) -> None:
        """Note whether a version could be loaded."""
        self._loading.pop(one, None)
        error = None if task.cancelled() else task.exception()
        if error is None:
            self._failures.pop(one, None)
            self._loaded(seconds)
            return
        why = str(error) if isinstance(error, SlipwayError) else f"{type(error).__name__}: {error}"
        count = self._failures[one].count + 1 if one in self._failures else 1
        pause = min(LONGEST_PAUSE, max(self._settings.poll, 1) * 2.0 ** (count - 1))
        self._failures[one] = _Failure(why, count, time.monotonic() + pause)

    def _may_try(self, one: Key) -> bool:
        return one not in self._failures or self._failures[one].again <= time.monotonic()

    def _look(self, fetch: bool, again: bool) -> tuple[Roles | None, tuple[str, ...]]:
        """The roles in Git, None if nothing changed since the last look, and what is wrong with Git."""
        fetched = self._fetch(forced=again) if fetch else self._last_fetch()
        self._withdrawn = self._withdrawn_at()
        withdrawn = {} if self._settings.withdrawn is None else withdrawal.read(self._settings.withdrawn)
        head = standing.head()
        now = (repository.refs(), head, fetched.removed, tuple(withdrawn))
        if now == self._seen:
            return None, fetched.problems
        found = roles.read(repository.effective(fetched.removed), withdrawn, head)
        if (found.experiments or found.rollouts) and self._settings.log is None:
            why = "experiments and rollouts do not run, since they need the log of predictions: leave --no-log out"
            found = replace(found, experiments=(), rollouts={}, problems=(*found.problems, why))
        self._seen = now
        return found, fetched.problems

    def _fetch(self, forced: bool) -> Fetched:
        """Ask the remote, unless another worker just did."""
        with FileLock(self._settings.shared / "fetched.lock"):
            if not forced and self._is_recent():
                return self._last_fetch()
            fetched = repository.fetch(self._settings.own)
            atomic.write_json(
                self._file,
                {
                    "removed": sorted(fetched.removed),
                    "problems": list(fetched.problems),
                    "read": time.time() if fetched.answered else self.fetched_at,
                },
            )
            return self._last_fetch()

    def _last_fetch(self) -> Fetched:
        """The result of the last look at the remote by any worker."""
        self._stamp = self._changed_at()
        if not self._stamp:
            return Fetched()
        found: dict[str, Any] = json.loads(self._file.read_bytes())
        self.fetched_at = found["read"]
        return Fetched(frozenset(found["removed"]), tuple(found["problems"]))

    def _changed_at(self) -> int:
        return _changed_at(self._file)

    def _withdrawn_at(self) -> int:
        return 0 if self._settings.withdrawn is None else _changed_at(self._settings.withdrawn)

    def _is_recent(self) -> bool:
        """Whether a worker asked the remote less than a poll ago; a clock that was put back does not stop polls."""
        return 0 <= time.time() - self._changed_at() / 1e9 < self._settings.poll

    def _report(self, problems: tuple[str, ...]) -> None:
        """Keep what is wrong, and log what is new of it."""
        for problem in problems:
            if problem not in self.problems:
                logger.warning("%s", problem)
        self.problems = problems


def _changed_at(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0
