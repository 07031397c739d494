"""Regression on the rows of a table: a number for each row, such as a price, with an interval.

Input: tables with one row per example (see `slipway.data.rows`); no time and no place are needed. Targets: float32, the
values of the target column. Predictions: the value [n, 1] in the target's unit. The interval around a value is chosen
on the validation split (see `slipway.metrics.regression`).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from pydantic import model_validator

from slipway.core.config import Section
from slipway.core.errors import DataError
from slipway.core.metric import Metric
from slipway.core.protocol import Words
from slipway.core.spec import Spec
from slipway.data import rows
from slipway.data.rows import columns
from slipway.data.rows.proposal import Proposal
from slipway.metrics import parity, regression
from slipway.metrics.breakdown import TENTHS
from slipway_edge.intervals import INTERVAL
from slipway_edge.tasks import row_regression as edge
from slipway_edge.tasks.row_regression import interval


class Columns(columns.Columns):
    """The columns (see `slipway.data.rows.columns`); the column `target` holds numbers."""

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.target == INTERVAL:
            raise ValueError(f"target cannot be {INTERVAL}: the Predictor uses this name for the interval")
        return self


class Task(rows.Rows, edge.Task):
    """Regression on the rows of a table; see `slipway.core.protocol.Task`."""

    Data: ClassVar[type[Section]] = Columns
    objective: ClassVar[str] = "regression"
    metrics: ClassVar[Mapping[str, Metric]] = regression.METRICS
    headline: ClassVar[tuple[str, ...]] = ("mae", "rmse", "r2", "coverage")
    curves: ClassVar[frozenset[str]] = frozenset({TENTHS})
    classes: ClassVar[tuple[str, ...]] = ()
    unlabelled: ClassVar[tuple[str, str]] = ("no target", "its target is empty or not a number")

    def __init__(self, data: Columns) -> None:
        super().__init__(data.model_dump())
        self.data: Columns = data

    @classmethod
    def suits(cls, proposed: Proposal) -> bool:
        """Return whether the target is a number, and the rows are no series of which it is the next value."""
        return proposed.numeric and not proposed.forecast

    def labels(self, target: pd.Series) -> pd.Series:
        """Return the value [n] of each row, NaN where it is missing or not a finite number."""
        point = target.str.replace(self.data.format.decimal, ".", regex=False)
        values: pd.Series = pd.to_numeric(point, errors="coerce").astype(np.float64)
        return values.where(np.isfinite(values))

    def check_labels(self, raw: Path, usable: pd.DataFrame) -> None:
        """Check that the values differ.

        Raises:
            DataError: all values are equal.
        """
        if usable["label"].nunique() < 2:
            raise DataError(
                f"{raw}: in all {len(usable):,} usable rows {self.data.target} is {usable['label'].iloc[0]:g}"
            )

    def targets(self, labels: pd.Series, spec: Spec) -> np.ndarray:
        """Return the values, float32 [n]."""
        return labels.to_numpy(np.float32)

    def indicators(self, labels: pd.Series) -> dict[str, np.ndarray]:
        """Return `mean`: the values [n], by whose mean a category is encoded."""
        return {"mean": labels.to_numpy(np.float64)}

    def specify(self, raw: Path, examples: pd.DataFrame) -> Spec:
        """Compute the categories of each column from the training examples.

        Raises:
            DataError: a feature has no value in any training example.
        """
        return {"objective": self.objective, "outputs": [self.data.target], **self.encoding(raw, examples)}

    def choose_threshold(
        self, examples: pd.DataFrame, targets: np.ndarray, predictions: np.ndarray, spec: Spec
    ) -> Mapping[str, Any]:
        """Return the distances of the interval's ends from a value; see `slipway.metrics.regression.spread`."""
        return {"spread": regression.spread(targets.astype(np.float64), predictions[:, 0].astype(np.float64))}

    def agreement(self, native: np.ndarray, converted: np.ndarray, spec: Spec) -> dict[str, float]:
        """Return the share of values that agree within 1 %, and the differences as shares of the mean value."""
        return parity.numbers(native, converted)

    def scores(
        self, examples: pd.DataFrame, targets: np.ndarray, predictions: np.ndarray, spec: Spec
    ) -> regression.Scores:
        """Return the scores of the values and of their intervals."""
        actual, values = examples["label"].to_numpy(np.float64), predictions[:, 0].astype(np.float64)
        ends = interval(values, spec["spread"])
        return regression.Scores(examples, actual, values, *ends, self.data.target, self.data.categorical)

    def words(self, spec: Spec) -> Words:
        """Return the description of predictions: values of the target."""
        return Words(
            "{outputs}, in the unit of the raw data, with the interval that holds 80 % of the values",
            differences="shares of the mean prediction",
            limits=("The interval holds 80 % of all values, and may hold fewer of one kind of row.",),
            hub="tabular-regression",
        )
