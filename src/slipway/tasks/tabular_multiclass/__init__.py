"""Tabular classification with several classes: which one of them a row of a table is of.

Input: tables with one row per example (see `slipway.data.rows`). Targets: int64, the position of the class in the
spec's `outputs`. Predictions: the probability of each class [n, classes]; the decision is the most probable one.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
from pydantic import field_validator

from slipway.core.config import Section
from slipway.core.errors import DataError
from slipway.core.metric import Metric
from slipway.core.protocol import Words
from slipway.core.spec import Spec
from slipway.data import rows
from slipway.data.rows import columns
from slipway.data.rows.proposal import Proposal
from slipway.metrics import multiclass
from slipway.metrics.classification import Classifier
from slipway_edge.tables import positions, some, text
from slipway_edge.tasks import tabular_multiclass as edge

MOST = 100
"""The largest number of classes that need not be listed in `data.classes`."""


class Columns(columns.Columns):
    """The columns (see `slipway.data.rows.columns`), and the classes.

    `classes`: the values of the column `target`, in the order of the model's outputs; with null, all its values sorted.
    """

    classes: tuple[str, ...] | None = None

    @field_validator("classes", mode="before")
    @classmethod
    def _as_text(cls, classes: object) -> object:
        known = int | float | str
        return (
            [text(one) if isinstance(one, known) else one for one in classes] if isinstance(classes, list) else classes
        )

    @field_validator("classes")
    @classmethod
    def _distinct(cls, classes: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if classes is not None and len(set(classes)) < max(2, len(classes)):
            raise ValueError("list at least two classes, each once")
        return classes


class Task(rows.Rows, Classifier, edge.Task):
    """Classification of the rows of a table into several classes; see `slipway.core.protocol.Task`."""

    Data: ClassVar[type[Section]] = Columns
    metrics: ClassVar[Mapping[str, Metric]] = multiclass.METRICS
    headline: ClassVar[tuple[str, ...]] = ("accuracy", "f1", "log_loss")

    def __init__(self, data: Columns) -> None:
        super().__init__(data.model_dump())
        self.data: Columns = data

    @classmethod
    def suits(cls, proposed: Proposal) -> bool:
        """Return whether the target has more than two values that are no numbers to predict."""
        return proposed.values.nunique() > 2 and not proposed.numeric

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The classes of `data.classes`; None if the values of the target column are the classes."""
        return self.data.classes

    def labels(self, target: pd.Series) -> pd.Series:
        """Return the class [n] of each row: the value of the target column, None where missing."""
        return target

    def check_labels(self, raw: Path, usable: pd.DataFrame) -> None:
        """Check that there are at least two classes, and that they are those of `data.classes`, if it is set.

        Raises:
            DataError: there is one class, a value is not a class, a class has no row, or there are too many values.
        """
        target, classes = self.data.target, self.data.classes
        values = usable["label"].value_counts()
        found = sorted(values.index)
        if len(found) < 2:
            raise DataError(
                f"{raw}: in all {len(usable):,} usable rows {target} is {found[0]}; classes need two values"
            )
        if classes is None and len(found) > MOST:
            raise DataError(
                f"{raw}: {target} has {len(found):,} values in {len(usable):,} usable rows, such as "
                f"{', '.join(values.index[:3])}; if it is a number to predict, it has no classes; otherwise list the "
                "classes in data.classes"
            )
        if unknown := sorted(set(found) - set(classes or found)):
            rows_of = int(values[unknown].sum())
            raise DataError(
                f"{raw}: {target} is {some(unknown)} in {rows_of:,} rows, which is not in data.classes; add it there "
                "(in quotation marks if YAML would read another value), or remove these rows"
            )
        if missing := [name for name in classes or () if name not in values.index]:
            raise DataError(f"{raw}: in no usable row {target} is {some(missing)}, a class of data.classes; remove it")

    def targets(self, labels: pd.Series, spec: Spec) -> np.ndarray:
        """Return the position of each row's class in the outputs, int64 [n].

        Raises:
            DataError: a class is not among the outputs.
        """
        if unknown := sorted(set(labels) - set(spec["outputs"])):
            raise DataError(
                f"{self.data.target} is {some(unknown)} in validation or test rows and in no training row; add "
                "training rows of this class, or remove these rows"
            )
        return positions(labels, spec["outputs"])

    def indicators(self, labels: pd.Series) -> dict[str, np.ndarray]:
        """Return for each class whether a row [n] is of it."""
        return {name: (labels == name).to_numpy() for name in self._names(labels)}

    def specify(self, raw: Path, examples: pd.DataFrame) -> Spec:
        """Compute the classes, and the categories of each column, from the training examples.

        Raises:
            DataError: a feature has no value in any training example.
        """
        classes = self._names(examples["label"])
        return {
            "objective": self.objective,
            "outputs": classes,
            "classes": classes,
            **self.encoding(raw, examples),
        }

    def scores(
        self, examples: pd.DataFrame, targets: np.ndarray, predictions: np.ndarray, spec: Spec
    ) -> multiclass.Scores:
        """Return the scores of class probabilities."""
        columns = self.data.categorical
        return multiclass.Scores(examples["group"], targets, predictions, spec["outputs"], examples, columns)

    def words(self, spec: Spec) -> Words:
        """Return the description of predictions: probabilities of classes."""
        return replace(super().words(spec), hub="tabular-classification")

    def _names(self, labels: pd.Series) -> list[str]:
        return list(self.data.classes or sorted(labels.unique()))
