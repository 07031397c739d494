"""Keep the state store's index of exposures up to date: one worker of a server at a time, on a thread of its own.

A request never waits for it. While the store is away, exposures are in the logs, and are indexed when it is back. The
same worker tells the others which shares the store holds down; while it is away, these stay as they were.
"""

import asyncio
import logging
import time

from filelock import FileLock, Timeout

from slipway.core.errors import SlipwayError
from slipway.serving import restraints
from slipway.serving.background import Background
from slipway.serving.settings import Settings
from slipway.state import restraints as stored
from slipway.state.index import ExposureIndex
from slipway.state.store import StateError, Store

INTERVAL = 0.25
"""Seconds between two batches."""
LONGEST_PAUSE = 5.0
"""The most seconds until a store that was away is tried again."""
LOOK = 0.5
"""Seconds between two looks at the shares that are held down."""
FORGET = 3600.0
"""Seconds between two times at which old requests are removed."""
logger = logging.getLogger("slipway.serving")


class Indexing:
    """The index of a server without a log does nothing, and knows nobody."""

    def __init__(self, settings: Settings) -> None:
        self.problem: str | None = None
        """Why the index is behind the logs; None if it is not, or if another worker keeps it."""
        self._thread = Background("state")
        self._lock = FileLock(settings.shared / "index.lock", thread_local=False)
        self._index: ExposureIndex | None = None
        self._store: Store | None = None
        self._shared = settings.shared
        self._looked = 0.0
        self._forgot = 0.0
        self._pause = INTERVAL
        if settings.log is not None and settings.state is not None:
            self._store = Store(settings.state)
            self._index = ExposureIndex(self._store, settings.log)

    @property
    def keeps(self) -> bool:
        """Whether this worker keeps the index, of those of its server."""
        return self._lock.is_locked

    def start(self) -> None:
        """Start the thread, for the running event loop."""
        self._thread.start()

    async def run(self) -> None:
        """Keep the index until the task is cancelled."""
        while self._index is not None:
            await self._thread.run(self._step)
            await asyncio.sleep(self._pause)

    async def unknown(self, requests: list[str], units: list[str]) -> tuple[list[str], list[str]]:
        """Return those requests and units that took part in no experiment; none if the store is away."""
        index = self._index
        if index is None:
            return requests, units
        try:
            return await self._thread.run(lambda: index.unknown(requests, units))
        except StateError:
            return [], []

    def _step(self) -> None:
        """Index a batch, if this worker keeps the index."""
        if self._index is None or self._store is None:
            return
        try:
            if not self._lock.is_locked:
                self._lock.acquire(timeout=0)
                self._store.migrate()
            if time.monotonic() - self._looked > LOOK:
                held = stored.read(self._store)
                restraints.write(self._shared, {subject: one.share for subject, one in held.items()})
                self._looked = time.monotonic()
            self._index.update()
            if time.monotonic() - self._forgot > FORGET:
                self._index.forget(time.time())
                self._forgot = time.monotonic()
        except Timeout:
            self._pause = 4 * INTERVAL  # another worker keeps it, and may end
            return
        except (SlipwayError, OSError) as error:
            if self.problem is None:
                logger.warning("the state store is behind the logs: %s", error)
            self.problem = f"the state store is behind the logs: {error}"
            restraints.write_if_unknown(self._shared)
            self._lock.release()
            self._pause = min(LONGEST_PAUSE, 2 * self._pause)
            return
        self.problem, self._pause = None, INTERVAL
