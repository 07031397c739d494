"""The workers of a deployment: as many as the load needs, replaced when they do not react or grow too large.

The number of workers is that of Kubernetes' horizontal autoscaler: the present number times the CPU of a worker,
divided by the target, rounded up. It grows at once, and shrinks when less would have done for all of `CALM` seconds.
"""

import logging
import math
import time
from collections import deque
from pathlib import Path
from socket import socket

import psutil
from uvicorn import Config
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

from slipway.serving import heartbeat
from slipway.serving.deployment import Deployment, HealthCheck, Scaling

LOOK = 2.0
"""Seconds between two looks at the load."""
CALM = 60.0
"""Seconds for which fewer workers must do, before there are fewer."""
REPLACED = 60.0
"""The least seconds between two replacements of a worker that is too large."""
logger = logging.getLogger("slipway.serving")


class Workers(Multiprocess):
    """Keeps a number of workers; `beats` is the folder of their heartbeats, `health` says when one does not react.

    Uvicorn's own asks each worker and waits for its answer, and so for two minutes for one that is killed meanwhile.
    """

    def __init__(self, config: Config, sockets: list[socket], health: HealthCheck, beats: Path) -> None:
        super().__init__(config, sockets)
        self._health = health
        self._beats = beats
        self._failures: dict[int, int] = {}
        self._checked = time.monotonic()

    def keep_subprocess_alive(self) -> None:
        """Replace workers that ended or do not react."""
        if self.should_exit.is_set():
            return
        self._replace_ended()
        now = time.monotonic()
        if now - self._checked >= self._health.interval:
            self._checked = now
            self._check()

    def _replace_ended(self) -> None:
        for at, process in enumerate(self.processes):
            if process.process.is_alive():
                continue
            process.join()
            if process.exitcode == STARTUP_FAILURE:  # it would fail in the same way again
                logger.error("a worker could not start, so the server ends")
                self.should_exit.set()
                return
            logger.info("worker %d ended and is replaced", process.pid)
            self.processes[at] = Process(self.config, self.sockets)
            self.processes[at].start()

    def _check(self) -> None:
        """Kill the workers whose event loops stand still; they are replaced at the next turn."""
        health = self._health
        failures = {}
        for process in self.processes:
            pid = process.pid or 0
            since = heartbeat.seconds_since(self._beats, pid)
            if since is None or since <= health.timeout:  # None: it has not started yet
                continue
            failures[pid] = self._failures.get(pid, 0) + 1
            if failures[pid] >= health.failure_threshold:
                logger.error("worker %d has not reacted for %.0f s and is replaced", pid, since)
                process.process.kill()
        self._failures = failures


class Supervisor(Workers):
    """Keeps the workers of a deployment; `beats` is the folder of their heartbeats."""

    def __init__(self, config: Config, sockets: list[socket], deployment: Deployment, beats: Path) -> None:
        super().__init__(config, sockets, deployment.health_check, beats)
        self._deployment = deployment
        self._used: dict[int, float] = {}
        self._needed: deque[tuple[float, int]] = deque()
        self._looked = time.monotonic()
        self._replaced = self._looked - REPLACED

    def keep_subprocess_alive(self) -> None:
        """Replace workers that ended, that do not react or are too large, and add or remove some."""
        super().keep_subprocess_alive()
        now = time.monotonic()
        if not self.should_exit.is_set() and now - self._looked >= LOOK:
            self._scale(now)
            self._limit(now)

    def _scale(self, now: float) -> None:
        """Add or remove workers by their CPU since the last look."""
        used = {process.pid or 0: _cpu_seconds(process) for process in self.processes}
        known = used.keys() & self._used.keys()
        share = sum(used[pid] - self._used[pid] for pid in known) / (now - self._looked)
        self._used, self._looked = used, now
        if len(known) < len(self.processes):
            return  # one has just begun
        wanted = needed(self._deployment.scaling, 100 * share)
        self._needed.append((now, wanted))
        while self._needed[0][0] < now - CALM:
            self._needed.popleft()
        if wanted > len(self.processes):
            logger.info("%d workers instead of %d: their CPU is %.0f %%", wanted, len(self.processes), 100 * share)
            while len(self.processes) < wanted:
                self.handle_ttin()
        elif self._needed[0][0] <= now - CALM + 2 * LOOK and (most := max(one for _, one in self._needed)) < len(
            self.processes
        ):
            logger.info("%d workers instead of %d: their CPU is %.0f %%", most, len(self.processes), 100 * share)
            while len(self.processes) > most:
                self.handle_ttou()

    def _limit(self, now: float) -> None:
        """Replace the largest worker if all of them have more memory than they may."""
        limit = self._deployment.resources.memory_bytes
        if limit is None or now - self._replaced < REPLACED:
            return
        sizes = [_resident_bytes(process) for process in self.processes]
        if sum(sizes) <= limit:
            return
        self._replaced = now
        at = sizes.index(max(sizes))
        old = self.processes[at]
        logger.warning(
            "the workers have %.0f MB, and %s are allowed: worker %d is replaced",
            sum(sizes) / 1e6,
            self._deployment.resources.memory,
            old.pid,
        )
        new = Process(self.config, self.sockets)
        new.start()
        if not new.wait_until_ready(self.config.timeout_worker_healthcheck, self.should_exit):
            new.kill()
            new.join()
            return
        old.terminate()
        old.join()
        self.processes[at] = new


def needed(scaling: Scaling, percent: float) -> int:
    """Return the number of workers for a load, in percent of one processor."""
    wanted = math.ceil(percent / scaling.target_cpu)
    return min(max(wanted, scaling.min_workers), scaling.max_workers)


def _cpu_seconds(process: Process) -> float:
    try:
        used = psutil.Process(process.pid).cpu_times()
    except psutil.Error:
        return 0.0
    return float(used.user + used.system)


def _resident_bytes(process: Process) -> int:
    try:
        return int(psutil.Process(process.pid).memory_info().rss)
    except psutil.Error:
        return 0
