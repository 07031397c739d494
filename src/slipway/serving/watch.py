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
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock

from slipway.core import atomic
from slipway.core.errors import SlipwayError
from slipway.registry.state import Version
from slipway.serving import release, repository, roles
from slipway.serving.models import Models, Place
from slipway.serving.problems import Problem
from slipway.serving.release import Loaded
from slipway.serving.repository import Fetched
from slipway.serving.roles import Roles
from slipway.serving.settings import Settings

logger = logging.getLogger("slipway.serving")
Value = TypeVar("Value")

TICK = 0.25
"""Seconds between two looks at the shared file."""
LONGEST_PAUSE = 60.0
"""The most seconds between two tries to load a version."""
MOST_LOADS = 8
"""The most versions that wait to be loaded on demand."""


@dataclass
class _Tries:
    """How often a version could not be loaded, and when to try again."""

    count: int = 0
    again: float = 0.0


class Watch:
    """Keeps `models` as Git says."""

    def __init__(self, settings: Settings, models: Models) -> None:
        self._settings = settings
        self._models = models
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="loading")
        self._turn = asyncio.Lock()
        self._loading: dict[str, asyncio.Task[Loaded]] = {}
        self._tries: dict[str, _Tries] = {}
        self._seen: tuple[str, frozenset[str]] | None = None
        self._stamp = 0
        self.problems: tuple[str, ...] = ()
        """What is wrong with Git, the tags or the versions that should answer, in words."""

    @property
    def _file(self) -> Path:
        return self._settings.shared / "fetched.json"

    async def run(self) -> None:
        """Follow the tags until the task is cancelled."""
        while True:
            await asyncio.sleep(TICK)
            due = self._settings.poll and time.time() - self._fetched_at() >= self._settings.poll
            waiting = any(tries.again <= time.monotonic() for tries in self._tries.values())
            if due or waiting or self._changed_at() != self._stamp:
                try:
                    await self.refresh(fetch=bool(due))
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
                found, problems = await self._in_thread(lambda: self._look(fetch, again))
            except SlipwayError as error:
                self._report((f"Git: the tags cannot be read: {error}",))
                return
            if found is not None:
                self._models.follow(found)
            for place, version in self._models.followed().items():
                await self._bring(place, version, again)
            wrong = [
                f"{version.name} cannot be loaded for {place[1]}: {why}"
                for place, version in self._models.followed().items()
                if (why := self._models.failed.get(version.name)) is not None
            ]
            self._report((*problems, *self._models.roles.problems, *dict.fromkeys(wrong)))

    async def load(self, address: str) -> Loaded:
        """Load the version that an address means, on demand.

        Raises:
            Problem: 404 if there is none, 429 if too many wait, 503 if it cannot be loaded.
        """
        place, version = self._models.resolve(address)
        task = self._loading.get(version.name)
        if task is None:
            if len(self._loading) >= MOST_LOADS:
                raise Problem(429, "Too many models are loading", "try again in some seconds", {"Retry-After": "5"})
            task = asyncio.create_task(self._in_thread(lambda: release.load(version, self._settings.releases)))
            self._loading[version.name] = task
            task.add_done_callback(lambda _: self._loading.pop(version.name, None))
        try:
            loaded = await asyncio.shield(task)
        except SlipwayError as error:
            raise Problem(503, "Model cannot be loaded", f"{version.name} cannot be loaded: {error}")
        self._models.put(loaded, place)
        return loaded

    async def _bring(self, place: Place, version: Version, again: bool) -> None:
        """Make a version answer at a place, if it can be loaded."""
        now = self._models.serving.get(place)
        if now is not None and now.version == version:
            return
        if (there := self._models.get(version)) is not None:
            self._models.put(there, place)
            return
        tries = self._tries.get(version.name)
        if tries is not None and tries.again > time.monotonic() and not again:
            return
        try:
            loaded = await self._in_thread(lambda: release.load(version, self._settings.releases))
        except Exception as error:  # a damaged model may raise anything, and must not end the server
            tries = self._tries.setdefault(version.name, _Tries())
            tries.again = time.monotonic() + min(LONGEST_PAUSE, 2.0**tries.count * max(self._settings.poll, 1))
            tries.count += 1
            why = str(error) if isinstance(error, SlipwayError) else f"{type(error).__name__}: {error}"
            self._models.failed[version.name] = why
            return
        self._tries.pop(version.name, None)
        self._models.put(loaded, place)
        logger.info("%s answers for %s", version.name, place[1])

    def _look(self, fetch: bool, again: bool) -> tuple[Roles | None, tuple[str, ...]]:
        """The roles in Git, None if nothing changed since the last look, and what is wrong with Git."""
        fetched = self._fetch(forced=again) if fetch else self._last_fetch()
        now = (repository.refs(), fetched.removed)
        if now == self._seen:
            return None, fetched.problems
        found = roles.read(repository.effective(fetched.removed))
        self._seen = now
        wanted = {version.name for version in found.holders.values()}
        self._tries = {name: tries for name, tries in self._tries.items() if name in wanted}
        return found, fetched.problems

    def _fetch(self, forced: bool) -> Fetched:
        """Ask the remote, unless another worker just did."""
        with FileLock(self._settings.shared / "fetched.lock"):
            if not forced and time.time() - self._fetched_at() < self._settings.poll:
                return self._last_fetch()
            fetched = repository.fetch(self._settings.own)
            atomic.write_json(
                self._file, {"removed": sorted(fetched.removed), "problems": list(fetched.problems), "at": time.time()}
            )
            return self._last_fetch()

    def _last_fetch(self) -> Fetched:
        """The result of the last look at the remote by any worker."""
        self._stamp = self._changed_at()
        if not self._stamp:
            return Fetched()
        found: dict[str, Any] = json.loads(self._file.read_bytes())
        return Fetched(frozenset(found["removed"]), tuple(found["problems"]))

    def _changed_at(self) -> int:
        try:
            return self._file.stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    def _fetched_at(self) -> float:
        return self._changed_at() / 1e9

    def _report(self, problems: tuple[str, ...]) -> None:
        """Keep what is wrong, and log what is new of it."""
        for problem in problems:
            if problem not in self.problems:
                logger.warning("%s", problem)
        self.problems = problems

    async def _in_thread(self, work: Callable[[], Value]) -> Value:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
