"""The bandits of a worker: the shares of new units, the arms of those that have one, and the updates of the shares.

A request looks its unit up in memory. What is there comes from the state store when the worker starts, and from the
logs of all workers as they grow, within `TICK`. A period begins at a stated time, two seconds after its shares are in
the log, so all workers change at once. As long as something of this is missing, a bandit takes no units, and the
version in production answers.

A bandit belongs to one folder of logs, since its rewards, its units and its shares are there. Of servers with one state
store and several such folders, the one with the lease runs it.
"""

import asyncio
import logging
import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from starlette.exceptions import HTTPException

from slipway.core.errors import DataError, SlipwayError
from slipway.experiments import bandit, history
from slipway.experiments.assignment import Split
from slipway.experiments.bandit import Update
from slipway.experiments.definition import Experiment
from slipway.serving.background import Background
from slipway.serving.commands import Commands
from slipway.serving.settings import Settings
from slipway.state import leases
from slipway.state.arms import Arms
from slipway.state.leases import Lease
from slipway.state.store import StateError, Store
from slipway.traffic.units import Units

TICK = 0.25
"""Seconds between two looks at the logs."""
HELD = 30.0
"""Seconds for which a lease is taken."""
RENEWED = 5.0
"""Seconds after which it is renewed."""
ASKED = 1.0
"""Seconds after which a lease that another holder has is asked for again."""
RETRY = 60.0
"""The most seconds until an update that failed is tried again."""
_OWNER = "\0bandits"
"""What is named instead of a unit, so that servers of one folder of logs are one holder: no unit has a NUL."""
logger = logging.getLogger("slipway.serving")


@dataclass(frozen=True, slots=True)
class Seat:
    """The arm of a unit, and the probability with which it got this arm."""

    arm: str
    share: float


class Bandits:
    """The bandits of a worker.

    Args:
        settings: of the server.
        units: what gives units their names in the logs; None without logs, and then no bandit runs.
        running: gives the experiments that run.
        updates: whether this worker is the one that updates the shares.
    """

    def __init__(
        self,
        settings: Settings,
        units: Units | None,
        running: Callable[[], Sequence[Experiment]],
        updates: Callable[[], bool],
    ) -> None:
        self._running = running
        self._updates = updates
        self._folder = settings.log
        self._store = None if settings.state is None or units is None else Store(settings.state)
        self._owner = "" if units is None else units.name(_OWNER)
        self._thread = Background("bandits")
        self._commands = Commands()
        self._found: dict[str, _Bandit] = {}
        self._again: dict[str, float] = {}
        self._updating: dict[str, asyncio.Task[None]] = {}

    @property
    def problems(self) -> list[str]:
        """Why bandits take no units, or are not updated, in words."""
        found = list(self._found.values())
        return [text for one in found for text in (one.problem, one.late) if text is not None]

    def start(self) -> None:
        """Start the thread, for the running event loop."""
        self._thread.start()

    async def run(self) -> None:
        """Follow the bandits until the task is cancelled."""
        try:
            while True:
                await asyncio.sleep(TICK)
                try:
                    await self.look()
                    self._update()
                except Exception:  # the next look may succeed, and a server must not end
                    logger.exception("the bandits could not be followed")
        finally:
            for task in self._updating.values():
                task.cancel()

    async def look(self) -> None:
        """Bring what is known of the running bandits up to date."""
        if self._store is None or self._folder is None:
            return
        running = {one.id: one for one in self._running() if one.definition.bandit is not None}
        self._found = {name: one for name, one in self._found.items() if name in running}
        for name, experiment in running.items():
            if name not in self._found:
                self._found[name] = _Bandit(experiment, self._store, self._folder, self._owner)
            await self._thread.run(self._found[name].look)

    def seat(self, experiment: Experiment, unit: str, name: str | None) -> Seat | None:
        """Return the arm of a unit; None if the bandit takes no units now.

        Args:
            experiment: the bandit, in which the unit takes part.
            unit: the unit.
            name: its name in the logs; None where each request is a unit, which need not be remembered.
        """
        found = self._found.get(experiment.id)
        return None if found is None else found.seat(unit, name)

    def _update(self) -> None:
        """Let a process of its own begin the periods that are due."""
        for name, one in self._found.items():
            now = time.monotonic()
            if one.is_due() and name not in self._updating and now >= self._again.get(name, 0.0) and self._updates():
                self._again[name] = now + one.every
                self._updating[name] = asyncio.create_task(self._reweigh(name, one))

    async def _reweigh(self, name: str, one: "_Bandit") -> None:
        try:
            command = ("experiment", "weights", name, "--update", f"--logs={self._folder}")
            await self._commands.run(*command, token=None)
            one.late = None
        except HTTPException as error:
            one.late = f"the shares of {name} cannot be updated: {error.detail}"
            logger.warning("%s", one.late)
            self._again[name] = time.monotonic() + min(one.every, RETRY)
        finally:
            self._updating.pop(name, None)


@dataclass(frozen=True)
class _Period:
    """A period: its start in seconds since 1970, the ranges of its arms, and a seat of each arm."""

    start: float
    split: Split
    seats: dict[str, Seat]


