"""Swaps of a version under load: that no request fails and no answer mixes versions, and what they do to the latency.

    python benchmarks/swaps.py [--swaps 1000] [--every 1.0]

Prints one JSON object. A server with one worker answers requests of two rows by 500 trees of depth 6 on 69 columns.
Its capacity is measured first, at 64 connections; then requests are due at random moments at 80 % of it, from a
process of its own (an open loop, so the time of a request counts from when it was due). In rounds, production goes
back and forth between two versions by new tags, one swap each second, and then the same time passes without a swap.
The version that does not answer is unloaded before it returns, so each swap loads a release. An answer is mixed if one
of its predictions is not that of the version that it names.
"""

import argparse
import json
import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import requests
from rich.console import Console
from rich.progress import track

from client import Answers, Check, request, send, sending
from server import AUTHOR, Server, slipway, trees
from slipway.serving import tokens
from slipway_edge.predictor import Predictor

VERSIONS = ("v1.0.0", "v1.1.0")
CONNECTIONS = 64
LOAD = 0.8
ROUNDS = 5
Rows = list[dict[str, float]]


def main() -> None:
    """Build, serve, swap, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--swaps", type=int, default=1000)
    parser.add_argument("--every", type=float, default=1.0, metavar="SECONDS")
    parser.add_argument("--requests", type=int, default=20_000, help="by which the capacity is measured")
    options = parser.parse_args()
    os.environ |= {f"GIT_{who}_{key}": value for who in ("AUTHOR", "COMMITTER") for key, value in AUTHOR.items()}
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), options.swaps, options.every, options.requests)
    print(json.dumps(found, indent=2))


def measure(folder: Path, swaps: int, every: float, requests: int) -> dict[str, Any]:
    """Return what the swaps did."""
    root = folder / "repository"
    given = build(root)
    secret = tokens.create(root / tokens.FILE, "benchmark", ["predict", "promote", "admin"])
    headers = {"authorization": f"Bearer {secret}", "content-type": "application/json"}
    contents = [request("/api/v1/predict/trees", headers, orjson.dumps(rows)) for rows in given]
    check = belongs({version: expected(folder / version, given) for version in VERSIONS})
    with slipway(root, folder, "trees") as server:
        send(server.port, contents, CONNECTIONS, requests)  # warms up
        begun = time.perf_counter()
        send(server.port, contents, CONNECTIONS, requests)
        capacity = requests / (time.perf_counter() - begun)
        swapping, quiet, seconds = [], [], []
        for turn in track(np.array_split(np.arange(swaps), min(ROUNDS, swaps)), "rounds", console=Console(stderr=True)):
            begun = time.perf_counter()
            with sending(server.port, contents, CONNECTIONS, rate=LOAD * capacity, check=check) as answers:
                seconds += [swap(root, server, headers, int(number), every) for number in turn]
            swapping.append(answers)
            taken = time.perf_counter() - begun
            with sending(server.port, contents, CONNECTIONS, rate=LOAD * capacity, check=check) as answers:
                time.sleep(taken)
            quiet.append(answers)
    return {
        "swaps": swaps,
        "capacity": capacity,
        "seconds of a swap": {"p50": float(np.median(seconds)), "most": max(seconds)},
        "swapping": figures(swapping),
        "quiet": figures(quiet),
    }


def build(root: Path) -> list[Rows]:
    """Create a repository with two versions of `trees`, and a folder with the release of each beside it.

    Returns:
        Rows for several requests.
    """
    import house

    house.begin(root)
    for seed, version in enumerate(VERSIONS):
        rows = trees(root, seed)
        house.commit(root)
        house.register(root, "trees", version)
        shutil.copytree(root / "models" / "trees", root.parent / version)
    house.assign(root, "trees", VERSIONS[0], "production", 1)
    return [[one, other] for one, other in pairwise(rows)]


def expected(release: Path, given: Sequence[Rows]) -> list[Any]:
    """Return what a release predicts for the rows of each request."""
    predictor = Predictor.load(release)
    return [json.loads(orjson.dumps(predictor.predict(rows))) for rows in given]


def belongs(predictions: dict[str, list[Any]]) -> Check:
    """Return a check that an answer has the predictions of the version that it names."""

    def check(number: int, status: int, body: bytes) -> str | None:
        if status != 200:
            return f"{status} {body[:200].decode(errors='replace')}"
        answer = orjson.loads(body)
        return None if answer["predictions"] == predictions[answer["model_version"]][number] else "mixed"

    return check


def swap(root: Path, server: Server, headers: dict[str, str], number: int, every: float) -> float:
    """Unload the version that does not answer, promote it, and wait until it answers; return the seconds of the latter.

    A swap begins so many seconds after the one before, or when that has ended.
    """
    import house

    begun, address = time.perf_counter(), f"http://127.0.0.1:{server.port}/api/v1"
    version = VERSIONS[(number + 1) % 2]
    unloaded = requests.delete(f"{address}/loaded/trees@{version}", headers=headers, timeout=60)
    unloaded.raise_for_status()
    promoted = time.perf_counter()
    house.assign(root, "trees", version, "production", number + 2)
    refreshed = requests.post(f"{address}/refresh", headers=headers, timeout=60)
    seconds = time.perf_counter() - promoted
    refreshed.raise_for_status()
    assert [one["answers"] for one in refreshed.json()["models"]] == [version], refreshed.text
    time.sleep(max(0.0, every - (time.perf_counter() - begun)))
    return seconds


def figures(rounds: Sequence[Answers]) -> dict[str, Any]:
    """Return the number of requests of all rounds, those that failed or were mixed, and the latency in ms."""
    wrong = sum((one.wrong for one in rounds), Counter[str]())
    all_of_them = Answers(np.concatenate([one.seconds for one in rounds]))
    return {
        "requests": len(all_of_them.seconds) + wrong.total(),
        "mixed": wrong.pop("mixed", 0),
        "failed": dict(wrong),
        "p50": all_of_them.quantile(0.5),
        "p99": all_of_them.quantile(0.99),
    }


if __name__ == "__main__":
    main()
