"""Tabular classification with two classes: whether a row is of the kind that is looked for.

Inputs: a float32 row of features for each, missing values NaN (see `encoding`). Predictions: the probability of
positive [n, 1], and in words the decision at the spec's threshold.
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
    """Two classes of the rows of a table; see `slipway_edge.predictor.Task`."""

    data_fields: ClassVar[Mapping[str, Any]] = {"numeric": list, "categorical": list, "derived": dict, "name": str}
    spec_fields: ClassVar[Mapping[str, Any]] = {"categories": dict, "threshold": NUMBER}

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._numeric: tuple[str, ...] = tuple(data["numeric"])
        self._categorical: tuple[str, ...] = tuple(data["categorical"])
        self._formulas: Mapping[str, str] = data["derived"]
        self._name: str = data["name"]

    def preprocess(self, examples: Table, spec: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        """The features [n, f] of a list of dictionaries by column, or of a table, and the numbers of the rows [n].

        Target, group and time are not looked at.

        Raises:
            DataError: a column is missing, or a row is not usable: it lacks a value that no training row lacked, or has
                a category that training never saw the like of.
        """
        given = tables.columns(examples, [*self._numeric, *self._categorical])
        numeric = {name: tables.numbers("the table", name, given[name]) for name in self._numeric}
        categorical = {name: tables.texts(given[name]) for name in self._categorical}
        checks = [*unfit(numeric, given), *self._unlearnt(numeric, categorical, spec)]
        tables.refuse(checks, "mend or leave out such rows")
        inputs = self.features(numeric, categorical, spec)
        return inputs, np.arange(len(inputs))

    def postprocess(self, outputs: np.ndarray, inputs: np.ndarray, spec: Mapping[str, Any]) -> np.ndarray:
        """Model outputs are probabilities [n, 1] already."""
        return outputs

    def present(self, predictions: np.ndarray, examples: Any, spec: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The probability by the name of the output, and the `decision` at the threshold, for each row."""
        return [
            {self._name: float(probability), DECISION: bool(probability >= spec["threshold"])}
            for probability in predictions[:, 0]
        ]

    def features(self, numeric: Columns, categorical: Columns, spec: Mapping[str, Any]) -> np.ndarray:
        """Features [n, f] float32 of the columns of some rows."""
        return encoding.encode(numeric, self.derived, categorical, spec["categories"])

    @cached_property
    def derived(self) -> dict[str, Expression]:
        """The formulas of derived columns by name, in the order in which they can be computed."""
        return expressions.in_order(self._formulas, self._numeric)

    def _unlearnt(self, numeric: Columns, categorical: Columns, spec: Mapping[str, Any]) -> Iterator[Check]:
        """What rows lack that no training row lacked: a model reads it as the smallest value, for want of an example.

        A spec of an earlier version does not say what training lacked, and nothing is asked.
        """
        if "gaps" not in spec:
            return
        missing, unseen = encoding.lacking(numeric, self.derived, categorical, spec["categories"])
        for name in sorted(set(missing) - set(spec["gaps"]["missing"])):
            yield Check(missing[name], "no value", f"{name} is missing, and was in no row of the training data")
        for name in sorted(set(unseen) - set(spec["gaps"]["unseen"]) - set(spec["gaps"]["missing"])):
            why = ", which training did not see, nor a rare or missing category that could stand for it"
            yield Check(unseen[name], "new category", f"{name} is", categorical[name], why)


def unfit(numeric: Columns, given: Mapping[str, Any]) -> Iterator[Check]:
    """Text and infinity in numeric columns; `given` [n] is what stood in those that are not all numbers."""
    for name, values in numeric.items():
        if name in given:
            said = np.array([not tables.missing(value) and value != "" for value in given[name]], bool)
            yield Check(said & np.isnan(values), "not a number", f"{name} is", given[name])
        yield Check(np.isinf(values), "infinite value", f"{name} is", values)