class _Bandit:
    """What a worker knows of a bandit. `look` runs on a thread, `seat` on the event loop."""

    def __init__(self, experiment: Experiment, store: Store, folder: Path, owner: str) -> None:
        self.problem: str | None = None
        self.late: str | None = None
        self.every = bandit.of(experiment.definition).every.total_seconds()
        self._experiment = experiment
        self._store = store
        self._folder = folder
        self._owner = owner
        self._arms = Arms(store, folder, experiment.id)
        self._units: dict[int, Seat] = {}
        """The seat of each unit, by the first 64 bits of its name in the logs: 90 bytes a unit."""
        self._is_filled = experiment.definition.unit == "request"
        self._began: datetime | None = None
        self._stamp: tuple[int, int] | None = None
        self._read: tuple[Update, ...] = ()
        self._periods: tuple[_Period, ...] = (self._period(0.0, experiment.shares),)
        self._now = 0
        self._lease: Lease | None = None
        self._lacking = self._told = ""
        self._renewed = 0.0
        self._ready = False

    def look(self) -> None:
        """Read what is new; afterwards `problem` says why no units are taken."""
        name = self._experiment.id
        try:
            if self._began is None:
                self._began = history.known(name).starts[0].time
            self._follow_log()
            if self._experiment.definition.unit == "caller":
                self._follow_units()
            why = self._renew()
        except (SlipwayError, OSError) as error:
            why = str(error)
        self._ready = why is None
        problem = None if why is None else f"the bandit {name} takes no units: {why}"
        if problem is not None and problem == self.problem and problem != self._told:  # at two looks, and not at one
            logger.warning("%s", problem)
            self._told = problem
        self.problem = problem

    def seat(self, unit: str, name: str | None) -> Seat | None:
        """As in `Bandits`."""
        now, lease = time.time(), self._lease
        if not self._ready or lease is None or lease.until <= now:
            return None
        key = None if name is None else _key(name)
        if key is not None and (known := self._units.get(key)) is not None:
            return known
        while self._now + 1 < len(self._periods) and self._periods[self._now + 1].start <= now:
            self._now += 1  # and never back, also if the clock is put back
        period = self._periods[self._now]
        arm = period.split.of(unit)
        assert arm is not None  # the ranges have the whole line
        return period.seats[arm] if key is None else self._units.setdefault(key, period.seats[arm])

    def is_due(self) -> bool:
        """Whether it is time for the next period."""
        if not self._ready or self._began is None:
            return False
        when = bandit.due(self._experiment, self._read, self._began)
        return when is not None and when <= datetime.now(UTC)

    def _follow_log(self) -> None:
        """Read the log of shares if it changed."""
        try:
            stat = bandit.path(self._folder, self._experiment.id).stat()
        except FileNotFoundError:
            if self._read:
                raise DataError("its log of weights is gone; restore it, or stop the experiment")
            return
        if (stamp := (stat.st_mtime_ns, stat.st_size)) == self._stamp:
            return
        read = bandit.read(self._folder, self._experiment)
        if read[: len(self._read)] != self._read:
            raise DataError("its log of weights is another one than before; restore it, or stop the experiment")
        for one in read[len(self._read) :]:
            self._periods = (*self._periods, self._period(one.start.timestamp(), one.shares))
        self._read, self._stamp = read, stamp

    def _follow_units(self) -> None:
        """Read which arms units got, here and in other workers."""
        if not self._is_filled:
            self._units.clear()
            starts = [one.start for one in self._periods]
            for unit, arm, at in self._arms.indexed():
                seats = self._periods[bisect_right(starts, at) - 1].seats
                if arm in seats:
                    self._units[_key(unit)] = seats[arm]
        known = {(seat.arm, seat.share): seat for period in self._periods for seat in period.seats.values()}
        for one in self._arms.logged():
            if one.unit is not None and one.share is not None and one.arm in self._experiment.shares:
                seat = known.setdefault((one.arm, one.share), Seat(one.arm, one.share))
                self._units.setdefault(_key(one.unit), seat)
        if not self._is_filled:
            told = self._read[-1].exposed if self._read else 0
            if len(self._units) < told:
                raise DataError(
                    f"its log of weights speaks of {told:,} units, and state store and logs know {len(self._units):,}; "
                    "restore the state store, or stop the experiment"
                )
            self._is_filled = True

    def _renew(self) -> str | None:
        """Take or renew the lease; return why there is none. One that was taken lasts while the store is away."""
        now = time.time()
        if not 0 <= now - self._renewed < (ASKED if self._lease is None else RENEWED):
            self._renewed = now
            try:
                self._lease = leases.take(
                    self._store, f"bandits/{self._experiment.id}", self._owner, now=now, seconds=HELD
                )
                self._lacking = "a server with other logs runs it"
            except StateError as error:
                self._lacking = str(error)
        return None if self._lease is not None and self._lease.until > now else self._lacking

    def _period(self, start: float, shares: dict[str, float]) -> _Period:
        seats = {arm: Seat(arm, share) for arm, share in shares.items()}
        return _Period(start, bandit.split(self._experiment, shares), seats)


def _key(name: str) -> int:
    """The first 64 bits of the name of a unit in the logs."""
    return int(name[:16], 16)
