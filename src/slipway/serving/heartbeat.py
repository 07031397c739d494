"""Show that the event loop of a worker turns: a file of its process, touched every second."""

import asyncio
import os
import time
from pathlib import Path

FOLDER = "beats"
SECONDS = 0.5


async def beat(folder: Path) -> None:
    """Touch the file of this process until the task is cancelled."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / str(os.getpid())
    try:
        while True:
            path.touch()
            await asyncio.sleep(SECONDS)
    finally:
        path.unlink(missing_ok=True)


def seconds_since(folder: Path, pid: int) -> float | None:
    """Return the seconds since the last beat of a process; None if it has not begun."""
    try:
        return max(0.0, time.time() - (folder / str(pid)).stat().st_mtime)
    except FileNotFoundError:
        return None
