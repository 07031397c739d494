"""A thread beside the event loop, for work that takes longer than a loop may wait."""

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

Value = TypeVar("Value")
_Job = tuple[Callable[[], Any], "asyncio.Future[Any]"]


class Background:
    """One thread that runs functions one after the other.

    It ends with the process, also in the middle of a function: an executor of the standard library would let the
    process wait for its end, such as that of a fetch.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()

    def start(self) -> None:
        """Start the thread, for the running event loop."""
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._work, name=self._name, daemon=True).start()

    def run(self, function: Callable[[], Value]) -> "asyncio.Future[Value]":
        """Return a future with the result of a function, or with what it raises."""
        done: asyncio.Future[Value] = self._loop.create_future()
        self._jobs.put((function, done))
        return done

    def _work(self) -> None:
        while True:
            function, done = self._jobs.get()
            if done.done():
                continue  # nobody waits for it any more
            try:
                result, error = function(), None
            except Exception as raised:
                result, error = None, raised
            if self._loop.is_closed():
                return
            self._loop.call_soon_threadsafe(_finish, done, result, error)


def _finish(done: "asyncio.Future[Any]", result: Any, error: Exception | None) -> None:
    if done.done():
        return
    if error is not None:
        done.set_exception(error)
    else:
        done.set_result(result)
