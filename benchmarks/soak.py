"""Mixed traffic for an hour: does the memory of the workers grow, or the number of their open files or threads?

    python benchmarks/soak.py [--minutes 60]

Prints one JSON object, and ends with 1 if something grew, a worker ended, or an answer was not what it should be.

Two workers answer rows, pictures and sounds, also of users who take part in an experiment and whose outcomes follow;
refusals of every kind are among them. Production of the rows goes back and forth between two versions every few
seconds, and `/metrics` and `/readyz` are read as Prometheus and a load balancer do. Only the newest tags stay, so the
repository does not grow.

After a warm-up, a sixth of the time, the resident memory of all workers is measured every two seconds. Its slope is
that of Theil and Sen, the median of the slopes of all pairs of points, with its 95 % interval. The memory grows if the
lower end of the interval, over a day, is more than a tenth of the memory: a worker takes and gives back pages in
steps, so a slope of a few KB an hour says nothing. In a trial of some minutes such steps alone are more than that. Open
files and threads grow if there are more in the last third of the time than in the first, by the median.
"""

import argparse
import contextlib
import json
import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psutil
import requests
from rich.console import Console
from rich.progress import track
from scipy.stats import theilslopes

from server import AUTHOR, Server, serving
from slipway.serving import tokens

SECONDS = 2.0
"""Between two measurements."""
WARM_UP = 1 / 6
GROWTH = 0.1
"""The growth in a day that is taken for noise, as a share of the memory."""
USERS = 1_000_000
CLIENTS = 4
PAUSE = 0.01
"""Seconds between two requests of a client."""
EVERY = 5.0
"""Seconds between two promotions, and between two looks at the measures."""
TAGS = 10
"""The newest promotions, whose tags stay."""
VERSIONS = ("v1.0.0", "v1.1.0")
EXPERIMENT = {
    "hypothesis": "A steeper curve is better.",
    "model": "ball",
    "arms": {"control": "v1.0.0", "steep": "v1.1.0"},
    "allocation": {"control": 50, "steep": 50},
    "share": 50,
    "metrics": {"satisfaction": {"role": "goal", "better": "higher"}},
    "minimum_sample": 100,
}


