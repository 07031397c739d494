"""Score the native model on the test split: metrics and breakdowns with intervals, plots, and all predictions.

First choose the operating point (a threshold, where the task has one) on the validation split; all later stages use it.

`reports/<variant>/dvc.yaml` tells DVC how to draw the plots, which depend on the task. DVC does not allow a dvc.yaml as
an output of a stage, so the stage writes it without declaring it.
"""

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from slipway import tasks
from slipway.core import atomic, config
from slipway.core import spec as specs
from slipway.core.config import Evaluate
from slipway.core.protocol import Plot, Task
from slipway.core.spec import Spec
from slipway.data.pooling import by_example
from slipway.data.shards import PackedSplit
from slipway.records.predictions import table
from slipway.stages import run
from slipway.statistics import intervals
from slipway.statistics.breakdowns import with_intervals

BATCH = 256
"""The number of examples predicted at a time."""


def evaluate(variant: str) -> None:
    """Predict, decode, score."""
    values = config.read(variant)
    settings = Evaluate(**values["evaluate"])
    prepared, reports = Path("data/prepared") / variant, Path("reports") / variant
    task = tasks.load(values["task"], values["data"])
    native = Path("models") / variant / "native"
    spec = specs.shared(prepared, native)
    model = importlib.import_module(f"slipway.frameworks.{values['framework']}.native").load(native)
    chosen = task.choose_threshold(*_predicted(task, model, PackedSplit(prepared / "val"), spec), spec)
    atomic.write_json(reports / specs.OPERATING_POINT, chosen)
    spec = {**spec, **chosen}
    examples, targets, predictions = _predicted(task, model, PackedSplit(prepared / "test"), spec)
    scores = task.scores(examples, targets, predictions, spec)
    draws: dict[str, Any] = {**settings.model_dump(), "seed": values["seed"]}
    classes = scores.contributions.members
    measured = intervals.bootstrap(scores.total, examples["group"], **draws, declared=task.metrics.get, classes=classes)
    atomic.write_json(reports / "metrics.json", {metric: one["value"] for metric, one in measured.items()})
    atomic.write_json(
        reports / "evaluation.json",
        {
            "examples": len(examples),
            "groups": int(examples["group"].nunique()),
            "confidence": settings.confidence,
            "metrics": measured,
            "tables": with_intervals(scores.breakdowns, examples["group"], task.metrics, task.curves, **draws),
        },
    )
    atomic.write_bytes(reports / "predictions.parquet", table(examples, targets, predictions, spec["outputs"]))
    step: str = importlib.import_module(f"slipway.frameworks.{values['framework']}.steps").STEP
    _write_plots(variant, reports, scores.plots(), step)


def _predicted(
    task: Task, model: Callable[[np.ndarray], np.ndarray], split: PackedSplit, spec: Spec
) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Return rows, targets and predictions of a split, one of each per example."""
    decoded = [task.postprocess(model(inputs), inputs, spec) for inputs, _ in split.batches(BATCH)]
    return by_example(split.examples, split.targets, np.concatenate(decoded))


def _write_plots(variant: str, reports: Path, plots: Sequence[Plot], step: str) -> None:
    """Write one CSV per plot, and the description of all plots for DVC, including the training curves by `step`."""
    with atomic.folder(reports / "plots") as folder:
        for plot in plots:
            plot.table.to_csv(folder / f"{plot.name}.csv", index=False, float_format="%.6g")
    described = [
        {
            f"{variant}: {plot.title}": {
                "template": plot.template,
                "x": plot.x,
                "y": {f"plots/{plot.name}.csv": [plot.y] if isinstance(plot.y, str) else list(plot.y)},
                **({"x_label": plot.x_label} if plot.x_label else {}),
                **({"y_label": plot.y_label} if plot.y_label else {}),
            }
        }
        for plot in plots
    ]
    described += [
        {
            f"{variant}: {name.replace('_', ' ')} while training": {
                "template": "simple",
                "x": "step",
                "y": {str(path.relative_to(reports)): name for path in sorted(paths)},
                "x_label": step,
                "y_label": name.replace("_", " "),
            }
        }
        for name, paths in _curves(reports / "live").items()
    ]
    note = "# Written by the evaluate stage: how DVC draws this variant's plots.\n"
    atomic.write_text(reports / "dvc.yaml", note + yaml.safe_dump({"plots": described}, sort_keys=False, width=120))


def _curves(live: Path) -> dict[str, list[Path]]:
    """Return the files that DVCLive wrote in training, by metric; train and val of a metric are together."""
    curves: dict[str, list[Path]] = {}
    for path in sorted(live.glob("plots/metrics/**/*.tsv")):
        curves.setdefault(path.stem, []).append(path)
    return curves


if __name__ == "__main__":
    run(evaluate)
