"""Two workers that share one listening socket, beside a socket for each of them by SO_REUSEPORT.

    python benchmarks/sockets.py [--requests 20000] [--rounds 5] [--kills 20]

Prints one JSON object. Workers are processes with the application of `slipway serve`, which this script starts, with
the sockets that it makes:

    shared      one socket, which all workers listen to, as `slipway serve` does
    own         a socket for each worker, which listens when the worker has loaded its models, and ends with it
    kept        a socket for each worker, which this process keeps open for the worker that takes its place

For each way: requests a second and their latency over 64 connections, in turn; how many of 64 connections the busiest
worker has, and how many the other; and how many requests fail while a worker is killed (kill -9) and another takes its
place. There requests are due at random moments, at a quarter of what the workers can do, and a connection has ten of
them. Those that the killed worker has begun fail in any way.
"""

import argparse
import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import uvicorn
from rich.console import Console
from rich.progress import track

from client import request, send, sending

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "serving"))

WORKERS = 2
CONNECTIONS = 64
WAYS = ("shared", "own", "kept")
LOAD = 0.25
EACH = 10
"""The requests of a connection while workers are killed."""
AUTHOR = {"NAME": "Benchmark", "EMAIL": "benchmark@example.org"}
BACKLOG = 2048
"""The connections that wait to be accepted, as uvicorn has it."""