def main() -> None:
    """Build, serve, ask for a while, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60)
    minutes = parser.parse_args().minutes
    os.environ |= {f"GIT_{who}_{key}": value for who in ("AUTHOR", "COMMITTER") for key, value in AUTHOR.items()}
    with tempfile.TemporaryDirectory() as folder:
        found = soak(Path(folder), 60 * minutes)
    print(json.dumps(found, indent=2))
    sys.exit(1 if found["wrong"] else 0)


def soak(folder: Path, seconds: float) -> dict[str, Any]:
    """Return what the workers needed, and under `wrong` what was not as it should be."""
    root = folder / "repository"
    build(root)
    secret = tokens.create(root / tokens.FILE, "soak", ["predict", "outcome", "read", "promote"])
    command = [sys.executable, "-m", "slipway", "serve", "--repo", str(root), "--cache", str(folder / "cache")]
    with serving([*command, "--workers", "2"], "/healthz") as server:
        traffic = Traffic(root, f"http://127.0.0.1:{server.port}", secret)
        samples: list[dict[str, float]] = []
        with traffic.running():
            wait(server)
            begun, there = time.monotonic(), workers(server)
            for _ in track(range(round(seconds / SECONDS)), "soak", console=Console(stderr=True)):
                time.sleep(SECONDS)
                if (now := workers(server)) != there:
                    traffic.wrong["a worker ended, or began"] += 1
                    there = now
                elif time.monotonic() - begun >= WARM_UP * seconds:
                    samples.append(sample(now))
    found = growth(samples)
    wrong = [*found.pop("wrong"), *(f"{what}, {count} times" for what, count in sorted(traffic.wrong.items()))]
    return {"minutes": seconds / 60, **found, "answers": dict(sorted(traffic.answers.items())), "wrong": wrong}


def build(root: Path) -> None:
    """Create a repository with two versions of `ball` and an experiment between them."""
    import house

    house.built(root)
    house.build_version(root, VERSIONS[1], 8.0)
    house.start_experiment(root, "curve", EXPERIMENT)


@dataclass
class Traffic:
    """What is asked of a server, and what came of it: answers by kind and status, and those that should not be."""

    root: Path
    address: str
    secret: str
    answers: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    _over: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Ask until the block ends."""
        threads = [threading.Thread(target=self._guarded, args=(self._client, number)) for number in range(CLIENTS)]
        threads += [threading.Thread(target=self._guarded, args=(work,)) for work in (self._promote, self._look)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join()

    def _guarded(self, work: Callable[..., None], *arguments: Any) -> None:
        try:
            work(*arguments)
        except Exception as error:
            self.wrong[f"{work.__name__}: {error!r}"] += 1

    def _ask(self, session: requests.Session, kind: str, expected: int, method: str, path: str, **given: Any) -> Any:
        """Send a request, count the answer, and return it."""
        headers = {"authorization": f"Bearer {self.secret}", **given.pop("headers", {})}
        answer = session.request(method, f"{self.address}{path}", headers=headers, timeout=60, **given)
        with self._lock:
            self.answers[f"{kind} {answer.status_code}"] += 1
            if answer.status_code != expected:
                self.wrong[f"{kind}: {answer.status_code} instead of {expected}"] += 1
        return answer

    def _client(self, number: int) -> None:
        """Send requests of all kinds at random."""
        import house

        draw, session = random.Random(number), requests.Session()
        picture, sound = house.picture(), house.sound()
        image, audio = {"content-type": "image/png"}, {"content-type": "audio/wav"}
        predict = "/api/v1/predict"
        refusals: list[tuple[int, str, dict[str, Any]]] = [
            (404, f"{predict}/nothing", {"json": house.ROWS}),
            (422, f"{predict}/ball", {"json": [{"x": "far", "team": "home"}]}),
            (422, f"{predict}/shot", {"data": picture[:50], "headers": image}),
            (415, f"{predict}/ball", {"data": "x", "headers": {"content-type": "text/plain"}}),
            (401, f"{predict}/ball", {"json": house.ROWS, "headers": {"authorization": "Bearer nothing"}}),
        ]
        while not self._over.wait(PAUSE):
            kind = draw.choices(("rows", "unit", "picture", "sound", "refusal"), (4, 2, 2, 1, 1))[0]
            if kind == "rows":
                self._ask(session, kind, 200, "POST", f"{predict}/ball", json=house.ROWS)
            elif kind == "picture":
                self._ask(session, kind, 200, "POST", f"{predict}/shot", data=picture, headers=image)
            elif kind == "sound":
                self._ask(session, kind, 200, "POST", f"{predict}/bird", data=sound, headers=audio)
            elif kind == "refusal":
                status, path, given = draw.choice(refusals)
                self._ask(session, f"refusal of {path}", status, "POST", path, **given)
            else:
                path = f"{predict}/ball?experiment_id=curve"
                unit = {"x-unit": f"user-{draw.randrange(USERS)}"}
                answer = self._ask(session, kind, 200, "POST", path, json=house.ROWS, headers=unit)
                if answer.status_code == 200 and answer.json()["experiment_info"]["variant"] is not None:
                    outcome = {"request_id": answer.json()["request_id"], "metric": "satisfaction", "value": True}
                    self._ask(session, "outcome", 202, "POST", "/api/v1/outcomes", json=outcome)

    def _promote(self) -> None:
        """Give production to one version and to the other, and remove the tags of old promotions."""
        import house

        session, number = requests.Session(), 1
        while not self._over.wait(EVERY):
            number += 1
            house.assign(self.root, "ball", VERSIONS[(number + 1) % 2], "production", number)
            if number > TAGS:
                house.git(self.root, "tag", "-d", f"ball#production#{number - TAGS}")
            self._ask(session, "promotion", 200, "POST", "/api/v1/refresh")

    def _look(self) -> None:
        """Read the measures and the state of the server."""
        session = requests.Session()
        while not self._over.wait(EVERY):
            self._ask(session, "metrics", 200, "GET", "/metrics")
            self._ask(session, "ready", 200, "GET", "/readyz")


def wait(server: Server) -> None:
    """Wait until both workers are there."""
    for _ in range(600):
        if len(workers(server)) == 2:
            return
        time.sleep(0.1)
    raise TimeoutError("the workers do not start")


def workers(server: Server) -> set[int]:
    """Return the processes of the workers, not those that they start for a moment, such as Git."""
    found = set()
    for child in server.children():
        with contextlib.suppress(psutil.NoSuchProcess):
            if "spawn_main" in " ".join(child.cmdline()):
                found.add(child.pid)
    return found


def sample(pids: set[int]) -> dict[str, float]:
    """Return the time in seconds, and the resident memory in MiB, the open files and the threads of all processes."""
    processes = [psutil.Process(pid) for pid in pids]
    return {
        "time": time.monotonic(),
        "memory": sum(one.memory_info().rss for one in processes) / 2**20,
        "files": sum(one.num_fds() for one in processes),
        "threads": sum(one.num_threads() for one in processes),
    }


def growth(samples: Sequence[dict[str, float]]) -> dict[str, Any]:
    """Return the slope of the memory in MiB a day with its 95 % interval, what else was measured, and what grew."""
    days = np.array([one["time"] for one in samples]) / 86_400
    memory = np.array([one["memory"] for one in samples])
    slope, _, low, high = map(float, theilslopes(memory, days, alpha=0.95))
    size = float(np.median(memory))
    noise = GROWTH * size
    wrong = []
    if low > noise:
        wrong.append(f"the memory grows by at least {low:.1f} MiB a day, and {noise:.1f} are taken for noise")
    third = max(1, len(samples) // 3)
    counts = {}
    for what in ("files", "threads"):
        first, last = (median(one[what] for one in part) for part in (samples[:third], samples[-third:]))
        counts[what] = {"first": first, "last": last}
        if last > first:
            wrong.append(f"the number of {what} grew from {first:g} to {last:g}")
    return {
        "samples": len(samples),
        "memory_mib": size,
        "noise": noise,
        "slope": {"mib_a_day": slope, "low": low, "high": high},
        **counts,
        "wrong": wrong,
    }


if __name__ == "__main__":
    main()
