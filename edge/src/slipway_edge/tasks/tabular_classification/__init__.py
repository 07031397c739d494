"""Tabular classification with two classes: whether a row of a table is positive.

Inputs: a float32 row of features for each row, missing values NaN (see `encoding`). Predictions: the probability of
the positive class [n, 1]; `present` adds the decision at the spec's threshold.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from slipway_edge import tables
from slipway_edge.fields import NUMBER
from slipway_edge.tables import Check, Table
from slipway_edge.tasks.tabular_classification import encoding, expressions
from slipway_edge.tasks.tabular_classification.encoding import Columns
from slipway_edge.tasks.tabular_classification.expressions import Expression

DECISION = "decision"


class Task:
    """Classification of the rows of a table into two classes; see `slipway_edge.predictor.Task`."""

    data_fields: ClassVar[Mapping[str, Any]] = {"numeric": list, "categorical": list, "derived": dict, "name": str}
    spec_fields: ClassVar[Mapping[str, Any]] = {"categories": dict, "threshold": NUMBER}

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._numeric: tuple[str, ...] = tuple(data["numeric"])
        self._categorical: tuple[str, ...] = tuple(data["categorical"])
        self._formulas: Mapping[str, str] = data["derived"]
        self._name: str = data["name"]

    def preprocess(self, examples: Table, spec: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        """Return the features [n, f] of a table, or of a list of dictionaries by column, and the rows' positions [n].

        Target, group and time are ignored.

        Raises:
            DataError: a column is missing, or a row cannot be used: it lacks a value that every training row had, or
                its category is new and the training data has no rare or missing category that could stand for it.
        """
        given = tables.columns(examples, [*self._numeric, *self._categorical])
        numeric = {name: tables.numbers("the table", name, given[name]) for name in self._numeric}
        categorical = {name: tables.texts(given[name]) for name in self._categorical}
        checks = [*check_numeric(numeric, given), *self._not_in_training(numeric, categorical, spec)]
        tables.refuse(checks, "fix or remove these rows")
        inputs = self.features(numeric, categorical, spec)
        return inputs, np.arange(len(inputs))

    def postprocess(self, outputs: np.ndarray, inputs: np.ndarray, spec: Mapping[str, Any]) -> np.ndarray:
        """Return the outputs unchanged: they are probabilities [n, 1] already."""
        return outputs

    def present(self, predictions: np.ndarray, examples: Any, spec: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return for each row the probability, by the name of the output, and the `decision` at the threshold."""
        return [
            {self._name: float(probability), DECISION: bool(probability >= spec["threshold"])}
            for probability in predictions[:, 0]
        ]

    def features(self, numeric: Columns, categorical: Columns, spec: Mapping[str, Any]) -> np.ndarray:
        """Return the features [n, f] float32 of rows, given as columns."""
        return encoding.encode(numeric, self.derived, categorical, spec["categories"])

    @cached_property
    def derived(self) -> dict[str, Expression]:
        """The formulas of derived columns by name, in the order in which they can be computed."""
        return expressions.in_order(self._formulas, self._numeric)

    def _not_in_training(self, numeric: Columns, categorical: Columns, spec: Mapping[str, Any]) -> Iterator[Check]:
        """Check for missing values and new categories where the training data has none.

        Without a training example, a model treats a missing value as the smallest one. A spec of an earlier version
        has no `gaps`, and nothing is checked.
        """
        if "gaps" not in spec:
            return
        missing, unseen = encoding.lacking(numeric, self.derived, categorical, spec["categories"])
        for name in sorted(set(missing) - set(spec["gaps"]["missing"])):
            yield Check(missing[name], "no value", f"{name} is missing, but every row of the training data has it")
        for name in sorted(set(unseen) - set(spec["gaps"]["unseen"]) - set(spec["gaps"]["missing"])):
            why = ", which is not in the training data, nor is a rare or missing category that could stand for it"
            yield Check(unseen[name], "new category", f"{name} is", categorical[name], why)


def check_numeric(numeric: Columns, given: Mapping[str, Any]) -> Iterator[Check]:
    """Check numeric columns for text and infinity; `given` [n] are the original values of columns with text."""
    for name, values in numeric.items():
        if name in given:
            present = np.array([not tables.missing(value) and value != "" for value in given[name]], bool)
            yield Check(present & np.isnan(values), "not a number", f"{name} is", given[name])
        yield Check(np.isinf(values), "infinite value", f"{name} is", values)
