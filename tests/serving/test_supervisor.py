"""There are as many workers as the load needs; one that stands still or is too large is replaced."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st

from slipway.serving import heartbeat, supervisor
from slipway.serving.deployment import Deployment, HealthCheck, Resources, Scaling
from slipway.serving.supervisor import LOOK, Supervisor, needed

SCALING = Scaling(min_workers=1, max_workers=4, target_cpu=50)


@pytest.mark.parametrize(("percent", "workers"), [(0, 1), (50, 1), (51, 2), (100, 2), (140, 3), (900, 4)])
def test_the_load_says_how_many_workers_are_needed(percent: float, workers: int) -> None:
    assert needed(SCALING, percent) == workers


@given(percent=st.floats(0, 1e6), low=st.integers(1, 8), more=st.integers(0, 8), target=st.floats(0.5, 100))
def test_workers_stay_within_their_bounds_and_under_the_target(
    percent: float, low: int, more: int, target: float
) -> None:
    scaling = Scaling(min_workers=low, max_workers=low + more, target_cpu=target)
    workers = needed(scaling, percent)
    assert low <= workers <= low + more
    assert percent / workers <= target * (1 + 1e-9) or workers == low + more


class Worker:
    """A worker that does nothing."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.killed = False
        self.process = self

    def kill(self) -> None:
        self.killed = True


class Supervised(Supervisor):
    """A supervisor of workers that do nothing."""

    def handle_ttin(self) -> None:
        self.processes.append(Worker(1 + max(one.pid or 0 for one in self.processes)))  # type: ignore[arg-type]

    def handle_ttou(self) -> None:
        self.processes.pop()


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Supervised]:
    before = {one: signal.getsignal(one) for one in supervisor.Multiprocess.__init__.__globals__["SIGNALS"]}
    deployment = Deployment(
        variant="ball",
        scaling=SCALING,
        resources=Resources(memory="100MB"),
        health_check=HealthCheck(timeout=2, failure_threshold=2),
    )
    made = Supervised(uvicorn.Config("none"), [], deployment, tmp_path)
    made.processes = [Worker(1)]  # type: ignore[list-item]
    yield made
    for one, handler in before.items():
        signal.signal(one, handler)


def test_workers_are_added_at_once_and_removed_after_a_calm_minute(
    made: Supervised, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: dict[Any, float] = {}
    monkeypatch.setattr(supervisor, "_cpu_seconds", lambda process: used.get(process.pid, 0.0))
    now = made._looked
    counts = []
    for look in range(80):
        load = 1.8 if look < 10 else 0.2
        for worker in made.processes:
            used[worker.pid] = used.get(worker.pid, 0.0) + load * LOOK / len(made.processes)
        now += LOOK
        made._scale(now)
        counts.append(len(made.processes))
    assert counts[1] == 4
    assert set(counts[4:35]) == {4}
    assert counts[-1] == 1
    assert counts.index(1, 1) * LOOK >= 10 * LOOK + supervisor.CALM - 2 * LOOK


def test_a_worker_that_stands_still_is_killed_after_so_many_failures(
    made: Supervised, monkeypatch: pytest.MonkeyPatch
) -> None:
    (worker,) = made.processes
    since: list[float | None] = [None, 1.0, 3.0, 1.0, 3.0, 5.0]
    monkeypatch.setattr(heartbeat, "seconds_since", lambda folder, pid: since.pop(0))
    killed = []
    while since:
        made._check()
        killed.append(worker.killed)
    assert killed == [False] * 5 + [True]
