"""The shares that the state store holds down (`slipway.state.restraints`), in a file that the workers of a server read.

The worker that keeps the index of the state store writes it, and every worker reads it when it changes. So a stop is in
all workers within a second, and no request waits for a database.
"""

import asyncio
import json
import time
from collections.abc import Mapping
from pathlib import Path

from slipway.core import atomic

FILE = "restraints.json"
TICK = 0.25
"""Seconds between two looks at the file."""
PATIENCE = 10.0
"""The most seconds that a worker which starts waits for the first look at the store."""


class Restraints:
    """What a worker knows of the shares that are held down; `shared` is the folder of the server's workers."""

    def __init__(self, shared: Path) -> None:
        self._file = shared / FILE
        self._stamp = 0
        self.shares: Mapping[str, float] = {}
        """The most that subjects such as `experiments/night-games` may have, in percent of the units."""

    async def run(self) -> None:
        """Follow the file until the task is cancelled."""
        while True:
            self.look()
            await asyncio.sleep(TICK)

    async def first(self) -> None:
        """Wait until the store was asked once, whether or not it answered: what is held down stays so in a restart."""
        end = time.monotonic() + PATIENCE
        while not self.look() and time.monotonic() < end:
            await asyncio.sleep(TICK / 10)

    def look(self) -> bool:
        """Read the file if it changed, and return whether it is there."""
        try:
            stamp = self._file.stat().st_mtime_ns
            if stamp != self._stamp:
                self.shares, self._stamp = json.loads(self._file.read_bytes()), stamp
        except FileNotFoundError:
            return False
        return True


def write(shared: Path, shares: Mapping[str, float]) -> None:
    """Say what is held down, for `Restraints` in the workers whose folder is `shared`."""
    path = shared / FILE
    if not path.exists() or json.loads(path.read_bytes()) != shares:
        atomic.write_json(path, shares)


def write_if_unknown(shared: Path) -> None:
    """Say that nothing is held down, unless an earlier look at the store found something else."""
    if not (shared / FILE).exists():
        write(shared, {})
