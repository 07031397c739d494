"""Tabular classification with two classes: whether a row of a table is positive.

Inputs: the features of each row (see `slipway_edge.rows`). Predictions: the probability of the positive class [n, 1];
`present` adds the decision at the spec's threshold.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from slipway_edge.fields import NUMBER
from slipway_edge.rows import Rows

DECISION = "decision"


class Task(Rows):
    """Classification of the rows of a table into two classes; see `slipway_edge.predictor.Task`."""

    data_fields: ClassVar[Mapping[str, Any]] = {**Rows.data_fields, "name": str}
    spec_fields: ClassVar[Mapping[str, Any]] = {**Rows.spec_fields, "threshold": NUMBER}

    def __init__(self, data: Mapping[str, Any]) -> None:
        super().__init__(data)
        self._name: str = data["name"]

    def postprocess(self, outputs: np.ndarray, inputs: np.ndarray, spec: Mapping[str, Any]) -> np.ndarray:
        """Return the outputs unchanged: they are probabilities [n, 1] already."""
        return outputs

    def present(self, predictions: np.ndarray, examples: Any, spec: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return for each row the probability, by the name of the output, and the `decision` at the threshold."""
        return [
            {self._name: float(probability), DECISION: bool(probability >= spec["threshold"])}
            for probability in predictions[:, 0]
        ]
