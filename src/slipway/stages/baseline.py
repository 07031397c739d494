"""Train the plain baseline of a variant's task, and score it on the test split as the evaluate stage scores the model.

The baseline of a task is a script in benchmarks/baselines, which calls `run` with the function that trains it. It
learns from the splits that the model learns from, and chooses its own operating point on the validation split. It is no
part of a release, and no rule of the gate depends on it.
"""

import json
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from slipway import stages, tasks
from slipway.core import atomic, config
from slipway.core import spec as specs
from slipway.core.errors import ConfigError, DataError
from slipway.core.spec import Spec
from slipway.data.pooling import by_example
from slipway.data.shards import PackedSplit
from slipway.records import plain_baseline, predictions


@dataclass(frozen=True)
class Prepared:
    """The prepared data of a variant: its splits, its task and spec, and the seed of its training."""

    train: PackedSplit
    val: PackedSplit
    test: PackedSplit
    task: Any
    spec: Spec
    seed: int


Predict = Callable[[PackedSplit], np.ndarray]
"""Returns the predictions of the task for the inputs of a split, [n, *p]."""


def run(fit: Callable[[Prepared], Predict]) -> None:
    """Train with `fit`, for the variant on the command line; write and print the scores, and keep the predictions."""

    def baseline(variant: str) -> None:
        values = config.read(variant)
        script = Path(sys.argv[0]).stem
        if script != values["task"]:
            raise ConfigError(f"{config.TOP}: baselines.{variant} is {script}, and its task is {values['task']}")
        folder, reports = Path("data/prepared") / variant, Path("reports") / variant
        if not folder.exists():
            raise DataError(f"{folder}: no such folder; run `dvc repro prepare@{variant}`")
        began = time.perf_counter()
        task, spec = tasks.load(values["task"], values["data"]), specs.prepared(folder)
        train, val, test = (PackedSplit(folder / side) for side in ("train", "val", "test"))
        predict = fit(Prepared(train, val, test, task, spec, values["seed"]))
        seconds = time.perf_counter() - began
        checked, tested = (by_example(side.examples, side.targets, predict(side)) for side in (val, test))
        point = task.choose_threshold(*checked, spec)
        scores = task.scores(*tested, {**spec, **point}).total()
        atomic.write_bytes(reports / plain_baseline.PREDICTIONS, predictions.table(*tested, spec["outputs"]))
        made = {
            "schema": plain_baseline.SCHEMA,
            "task": values["task"],
            "metric": task.headline[0],
            "value": _rounded(scores[task.headline[0]]),
            "metrics": {name: _rounded(score) for name, score in scores.items()},
            "point": dict(point),
            "seconds": round(seconds, 2),
            "seed": values["seed"],
        }
        atomic.write_json(reports / plain_baseline.FILE, made)
        print(json.dumps(made))

    stages.run(baseline)


def _rounded(score: float) -> float | None:
    """Return a score for JSON, rounded to six decimals; None if it is not finite."""
    return round(float(score), 6) if math.isfinite(score) else None
