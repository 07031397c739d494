"""A server in its own process, on a free port of this machine, and what a client needs."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import requests

SECONDS = 60
"""The longest wait for anything."""


@dataclass
class Server:
    """A running server: its process, address, and the file of its log."""

    process: subprocess.Popen[bytes]
    address: str
    log: Path

    def post(self, path: str, **options: Any) -> requests.Response:
        return requests.post(f"{self.address}{path}", timeout=SECONDS, **options)

    def get(self, path: str) -> requests.Response:
        return requests.get(f"{self.address}{path}", timeout=SECONDS)

    def predict(self, model: str, **options: Any) -> Any:
        """Return the answer to a request for predictions, which must succeed."""
        response = self.post(f"/api/v1/predict/{model}", **options)
        assert response.status_code == 200, response.text
        return response.json()

    def stop(self) -> int:
        """End the server as a supervisor does, and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(SECONDS)


@contextmanager
def serving(
    repository: Path | str,
    folder: Path,
    *options: str,
    environment: Mapping[str, str] | None = None,
    port: bool = True,
) -> Iterator[Server]:
    """Run `slipway serve`; its cache and its logs are in `folder`. With `port`, on a free port of this machine."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "log"
    command = [sys.executable, "-m", "slipway", "serve", "--repo", str(repository), *(("--port", "0") if port else ())]
    with log.open("wb") as file:
        process = subprocess.Popen(
            [
                *(*command, "--cache", str(folder / "cache"), "--audit-log", str(folder / "audit.jsonl")),
                *("--log", str(folder / "traffic"), *options),
            ],
            stdout=file,
            stderr=file,
            env={**os.environ, **(environment or {})},
            cwd=folder if port else repository,
        )
    try:
        yield Server(process, _address(process, log), log)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)  # ends at once, without the moment for load balancers
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def until(true: Any, what: str, seconds: float = SECONDS) -> None:
    """Wait until a function returns a true value."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.05)


def workers(server: int) -> set[int]:
    """Return the processes of a server's workers; `server` is its own process."""
    found = set()
    for child in psutil.Process(server).children():
        with contextlib.suppress(psutil.NoSuchProcess):  # also raised for one that has ended
            if "spawn_main" in " ".join(child.cmdline()):
                found.add(child.pid)
    return found


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    """Return the address from the log, when the server answers."""
    found: list[str] = []

    def answers() -> bool:
        assert process.poll() is None, log.read_text()
        found[:] = re.findall(r"running on (http://\S+)", log.read_text())
        if not found:
            return False
        try:
            return requests.get(f"{found[0]}/healthz", timeout=SECONDS).status_code == 200
        except requests.ConnectionError:
            return False

    until(answers, "the server answers")
    return found[0]
