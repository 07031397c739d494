"""A client of servers that keeps connections busy from a process of its own, for the benchmarks of the server.

Each connection sends one request after the other. In a closed loop the next request follows the answer, so the server
sets the pace. In an open loop requests are due at random moments of a stated rate, whether the server has answered
those before or not, and the time of a request counts from when it was due: a server that stands still for a moment is
seen by all requests of that moment.
"""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from multiprocessing import get_context
from typing import Any

import numpy as np
import uvloop

Check = Callable[[int, int, bytes], str | None]
"""What is wrong with an answer, None if nothing is: from the place of the request in the list, the status and body."""
FORK = get_context("fork")


@dataclass
class Answers:
    """What became of requests: the seconds of each one that was answered rightly, and how many were not, by reason."""

    seconds: np.ndarray = field(default_factory=lambda: np.empty(0))
    wrong: Counter[str] = field(default_factory=Counter)

    def quantile(self, share: float) -> float:
        """Return a quantile of the time of a request, in ms."""
        return float(1e3 * np.quantile(self.seconds, share))


def request(path: str, headers: dict[str, str], content: bytes) -> bytes:
    """Return a request of HTTP/1.1."""
    lines = {"host": "127.0.0.1", "content-length": str(len(content)), **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + content


def succeeded(number: int, status: int, body: bytes) -> str | None:
    """Say what is wrong unless the status is 200."""
    return None if status == 200 else f"{status} {body[:500].decode(errors='replace')}"


def send(port: int, contents: Sequence[bytes], connections: int, requests: int) -> Answers:
    """Send so many requests in a closed loop, and return what became of them.

    Raises:
        RuntimeError: a request failed.
    """
    reading, writing = FORK.Pipe(duplex=False)
    process = FORK.Process(target=_report, args=(Sender(port, contents, iter(range(requests))), connections, writing))
    process.start()
    writing.close()
    answers: Answers = reading.recv()
    process.join()
    if answers.wrong:
        raise RuntimeError(f"the server did not answer: {answers.wrong.most_common(1)}")
    return answers


@contextlib.contextmanager
def sending(
    port: int,
    contents: Sequence[bytes],
    connections: int,
    *,
    rate: float | None = None,
    each: int | None = None,
    check: Check = succeeded,
) -> Iterator[Answers]:
    """Send requests until the block ends; then the result has what became of them.

    Args:
        port: the port of the server.
        contents: the requests, which are sent in turn.
        connections: the number of connections.
        rate: the requests a second of an open loop; None for a closed loop.
        each: after so many requests a connection is opened anew; None to keep it.
        check: says what is wrong with an answer.
    """
    answers, over = Answers(), FORK.Event()
    reading, writing = FORK.Pipe(duplex=False)
    numbers = iter(lambda: None if over.is_set() else 0, None)
    sender = Sender(port, contents, (one for one, _ in zip(count(), numbers, strict=False)), rate, each, check)
    process = FORK.Process(target=_report, args=(sender, connections, writing))
    process.start()
    writing.close()
    try:
        yield answers
    finally:
        over.set()
        found: Answers = reading.recv()
        answers.seconds, answers.wrong = found.seconds, found.wrong
        process.join()


def _report(sender: "Sender", connections: int, writing: Any) -> None:
    writing.send(uvloop.run(sender.run(connections)))


class Sender:
    """Sends a request for each of `numbers`; see `sending` for the others."""

    def __init__(
        self,
        port: int,
        contents: Sequence[bytes],
        numbers: Iterator[int],
        rate: float | None = None,
        each: int | None = None,
        check: Check = succeeded,
    ) -> None:
        self._port = port
        self._contents = contents
        self._numbers = numbers
        self._due = None if rate is None else _moments(rate)
        self._each = each
        self._check = check
        self._seconds: list[float] = []
        self._wrong: Counter[str] = Counter()

    async def run(self, connections: int) -> Answers:
        """Send all, over so many connections."""
        await asyncio.gather(*(self._use() for _ in range(connections)))
        return Answers(np.array(self._seconds), self._wrong)

    async def _use(self) -> None:
        """Send one request after the other over a connection, and over a new one if the server has closed it."""
        reader, writer = asyncio.StreamReader(), None
        for used, number in enumerate(self._numbers):
            begun = await self._turn()
            if writer is not None and (reader.at_eof() or (self._each is not None and used % self._each == 0)):
                writer.close()
                writer = None
            try:
                if writer is None:
                    reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
                place = number % len(self._contents)
                writer.write(self._contents[place])
                wrong = self._check(place, *await _answer(reader))
            except (OSError, asyncio.IncompleteReadError) as error:
                wrong, writer = type(error).__name__, None
            if wrong is None:
                self._seconds.append(time.perf_counter() - begun)
            else:
                self._wrong[wrong] += 1
        if writer is not None:
            writer.close()

    async def _turn(self) -> float:
        """Wait until the next request is due, and return that moment."""
        now = time.perf_counter()
        if self._due is None:
            return now
        due = next(self._due)
        if due > now:
            await asyncio.sleep(due - now)
        return due


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Return the status and the body of the next answer."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = next(int(line.partition(b":")[2]) for line in head.split(b"\r\n") if line.startswith(b"content-length"))
    return int(head[9:12]), await reader.readexactly(length)


def _moments(rate: float) -> Iterator[float]:
    """Return the moments at which requests are due, in seconds of the clock: a Poisson process of this rate."""
    draw, due = np.random.default_rng(0), time.perf_counter()
    while True:
        for pause in draw.exponential(1 / rate, 1000).tolist():
            due += pause
            yield due
