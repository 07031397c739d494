"""Scores the native model on the test split: metrics with intervals, breakdowns, plots, and every prediction.

`reports/<variant>/dvc.yaml` tells DVC how to draw the plots, which differ from task to task; DVC allows no stage to
declare a dvc.yaml as its output, so it is written beside them.
"""

import importlib
import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from slipway import atomic, config, intervals, tasks
from slipway.config import Evaluate
from slipway.data.shards import PackedSplit
from slipway.protocol import Plot
from slipway.stages import run


def evaluate(variant: str) -> None:
    """Predict, decode, score."""
    values = config.read(variant)
    settings = Evaluate(**values["evaluate"])
    prepared, reports = Path("data/prepared") / variant, Path("reports") / variant
    task = tasks.load(values["task"], values["data"])
    spec = json.loads((prepared / "spec.json").read_text())
    test = PackedSplit(prepared / "test")
    inputs = test.gather(np.arange(len(test)))
    native = importlib.import_module(f"slipway.frameworks.{values['framework']}.native")
    predictions = task.decode(native.load(Path("models") / variant / "native")(inputs), inputs, spec)

    judged = (test.examples, test.targets, predictions, spec)
    measured = intervals.bootstrap(
        partial(task.score, *judged),
        test.examples["group"],
        resamples=settings.resamples,
        confidence=settings.confidence,
        seed=values["seed"],
    )
    atomic.write_json(reports / "metrics.json", {metric: one["value"] for metric, one in measured.items()})
    atomic.write_json(
        reports / "evaluation.json",
        {
            "examples": len(test),
            "groups": int(test.examples["group"].nunique()),
            "confidence": settings.confidence,
            "metrics": measured,
            "tables": {name: _rows(table) for name, table in task.tables(*judged).items()},
        },
    )
    kept = test.examples.assign(target=test.targets, **dict(zip(_columns(spec), predictions.T, strict=True)))
    atomic.write_bytes(reports / "predictions.parquet", kept.to_parquet(index=False))
    _write_plots(variant, reports, task.plots(*judged))


def _columns(spec: Mapping[str, Any]) -> list[str]:
    return [f"predicted {name}" for name in spec["outputs"]]


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """A table as JSON rows of rounded values, None for what is undefined."""
    rows: list[dict[str, Any]] = json.loads(table.to_json(orient="records", double_precision=6, date_format="iso"))
    return rows


def _write_plots(variant: str, reports: Path, plots: Sequence[Plot]) -> None:
    """One CSV a plot, and DVC's description of all, training curves included."""
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
                "y_label": name.replace("_", " "),
            }
        }
        for name, paths in _curves(reports / "live").items()
    ]
    note = "# Written by the evaluate stage: how DVC draws this variant's plots.\n"
    atomic.write_text(reports / "dvc.yaml", note + yaml.safe_dump({"plots": described}, sort_keys=False, width=120))


def _curves(live: Path) -> dict[str, list[Path]]:
    """What DVCLive kept of the training: files by metric, train and val of one metric together."""
    curves: dict[str, list[Path]] = {}
    for path in sorted(live.glob("plots/metrics/**/*.tsv")):
        curves.setdefault(path.stem, []).append(path)
    return curves


if __name__ == "__main__":
    run(evaluate)
