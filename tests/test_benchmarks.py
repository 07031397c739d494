"""What the benchmarks of the server conclude from what they measure, and the page that is built of it."""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))
import run
import soak
import swaps
from client import Sender


def samples(a_day: float, noise: float = 0.5, files: float = 0, threads: float = 0) -> list[dict[str, float]]:
    """An hour of 300 MiB that grow by so many MiB a day, of which pages are taken and given back in steps."""
    steps = np.random.default_rng(0).normal(scale=noise, size=1500)
    return [
        {
            "time": 2.0 * number,
            "memory": 300 + a_day * 2 * number / 86_400 + step,
            "files": 40 + round(files * number / 1500),
            "threads": 12 + round(threads * number / 1500),
        }
        for number, step in enumerate(steps.tolist())
    ]


def test_memory_that_goes_up_and_down_does_not_grow() -> None:
    found = soak.growth(samples(a_day=0))
    assert found["wrong"] == []
    assert found["slope"]["low"] < 0 < found["slope"]["high"]
    assert found["memory_mib"] == pytest.approx(300, abs=0.1)


def test_a_leak_is_found_through_the_noise() -> None:
    found = soak.growth(samples(a_day=60))
    assert found["slope"]["low"] < 60 < found["slope"]["high"]
    (wrong,) = found["wrong"]
    assert "the memory grows by at least 5" in wrong
    assert soak.growth(samples(a_day=15))["wrong"] == []


def test_files_and_threads_that_stay_open_are_found() -> None:
    assert soak.growth(samples(a_day=0, files=6, threads=3))["wrong"] == [
        "the number of files grew from 41 to 45",
        "the number of threads grew from 12 to 14",
    ]


def answer(version: str, value: float) -> bytes:
    return json.dumps({"model_version": version, "predictions": [{"value": value}]}).encode()


def test_an_answer_with_the_prediction_of_another_version_is_mixed() -> None:
    check = swaps.belongs({"v1.0.0": [[{"value": 1.0}]], "v1.1.0": [[{"value": 2.0}]]})
    assert check(0, 200, answer("v1.0.0", 1.0)) is None
    assert check(0, 200, answer("v1.1.0", 2.0)) is None
    assert check(0, 200, answer("v1.1.0", 1.0)) == "mixed"
    assert check(0, 503, b"busy") == "503 busy"


async def sent(closes: int, **options: Any) -> tuple[int, Any]:
    """Send 40 requests over two connections to a server that closes each connection at the request with this number."""
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        for number in range(1_000):
            try:
                await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                break
            if number == closes:
                break
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        found = await Sender(port, [b"GET / HTTP/1.1\r\n\r\n"], iter(range(40)), **options).run(2)
    return connections, found


def test_a_request_whose_connection_breaks_has_failed_and_the_next_one_has_a_new_connection() -> None:
    connections, found = asyncio.run(sent(closes=9))
    assert (connections, len(found.seconds), dict(found.wrong)) == (4, 36, {"IncompleteReadError": 4})
    connections, found = asyncio.run(sent(closes=9, each=5))
    assert (connections, len(found.seconds), dict(found.wrong)) == (8, 40, {})


def test_in_an_open_loop_the_time_counts_from_when_a_request_was_due() -> None:
    _, slow = asyncio.run(sent(closes=99, rate=1e6, check=wait))
    assert slow.quantile(1) > 30  # the last one was due at once, and waited for a millisecond of each one before it


def wait(place: int, status: int, body: bytes) -> None:
    time.sleep(0.001)


def test_the_page_is_what_the_results_say() -> None:
    assert (ROOT / "docs" / "benchmarks.md").read_text() == run.page(), "write it by `run.page`, not by hand"


def test_rows_of_a_server_that_was_not_installed_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = json.loads((run.RESULTS / "serving.json").read_text())
    monkeypatch.setattr(run, "RESULTS", tmp_path)
    row = {"slipway": 200.0, "mlflow": 8000.0, "loop": 600.0, "experiment": 220.0, "times_less": 40.0}
    row |= {f"{name}_rate": 1e6 / row[name] for name in ("slipway", "mlflow", "loop", "experiment")}
    pictures = {
        one: {**of, "slipway_rate": 270.0, "loop_rate": 330.0} for one, of in kept["figures"]["pictures"].items()
    }
    figures = {name: of for name, of in kept["figures"].items() if name != "litserve"}
    figures |= {"rows": dict.fromkeys(("1", "8", "64"), row), "experiment": {}, "pictures": pictures}

    def page(**more: Any) -> str:
        (tmp_path / "serving.json").write_text(json.dumps({**kept, "figures": {**figures, **more}}))
        return run.page()

    assert "36 × less: 0.22 against 8.0 ms" in page()
    assert "LitServe" not in page()
    row |= {"litserve": 1500.0, "litserve_rate": 660.0, "litserve_together": 700.0, "litserve_together_rate": 1400.0}
    assert "6.8 × less: 0.22 against 1.5 ms" in page(litserve={})
