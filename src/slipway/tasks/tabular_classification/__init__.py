"""Tabular classification with two classes: whether a row of a table is positive.

Input: tables with one row per example (see `slipway.data.rows`). Targets: int64, 1 where the target column has the
positive value. Predictions: the probability of the positive class [n, 1]. The operating point is a threshold on it,
chosen on the validation split (see `slipway.metrics.operating_point`).
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from pydantic import field_validator, model_validator

from slipway.core.config import Section
from slipway.core.errors import DataError
from slipway.core.metric import Metric
from slipway.core.protocol import Words
from slipway.core.spec import Spec
from slipway.data import rows
from slipway.data.rows import columns
from slipway.data.rows.proposal import Proposal
from slipway.metrics import binary, operating_point, parity
from slipway.metrics.breakdown import TENTHS
from slipway.metrics.operating_point import CHOSEN, Decision
from slipway_edge.tables import text
from slipway_edge.tasks import tabular_classification as edge
from slipway_edge.tasks.tabular_classification import DECISION

RARE = 0.2
"""With a smaller share of the rarer class, a new variant's threshold is for F1: accuracy would ignore the class."""
SHOWN = 20
"""Number of values of the target column that are listed if none is the positive one."""

_YAML_TRUTH = {"true": ("yes", "Yes", "YES", "on", "On", "ON"), "false": ("no", "No", "NO", "off", "Off", "OFF")}
"""Words that YAML reads as true and false if they are not in quotation marks."""


class Columns(columns.Columns, Decision):
    """The columns (see `slipway.data.rows.columns`), which rows are positive, and how they are decided.

    A row is positive, class `name`, if the column `target` is `positive`; with any other value its class is `not name`.
    """

    positive: str
    name: str

    @field_validator("positive", mode="before")
    @classmethod
    def _as_text(cls, positive: object) -> object:
        return text(positive) if isinstance(positive, int | float | str) else positive

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.name == DECISION:
            raise ValueError(f"name cannot be {DECISION}: the Predictor uses this name for the decision")
        return self


class Task(rows.Rows, edge.Task):
    """Classification of the rows of a table into two classes; see `slipway.core.protocol.Task`."""

    Data: ClassVar[type[Section]] = Columns
    objective: ClassVar[str] = "binary"
    metrics: ClassVar[Mapping[str, Metric]] = binary.METRICS
    headline: ClassVar[tuple[str, ...]] = ("average_precision", "roc_auc", "precision", "recall")
    curves: ClassVar[frozenset[str]] = frozenset({TENTHS})

    def __init__(self, data: Columns) -> None:
        super().__init__(data.model_dump())
        self.data: Columns = data

    @classmethod
    def suits(cls, proposed: Proposal) -> bool:
        """Return whether the target has two values."""
        return proposed.values.nunique() == 2

    @classmethod
    def section(cls, proposed: Proposal) -> dict[str, Any]:
        """Return the section `data`: positive is yes, true or 1 (not of 1 and 2), otherwise the rarer value.

        The threshold is chosen for accuracy, or if the rarer class has less than `RARE` of the rows, for F1.

        Raises:
            DataError: the target does not have two values.
        """
        if not cls.suits(proposed):
            raise DataError(
                f"{proposed.target} has {proposed.values.nunique():,} values, and this task has two classes"
            )
        positive, negative = reversed(proposed.values.value_counts(sort=True).index.tolist())
        answers = {"yes", "y", "true", "t", "1", "on"} - ({"1"} if "2" in (positive, negative) else set())
        if negative.casefold() in answers:
            positive = negative
        name = proposed.target if positive.casefold() in answers else positive
        name = f"{proposed.target} {positive}" if positive.isdigit() and name == positive else name
        shares = proposed.values.value_counts(normalize=True)
        return {
            **proposed.data,
            "positive": positive,
            "name": re.sub(r"\W+", "_", name).strip("_") or "positive",
            "threshold": "accuracy" if shares.min() >= RARE else "f1",
        }

    @property
    def classes(self) -> tuple[str, str]:
        """The two classes, the positive one first."""
        return self.data.name, f"not {self.data.name}"

    def labels(self, target: pd.Series) -> pd.Series:
        """Return the class [n] of each row; None where the target is missing."""
        label: pd.Series = target.map(lambda value: self.classes[value != self.data.positive], na_action="ignore")
        return label.astype(object)

    def check_labels(self, raw: Path, usable: pd.DataFrame) -> None:
        """Check that both classes have a usable row.

        Raises:
            DataError: a class has none.
        """
        data = self.data
        for name, kind in zip(self.classes, ("is", "is not"), strict=True):
            if name not in set(usable["label"]):
                raise DataError(f"{raw}: in no usable row {data.target} {kind} {data.positive}{self._hint(usable)}")

    def targets(self, labels: pd.Series, spec: Spec) -> np.ndarray:
        """Return 1 for each positive row and 0 for the others, int64 [n]."""
        return (labels == self.data.name).to_numpy(np.int64)

    def indicators(self, labels: pd.Series) -> dict[str, np.ndarray]:
        """Return `positive`: whether each row [n] is of the positive class."""
        return {"positive": (labels == self.data.name).to_numpy()}

    def specify(self, raw: Path, examples: pd.DataFrame) -> Spec:
        """Compute the categories of each column from the training examples.

        Raises:
            DataError: a feature has no value in any training example.
        """
        return {
            "objective": self.objective,
            "outputs": [self.data.name],
            "classes": list(self.classes),
            **self.encoding(raw, examples),
        }

    def choose_threshold(
        self, examples: pd.DataFrame, targets: np.ndarray, predictions: np.ndarray, spec: Spec
    ) -> Mapping[str, Any]:
        """Return `threshold`, and how it was chosen; see `slipway.metrics.operating_point`."""
        point = operating_point.choose(self.data, targets, predictions[:, 0])
        return {"threshold": point.pop("threshold"), "operating_point": point}

    def agreement(self, native: np.ndarray, converted: np.ndarray, spec: Spec) -> dict[str, float]:
        """Return the agreement of the decisions at the threshold, and the differences of probabilities."""
        threshold = spec["threshold"]
        return parity.differences(native, converted, ((native >= threshold) == (converted >= threshold)).all(axis=1))

    def scores(self, examples: pd.DataFrame, targets: np.ndarray, predictions: np.ndarray, spec: Spec) -> binary.Scores:
        """Return the scores of the probability and of the decisions at the threshold."""
        columns = self.data.categorical
        return binary.Scores(examples, targets, predictions[:, 0], spec["threshold"], spec["classes"], columns)

    def words(self, spec: Spec) -> Words:
        """Return the description of predictions: a probability, and the decision if the threshold is chosen."""
        threshold = spec.get("threshold")
        decision = None if threshold is None else f"positive from {threshold:.4g} on, {CHOSEN[self.data.threshold]}"
        return Words("the probability of {outputs}", decision)

    def _hint(self, usable: pd.DataFrame) -> str:
        """The values of the target column, and which one is probably the positive value."""
        values = usable["target"].value_counts().index.tolist()
        shown = ", ".join(sorted(values[:SHOWN])) + (", ..." if len(values) > SHOWN else "")
        hint = f"; it has {shown}. Set data.target and data.positive"
        if meant := sorted(set(_YAML_TRUTH.get(self.data.positive, ())) & set(values)):
            return f'{hint}, in quotation marks: "{meant[0]}". Without them {meant[0]} is {self.data.positive} in YAML'
        return f"{hint}, in quotation marks if YAML would read another value (01 as 1, 1e3 as 1000)"
