"""`slipway score`: the scores of a built or registered model on new labelled data, beside those on its test split.

The data is a folder, or a table, in the layout of the model's task. The code that reads training data reads it, and the
code that scores a release encodes, predicts and scores it, with the spec of the record. Nothing is learnt from it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from slipway import tasks
from slipway.core.errors import ConfigError, DataError
from slipway.core.protocol import Problem, each_class
from slipway.data.pooling import by_example
from slipway.records import release
from slipway.registry import audit
from slipway.statistics import intervals
from slipway.statistics.breakdowns import with_intervals
from slipway_edge.predictor import RECORD, Predictor

RESAMPLES, SEED = 1000, 0
CONFIDENCE = 0.95
"""The level of the intervals, if the record does not state it."""


@dataclass(frozen=True)
class Scored:
    """The scores on new data.

    `metrics` and `own`: by metric, `value`, `low` and `high`, on the new data and on the test split of the model.
    `tables`: the breakdowns as rows; a score `c` has its interval in `c_low` and `c_high`. `curves`: the names of the
    breakdowns without intervals. `problems`: the examples that cannot be read.
    """

    examples: int
    groups: int
    metrics: Mapping[str, Mapping[str, float | None]]
    own: Mapping[str, Mapping[str, float | None]]
    tables: Mapping[str, list[dict[str, Any]]]
    curves: tuple[str, ...]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]


def score(predictor: Predictor, data: Path, group: str | None = None) -> Scored:
    """Score a model on labelled data.

    Args:
        predictor: the model.
        data: a folder in the layout of the task, or one table.
        group: what groups this data, in place of the record's `data.group`.

    Raises:
        ConfigError: the task has no `data.group`.
        DataError: the data does not have this layout, has a class that the model does not know, or no usable example.
        ModelError: the task cannot read the record.
    """
    path = predictor.folder / RECORD
    record = release.read(path.read_bytes(), str(path), predictor.record["variant"])
    undivided = {name: value for name, value in record.data.items() if name != "split"}  # new data needs no sides
    if group is not None:
        if "group" not in tasks.kind(record.task).Data.model_fields:
            raise ConfigError(f"--group: {record.task} has no data.group; its data names the groups in another way")
        used = {name for value in undivided.values() if isinstance(value, list) for name in value if name == group}
        if used or group == undivided.get("target"):
            raise ConfigError(f"--group: {group} is a column that the model uses; the scores show its values already")
        undivided["group"] = group
    task, spec = audit.task(record.model_copy(update={"data": undivided})), record.spec
    if not data.exists():
        raise DataError(f"{data}: no such file or folder")
    index = task.index(data)
    _check_classes(data, index.examples, spec["outputs"] if task.classes is None else task.classes)
    rows, targets, predictions, problems = [], [], [], list(index.problems)
    for batch in task.encode(data, index.examples, spec):
        rows.append(batch.rows)
        targets.append(batch.targets)
        predictions.append(task.postprocess(predictor.interpreter(batch.inputs), batch.inputs, spec))
        problems += batch.problems
    if not rows or not sum(map(len, rows)):
        first = f" ({problems[0].where}: {problems[0].detail})" if problems else ""
        raise DataError(f"{data}: no usable example{first}")
    examples, target, prediction = by_example(
        index.examples.iloc[np.concatenate(rows)].reset_index(drop=True),
        np.concatenate(targets),
        np.concatenate(predictions),
    )
    scores = task.scores(examples, target, prediction, spec)
    draws: dict[str, Any] = {
        "resamples": RESAMPLES,
        "confidence": CONFIDENCE if record.confidence is None else record.confidence,
        "seed": SEED,
    }
    classes = scores.contributions.members
    return Scored(
        examples=len(examples),
        groups=int(examples["group"].nunique()),
        metrics=intervals.bootstrap(
            scores.total, examples["group"], **draws, declared=task.metrics.get, classes=classes
        ),
        own=record.metrics,
        tables=with_intervals(scores.breakdowns, examples["group"], task.metrics, task.curves, **draws),
        curves=tuple(sorted(task.curves)),
        problems=tuple(problems),
        notes=tuple(index.notes),
    )


def _check_classes(data: Path, examples: pd.DataFrame, known: Collection[str]) -> None:
    """Refuse examples of a class that the model does not have; `known` is empty if it has no classes."""
    if known and (new := sorted(set(each_class(examples)) - set(known))):
        raise DataError(
            f"{data}: {', '.join(new)} is not a class of this model, which has {', '.join(known)}; "
            "leave out these examples"
        )
