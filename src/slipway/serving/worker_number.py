"""A number for each worker of a server, which a worker that replaces another one takes over.

The id of a process would do to tell workers apart, but each restart would leave files and series of metrics behind.
"""

from itertools import count
from pathlib import Path

from filelock import FileLock, Timeout

_held: list[FileLock] = []
"""The locks of this process, until it ends."""


def claim(folder: Path) -> int:
    """Return the lowest number that no other process of this folder has; it is free again when this process ends."""
    for number in count():
        lock = FileLock(_path(folder, number))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            continue
        _held.append(lock)
        return number
    raise AssertionError


def free(folder: Path) -> list[int]:
    """Return the numbers that workers have had and none has now."""
    found = []
    for path in folder.glob("worker-*.lock"):
        try:
            with FileLock(path).acquire(timeout=0):
                found.append(int(path.stem.removeprefix("worker-")))
        except Timeout:
            pass
    return sorted(found)


def _path(folder: Path, number: int) -> Path:
    return folder / f"worker-{number}.lock"
