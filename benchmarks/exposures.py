"""Exposures: how long it takes to write one, and that none is lost when workers are killed.

    python benchmarks/exposures.py [--kills 1000]

Prints one JSON object. Each turn, four workers write exposures into their logs and acknowledge each by a byte in a
pipe; at a random moment all are killed by kill -9. Each acknowledged exposure must be a whole line of its log. Then
the index of the state store reads all logs, beside the lines that are there.

Times are of single calls in one process: an exposure in the log, beside one that is committed to SQLite by itself, and
a row in a batch of 500 in the state store.
"""

import argparse
import json
import multiprocessing
import os
import random
import signal
import sqlite3
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track
from sqlalchemy import func, select

from slipway.state.index import ExposureIndex
from slipway.state.schema import REQUESTS
from slipway.state.store import Store, default
from slipway.traffic.log import Log
from slipway.traffic.records import PREDICTIONS, Prediction

WORKERS = 4
LONGEST = 0.03
"""Seconds until the kill, at most."""
CALLS = 100_000
COMMITS = 2_000


def exposure(name: str) -> Prediction:
    """Return an exposure as the server writes it."""
    return Prediction(
        time=datetime.now(UTC),
        request_id=name,
        model="base-ad-detector",
        model_version="v1.0.0",
        unit=name,
        status=200,
        problem=None,
        examples=1,
        seconds=0.0041,
        inference_time=0.0034,
        predictions=[{"ad": 0.98046875, "content": 0.01953125}],
        experiment="night-games",
        arm="control",
        share=0.5,
    )


def write(folder: Path, worker: int, turn: int, acknowledged: int) -> None:
    """Write exposures until the process is killed."""
    log = Log(folder, PREDICTIONS, worker)
    for number in range(1_000_000):
        if log.write(exposure(f"{worker}-{turn}-{number}"), keep=True):
            os.write(acknowledged, b".")


def killed(folder: Path, turn: int, moment: float) -> int:
    """Kill all workers after some seconds, and return how many exposures they acknowledged that are not in the logs."""
    context = multiprocessing.get_context("fork")
    processes: list[BaseProcess] = []
    pipes = []
    for worker in range(WORKERS):
        read, written = os.pipe()
        process = context.Process(target=write, args=(folder, worker, turn, written))
        process.start()
        os.close(written)
        processes.append(process)
        pipes.append(read)
    counts = [len(os.read(read, 1)) for read in pipes]  # each has begun
    time.sleep(moment)
    for one in processes:
        os.kill(one.pid or 0, signal.SIGKILL)
    lost = 0
    for worker, (one, read) in enumerate(zip(processes, pipes, strict=True)):
        while got := os.read(read, 1 << 16):
            counts[worker] += len(got)
        one.join()
        os.close(read)
        there = {
            json.loads(line)["request_id"]
            for log in folder.glob(f"{PREDICTIONS}/*/worker-{worker}.jsonl")
            for line in log.read_bytes().rpartition(b"\n")[0].splitlines()
            if f'"{worker}-{turn}-'.encode() in line
        }
        lost += sum(f"{worker}-{turn}-{number}" not in there for number in range(counts[worker]))
    return lost


def kills(folder: Path, count: int) -> dict[str, int]:
    """Kill workers so often, and return what was lost, and what the index has of what the logs have."""
    draw = random.Random(0)
    lost = written = indexed = 0
    store = Store(default(folder))
    store.migrate()
    index = ExposureIndex(store, folder)
    for turn in track(range(count), "kills", console=Console(stderr=True)):
        lost += killed(folder, turn, draw.uniform(0, LONGEST))
        while index.update():
            pass
        # A line without an end was cut off by the kill before it was acknowledged.
        written += sum(log.read_bytes().count(b"\n") for log in folder.glob(f"{PREDICTIONS}/*/*.jsonl"))
        for log in folder.glob(f"{PREDICTIONS}/*/*.jsonl"):
            log.unlink()  # so that a turn does not read the lines of those before
    with store.transaction() as connection:
        indexed = int(connection.execute(select(func.count()).select_from(REQUESTS)).scalar_one())
    store.close()
    return {"kills": count * WORKERS, "lost": lost, "written": written, "indexed": indexed}


def microseconds(call: Callable[[Any], object], given: list[Any]) -> dict[str, float]:
    """Return the median and the 99th percentile of the time of single calls, and the mean of the CPU time."""
    taken = np.empty(len(given))
    cpu = time.process_time()
    for number, one in enumerate(given):
        begun = time.perf_counter_ns()
        call(one)
        taken[number] = time.perf_counter_ns() - begun
    cpu = time.process_time() - cpu
    return {
        "p50": round(float(np.median(taken)) / 1000, 1),
        "p99": round(float(np.quantile(taken, 0.99)) / 1000, 1),
        "cpu": round(cpu / len(given) * 1e6, 1),
    }


def commits(folder: Path) -> dict[str, float]:
    """Return the time of an exposure that is committed to SQLite by itself, in WAL mode, by the plain driver."""
    with sqlite3.connect(folder / "plain.db", isolation_level=None) as plain:
        plain.execute("PRAGMA journal_mode=WAL")
        plain.execute("PRAGMA synchronous=NORMAL")
        plain.execute("CREATE TABLE exposures (unit TEXT PRIMARY KEY, record TEXT)")
        rows = [(f"u{number}", "x" * 300) for number in range(COMMITS)]
        return microseconds(lambda row: plain.execute("INSERT INTO exposures VALUES (?, ?)", row), rows)


def batches(folder: Path) -> float:
    """Return the microseconds of a row in the state store, in batches of about 500 exposures."""
    store = Store(default(folder))
    store.migrate()
    index, log = ExposureIndex(store, folder), Log(folder, PREDICTIONS, 0)
    seconds = 0.0
    for batch in range(40):
        for number in range(500):
            log.write(exposure(f"{batch}-{number}"))
        begun = time.perf_counter()
        index.update()
        seconds += time.perf_counter() - begun
    store.close()
    return round(seconds / 20_000 * 1e6, 1)


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=1000)
    count = parser.parse_args().kills
    with tempfile.TemporaryDirectory() as temporary:
        places = [Path(temporary) / name for name in ("kills", "calls", "commits", "batches")]
        for place in places:
            place.mkdir()
        log = Log(places[1], PREDICTIONS, 0)
        given = [exposure(f"u{number}") for number in range(CALLS)]
        found = {
            "workers": WORKERS,
            "log": microseconds(log.write, given),
            "commit": commits(places[2]),
            "batch": batches(places[3]),
            **kills(places[0], count),
        }
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
