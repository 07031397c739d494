"""Measure the latency of the model that ships, its float32 version and the native model, and judge the latency rules.

Times depend on the machine, so they are not in the release record. They are stored with the machine's fingerprint.
"""

import hashlib
import importlib
from pathlib import Path

import numpy as np

from slipway.core import atomic, config
from slipway.core.config import Benchmark
from slipway.core.metric import LATENCY
from slipway.data.shards import PackedSplit
from slipway.gate import verdict
from slipway.gate.rules import Gate
from slipway.metrics import latency
from slipway.metrics.latency import Candidate, one_and_all, tflite
from slipway.stages import run

EXAMPLES = 256
"""The number of test examples that are measured."""


def benchmark(variant: str) -> None:
    """Measure all models in one run, judge, write."""
    values = config.read(variant)
    settings = Benchmark(**values["benchmark"])
    models, test = Path("models") / variant, PackedSplit(Path("data/prepared") / variant / "test")
    native = importlib.import_module(f"slipway.frameworks.{values['framework']}.native")
    candidates = [
        tflite("model.tflite", models / "model.tflite"),
        tflite("float.tflite", models / "float.tflite"),
        Candidate("native", f"{native.__name__}:load", models / "native", one_and_all() if native.THREADED else (1,)),
    ]
    measured = latency.measure(
        candidates,
        test.gather(np.arange(min(len(test), EXAMPLES))),
        runs=settings.runs,
        warmup=settings.warmup,
        batch=settings.batch,
    )
    measured["model.tflite"]["sha256"] = hashlib.sha256((models / "model.tflite").read_bytes()).hexdigest()
    single = measured["model.tflite"]["single"]["1"]
    metrics = {metric: {"value": single[metric.removeprefix("latency_")]} for metric in sorted(LATENCY)}
    atomic.write_json(
        Path("reports") / variant / "benchmark.json",
        {
            "machine": latency.fingerprint(),
            "models": measured,
            "metrics": metrics,
            "gate": verdict.judge(Gate(**values["gate"]).of_machine, metrics).to_json(),
        },
    )


if __name__ == "__main__":
    run(benchmark)
