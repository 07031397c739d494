"""The demand recipe on real counts, against the seasonal-naive forecast on the same hours.

In: `$SLIPWAY_SHARED/data/demand` (default: `shared/` beside the repository) and `melbourne-demand.yaml`. Out: one JSON
object: MAE over the test window, MAE of the same hour a week before, their ratio, and the same for the linear blend
that the trees start from. Nothing of the test window or younger is seen in training; `--until` moves the window back,
which is how the recipe was chosen. Usage: `python benchmarks/demand_recipe.py [--until 2014-01-01]`.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from slipway.data.shards import PackedSplit, ShardWriter
from slipway.frameworks.catboost import native
from slipway.frameworks.catboost.schema import Model, Train
from slipway.frameworks.catboost.training import fit
from slipway.tasks.tabular_regression import Task

ROOT = Path(__file__).parents[1]
RAW = Path(os.environ.get("SLIPWAY_SHARED", ROOT.parent / "shared")) / "data" / "demand"
WINDOW = pd.Timedelta(days=28)


def section(recipe: dict[str, Any], name: str, option: str) -> dict[str, Any]:
    """A section of the recipe over the option of conf/ that it starts from."""
    base: dict[str, Any] = yaml.safe_load((ROOT / "conf" / name / f"{option}.yaml").read_text())
    return base | recipe.get(name, {})


def measure(until: pd.Timestamp | None, seed: int) -> dict[str, Any]:
    """Train on all but the last two windows before `until` and score the last."""
    recipe = yaml.safe_load((ROOT / "benchmarks" / "melbourne-demand.yaml").read_text())
    task = Task(Task.Data(**section(recipe, "data", "demand")))
    index = task.index(RAW)
    examples = index.examples
    end = until or examples["time"].max() + pd.Timedelta(hours=1)
    parts = {
        "train": examples[examples["time"] < end - 2 * WINDOW],
        "val": examples[(examples["time"] >= end - 2 * WINDOW) & (examples["time"] < end - WINDOW)],
        "test": examples[(examples["time"] >= end - WINDOW) & (examples["time"] < end)],
    }
    spec = task.specify(RAW, parts["train"])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part, rows in parts.items():
            writer = ShardWriter(folder / part)
            for batch in task.encode(RAW, rows.reset_index(drop=True), spec):
                writer.append(batch.inputs, batch.targets)
            writer.close(rows)
        train, val, test = (PackedSplit(folder / part) for part in parts)
        begun = time.perf_counter()
        fit(
            train,
            val,
            spec,
            Model(**section(recipe, "model", "catboost")),
            Train(**section(recipe, "train", "catboost")),
            seed=seed,
            out=folder / "native",
            checkpoints=folder / "checkpoints",
            start=None,
            track=lambda iteration, losses: print(iteration, losses, file=sys.stderr),
        )
        seconds = time.perf_counter() - begun
        inputs = test.gather(np.arange(len(test)))
        raw = native.load(folder / "native")(inputs)
        scores = task.score(test.examples, test.targets, task.decode(raw, inputs, spec), spec)
        linear = task.score(test.examples, test.targets, task.decode(np.zeros_like(raw), inputs, spec), spec)
        known = test.examples["naive"].notna()
        naive = (test.examples["label"] - test.examples["naive"])[known].abs().mean()
        return {
            "window": [str(test.examples["time"].min()), str(test.examples["time"].max())],
            "n": int(known.sum()),
            "naive_mae": round(float(naive), 3),
            "mae": round(scores["mae_ratio_to_naive"] * float(naive), 3),
            "ratio": round(scores["mae_ratio_to_naive"], 4),
            "linear_ratio": round(linear["mae_ratio_to_naive"], 4),
            "rmse": round(scores["rmse"], 2),
            "rows_left_out": len(index.problems),
            "features": len(spec["input"]["names"]),
            "training_rows": len(train),
            "training_seconds": round(seconds, 1),
        }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--until", type=pd.Timestamp, help="end of the test window; default: the end of the data")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print(json.dumps(measure(arguments.until, arguments.seed), indent=2))