def main() -> None:
    """Build, start the workers in each way, measure, print. With `--socket`, be a worker."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--socket", type=int, metavar="NUMBER", help="be a worker that listens to this file")
    parser.add_argument("--folder", type=Path, help="the folder of the worker")
    options = parser.parse_args()
    if options.socket is not None:
        work(options.folder, socket.socket(fileno=options.socket))
        return
    import house

    os.environ |= {f"GIT_{who}_{key}": value for who in ("AUTHOR", "COMMITTER") for key, value in AUTHOR.items()}
    with tempfile.TemporaryDirectory() as folder:
        house.built(Path(folder) / "repository")
        found = measure(Path(folder), options.requests, options.rounds, options.kills)
    print(json.dumps(found, indent=2))


def work(folder: Path, listening: socket.socket) -> None:
    """Serve the rows of the repository in a folder, as a worker of `slipway serve` does."""
    from slipway.serving import deadline
    from slipway.serving.app import create
    from slipway.serving.audit import AuditLog
    from slipway.serving.settings import Settings
    from slipway.state import store

    logs = folder / "logs"
    settings = Settings(
        repository=folder / "repository",
        own=False,
        releases=folder / "releases",
        history=folder / "history.db",
        shared=folder / "shared",
        tokens=folder / "tokens.json",
        audit=folder / "audit.jsonl",
        log=logs,
        state=store.default(logs),
        loopback=True,
        models=("ball",),
        poll=0,
    )
    config = uvicorn.Config(
        partial(create, settings),
        factory=True,
        lifespan="on",
        log_config=None,
        **deadline.options(settings.limits, AuditLog(settings.audit)),
    )
    uvicorn.Server(config).run(sockets=[listening])


@dataclass
class Workers:
    """Running workers on one port, whose sockets they share (`shared`), have (`own`) or are lent (`kept`)."""

    way: str
    folder: Path
    port: int = 0
    processes: list[psutil.Popen] = field(default_factory=list)
    sockets: list[socket.socket] = field(default_factory=list)

    def start(self, place: int) -> None:
        """Start a worker, at the place of an earlier one or as the next."""
        if place == len(self.sockets):
            self.sockets.append(self.sockets[0] if place and self.way == "shared" else self._bind())
        elif self.way == "own":
            self.sockets[place] = self._bind()
        number = self.sockets[place].fileno()
        command = [sys.executable, __file__, "--socket", str(number), "--folder", str(self.folder)]
        process = psutil.Popen(command, pass_fds=[number], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.processes[place:] = [process, *self.processes[place + 1 :]]
        if self.way == "own":
            self.sockets[place].close()

    def _bind(self) -> socket.socket:
        """Return a socket on the port. It listens when uvicorn has started, or at once if it is to be kept."""
        made = socket.socket()
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self.way != "shared":
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.bind(("127.0.0.1", self.port))
        if self.way == "kept":
            made.listen(BACKLOG)
        self.port = made.getsockname()[1]
        return made

    def wait(self) -> None:
        """Wait until each worker has loaded its models, which it does before it accepts a connection."""
        for _ in range(600):
            if min(self.connections(listening=True)) and all(self._beats(one) for one in self.processes):
                return
            time.sleep(0.1)
        raise TimeoutError(f"the workers of {self.way} do not start")

    def _beats(self, process: psutil.Popen) -> bool:
        return (self.folder / "shared" / "beats" / str(process.pid)).exists()

    def connections(self, listening: bool = False) -> list[int]:
        """Return the number of connections of each worker, or of the sockets that it listens to."""
        status = psutil.CONN_LISTEN if listening else psutil.CONN_ESTABLISHED
        return [
            sum(one.status == status and one.laddr.port == self.port for one in process.net_connections("tcp"))
            for process in self.processes
        ]

    def stop(self) -> None:
        """End the workers."""
        for process in self.processes:
            process.kill()
            process.wait(30)
        for one in self.sockets:
            one.close()


@contextlib.contextmanager
def running(way: str, folder: Path) -> Iterator[Workers]:
    """Run workers until the block ends."""
    own = folder / way
    (own / "shared").mkdir(parents=True)
    (own / "repository").symlink_to(folder / "repository")
    workers = Workers(way, own)
    try:
        for place in range(WORKERS):
            workers.start(place)
        workers.wait()
        yield workers
    finally:
        workers.stop()


def measure(folder: Path, requests: int, rounds: int, kills: int) -> dict[str, Any]:
    """Return the figures of each way."""
    import house

    headers = {"content-type": "application/json"}
    contents = [request("/api/v1/predict/ball", headers, json.dumps(house.ROWS).encode())]
    found: dict[str, dict[str, list[float]]] = {way: {} for way in WAYS}
    result: dict[str, Any] = {"workers": WORKERS, "connections": CONNECTIONS, "kills": kills}
    with contextlib.ExitStack() as stack:
        ways = {way: stack.enter_context(running(way, folder)) for way in WAYS}
        for number in track(range(rounds + 1), "rounds", console=Console(stderr=True)):
            for way, workers in ways.items():
                one = throughput(workers, contents, requests)
                for name, value in one.items() if number else ():  # the first round is for warming up
                    found[way].setdefault(name, []).append(value)
        for way, workers in ways.items():
            medians = {name: statistics.median(values) for name, values in found[way].items()}
            result[way] = {**medians, **killed(workers, contents, LOAD * medians["rate"], kills)}
    return result


def throughput(workers: Workers, contents: list[bytes], requests: int) -> dict[str, float]:
    """Return the requests a second, the latency in ms, and the connections of the busiest and of the idlest worker."""
    begun = time.perf_counter()
    answers = send(workers.port, contents, CONNECTIONS, requests)
    rate = requests / (time.perf_counter() - begun)
    with sending(workers.port, contents, CONNECTIONS):
        time.sleep(0.5)
        shares = workers.connections()
    return {
        "rate": rate,
        "p50": answers.quantile(0.5),
        "p99": answers.quantile(0.99),
        "most": max(shares),
        "least": min(shares),
    }


def killed(workers: Workers, contents: list[bytes], rate: float, kills: int) -> dict[str, Any]:
    """Kill workers, each in turn, and start others; return the requests, those that failed, and the longest in ms."""
    with sending(workers.port, contents, CONNECTIONS, rate=rate, each=EACH) as answers:
        for number in track(range(kills), f"kills, {workers.way}", console=Console(stderr=True)):
            time.sleep(0.5)
            process = workers.processes[number % WORKERS]
            process.kill()
            process.wait(30)
            workers.start(number % WORKERS)
            workers.wait()
        time.sleep(0.5)
    return {
        "requests": len(answers.seconds) + answers.wrong.total(),
        "failed": answers.wrong.total(),
        "failed a kill": answers.wrong.total() / max(1, kills),
        "longest": answers.quantile(1),
    }


if __name__ == "__main__":
    main()
