"""How a page shows a row of a table, for every task over rows: the values of the columns that the model reads, and what
each of them adds to its answer."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from slipway.core.protocol import column
from slipway.core.shown import Added, Shown
from slipway.core.spec import Spec
from slipway.data.rows import Rows
from slipway_edge.rows.encoding import PARTS

USUAL = "on average"


def shown(
    task: Any, raw: Path, examples: pd.DataFrame, targets: np.ndarray, predictions: np.ndarray, spec: Spec
) -> Iterator[Shown]:
    """Yield the rows of the examples, as they are in the raw tables now."""
    rows: Rows = task
    for name, (_, row) in zip(examples["example"], rows._of(raw, examples).iterrows(), strict=True):
        if row["example"] != name:
            yield Shown(problem="it is no longer in the tables")
        else:
            yield Shown(row={feature: row[column(feature)] for feature in rows._features})


def columns(task: Any, spec: Spec) -> list[str]:
    """Return the column of each feature, in the order of the inputs: that of the table, or the derived one."""
    rows: Rows = task
    found = [*rows.data.numeric, *rows.derived, *(name for name in rows.data.dates for _ in PARTS)]
    for name in rows.data.categorical:
        known = spec["categories"][name]
        shares = np.atleast_2d(np.array(known["positive"], np.float64))
        found += [name] * (len(shares) + 1 + len(known["own"]))
    return found


def added(task: Any, inputs: np.ndarray, shap: np.ndarray, spec: Spec) -> Added:
    """Return what features add to the log-odds of the positive class, to a number, or to the score of a class.

    With several classes it is that of the predicted class, less the mean over the classes: only differences between the
    scores of classes matter to their probabilities.

    Args:
        task: the task.
        inputs: the features of rows, [n, f].
        shap: what each feature adds to the raw outputs, and the mean outputs, [n, k, f + 1].
        spec: of the model.
    """
    outputs = spec["outputs"]
    if shap.shape[1] == 1:
        of = f"the log-odds of {outputs[0]}" if spec["objective"] == "binary" else str(outputs[0])
        return Added([of] * len(shap), shap[:, 0, -1], USUAL, shap[:, 0, :-1])
    predicted = shap.sum(axis=2).argmax(axis=1)
    apart = (shap - shap.mean(axis=1, keepdims=True))[np.arange(len(shap)), predicted]
    return Added([f"the score of {outputs[one]}" for one in predicted], apart[:, -1], USUAL, apart[:, :-1])
