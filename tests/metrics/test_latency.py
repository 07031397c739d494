import json
import os
import platform
import re
from pathlib import Path

import numpy as np
import pytest

from slipway.core.errors import ModelError
from slipway.frameworks.catboost.conversion.graph import DYNAMIC, Graph
from slipway.metrics import latency
from slipway.metrics.latency import Candidate, fingerprint, measure, tflite

NATIVE = """
import sys
from pathlib import Path

calls = []

def load(path, threads):
    assert Path(path).is_dir()
    ballast = bytearray(50_000_000)
    ballast[::1000] = b"x" * 50_000

    def predict(inputs):
        calls.append(len(inputs))
        print("noise on stdout")
        return inputs

    predict.ballast = ballast
    return predict
"""


@pytest.fixture
def candidates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Candidate]:
    graph = Graph("doubles", (DYNAMIC, 4))
    (tmp_path / "model.tflite").write_bytes(graph.serialize(graph.add("ADD", [graph.input] * 2, (DYNAMIC, 4))))
    (tmp_path / "native").mkdir()
    (tmp_path / "native" / "weights").write_bytes(b"1234567")
    (tmp_path / "toy_native.py").write_text(NATIVE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    return [
        tflite("model.tflite", tmp_path / "model.tflite"),
        Candidate("native", "toy_native:load", tmp_path / "native", (1,)),
    ]


def test_every_candidate_is_measured_in_full(candidates: list[Candidate], tmp_path: Path) -> None:
    inputs = np.ones((7, 4), np.float32)
    results = measure(candidates, inputs, runs=25, warmup=2, batch=9)
    assert json.loads(json.dumps(results)) == results
    assert list(results) == ["model.tflite", "native"]
    assert results["model.tflite"]["size_bytes"] == (tmp_path / "model.tflite").stat().st_size
    assert results["native"]["size_bytes"] == 7
    threads = {str(n) for n in (1, latency.processors())}
    for name, expected in (("model.tflite", threads), ("native", {"1"})):
        assert set(results[name]["single"]) == set(results[name]["batch"]) == expected
        for kind, rows in (("single", 1), ("batch", 9)):
            for times in results[name][kind].values():
                assert (times["rows"], times["calls"]) == (rows, 25)
                assert 0 < times["p50_ms"] <= times["p95_ms"] <= times["p99_ms"]
                assert times["rows_per_second"] == pytest.approx(rows / times["mean_ms"] * 1e3)
        assert set(results[name]["start"]) == {"import_ms", "load_ms", "first_ms", "memory_bytes"}
        assert min(results[name]["start"].values()) > 0
    assert results["native"]["start"]["memory_bytes"] > 45e6


def test_a_slow_model_is_called_less_often_than_requested(
    candidates: list[Candidate], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latency, "PATIENCE", 0.0)
    results = measure(candidates, np.ones((1, 4), np.float32), runs=30, warmup=0, batch=2)
    assert {times["calls"] for result in results.values() for times in result["single"].values()} == {latency.BLOCK}


def test_a_model_that_does_not_run_is_named_with_the_reason(candidates: list[Candidate], tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_bytes(b"broken")
    with pytest.raises(ModelError, match=r"model\.tflite does not run in a fresh process: .*not a TFLite model"):
        measure(candidates, np.ones((1, 4), np.float32), runs=10, warmup=0, batch=2)


def test_the_fingerprint_has_what_times_depend_on_and_not_the_name_of_the_machine() -> None:
    facts = fingerprint()
    assert facts == fingerprint()
    assert facts["threads"] >= 1
    assert facts["memory_gib"] > 0
    assert facts["processor"]
    if Path("/proc/cpuinfo").exists():  # a name such as "AMD EPYC" is that of several kinds
        assert re.search(r"\((family|model|L2) \w+", facts["processor"])
    assert facts["libraries"]["numpy"] == np.__version__
    assert platform.node() not in json.dumps(facts)
