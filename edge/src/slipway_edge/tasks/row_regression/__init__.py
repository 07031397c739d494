"""Regression on the rows of a table: a number for each row, such as a price, with an interval.

Inputs: the features of each row (see `slipway_edge.rows`). Predictions: the number [n, 1]; `present` adds the interval
in which 80 % of the actual values are expected.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from slipway_edge.fields import NUMBER
from slipway_edge.intervals import presented
from slipway_edge.rows import Rows


class Task(Rows):
    """Regression on the rows of a table; see `slipway_edge.predictor.Task`."""

    data_fields: ClassVar[Mapping[str, Any]] = {**Rows.data_fields, "target": str}
    spec_fields: ClassVar[Mapping[str, Any]] = {
        **Rows.spec_fields,
        "spread": {"relative": bool, "low": NUMBER, "high": NUMBER},
    }

    def __init__(self, data: Mapping[str, Any]) -> None:
        super().__init__(data)
        self._target: str = data["target"]

    def postprocess(self, outputs: np.ndarray, inputs: np.ndarray, spec: Mapping[str, Any]) -> np.ndarray:
        """Return the outputs unchanged: they are values [n, 1] in the target's unit already."""
        return outputs

    def present(self, predictions: np.ndarray, examples: Any, spec: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return for each row the value, by the name of the target, and the ends of its `interval`."""
        values = predictions[:, 0].astype(np.float64)
        return presented(self._target, values, *interval(values, spec["spread"]))


def interval(values: np.ndarray, spread: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return the lower and the upper end [n] of the interval around predicted values [n].

    `spread` has the distances `low` and `high` from the value, which are shares of the value if it is `relative`.
    """
    unit = np.abs(values) if spread["relative"] else np.ones(len(values))
    return values + spread["low"] * unit, values + spread["high"] * unit
