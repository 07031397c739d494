"""Compare trees as TFLite with CatBoost's own predict: 500 trees of depth 6 on 69 features; prints JSON.

Measures the latency of one row and of 1,000 rows, on one thread each, alternately in one run: the median of each, their
ratio (above 1: TFLite is faster) and the largest relative difference of the outputs on rows with missing values.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from catboost import CatBoostRegressor

from slipway.frameworks.catboost.conversion import convert
from slipway.metrics.latency import Predict, fingerprint, size
from slipway_edge.interpreter import Interpreter

TURNS = 20

Figures = dict[str, Any]


def main() -> None:
    """Fit, convert, measure, print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--trees", type=int, default=500)
    arguments.add_argument("--depth", type=int, default=6)
    arguments.add_argument("--features", type=int, default=69)
    options = arguments.parse_args()
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(5000, options.features)).astype(np.float32)
    inputs[rng.random(inputs.shape) < 0.05] = np.nan
    targets = (
        100 + 10 * np.nan_to_num(inputs[:, 0]) + np.nan_to_num(inputs[:, 1:9]).prod(axis=1) + rng.normal(size=5000)
    )
    model = CatBoostRegressor(
        iterations=options.trees, depth=options.depth, random_seed=0, verbose=0, allow_writing_files=False
    ).fit(inputs, targets)
    with tempfile.TemporaryDirectory() as folder:
        native = Path(folder)
        model.save_model(str(native / "model.cbm"))
        begin = time.perf_counter()
        tflite = convert(native, inputs[:1], "float32")
        seconds = time.perf_counter() - begin
        native_bytes = size(native / "model.cbm")
    interpreter = Interpreter(tflite, threads=1)
    expected = model.predict(inputs)
    result = {
        "model": {"trees": model.tree_count_, "depth": options.depth, "features": options.features},
        "one_row": compare(interpreter, model, inputs, rows=1, calls=50),
        "batch": compare(interpreter, model, inputs, rows=1000, calls=1),
        "largest_relative_difference": float(np.max(np.abs(interpreter(inputs)[:, 0] / expected - 1))),
        "conversion_seconds": round(seconds, 3),
        "tflite_bytes": len(tflite),
        "catboost_bytes": native_bytes,
        "machine": fingerprint(),
    }
    print(json.dumps(result, indent=2))


def compare(interpreter: Interpreter, model: CatBoostRegressor, inputs: np.ndarray, rows: int, calls: int) -> Figures:
    """The median milliseconds per call of both, measured alternately."""
    predicts: dict[str, Predict] = {
        "tflite_ms": interpreter,
        "catboost_ms": lambda rows: model.predict(rows, thread_count=1),
    }
    taken: dict[str, list[float]] = {name: [] for name in predicts}
    for turn in range(TURNS):
        for name, predict in predicts.items():
            predict(inputs[:rows])
            for call in range(calls):
                start = (turn * calls + call) * rows % (len(inputs) - rows)
                batch = inputs[start : start + rows]
                begin = time.perf_counter()
                predict(batch)
                taken[name].append((time.perf_counter() - begin) * 1e3)
    medians = {name: float(np.median(values)) for name, values in taken.items()}
    return {"rows": rows, **medians, "ratio": medians["catboost_ms"] / medians["tflite_ms"]}


if __name__ == "__main__":
    main()
