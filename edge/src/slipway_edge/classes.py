"""How classification tasks turn a model's output into predictions."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


class Classifier:
    """A task whose outputs are the probability of each class; see `slipway_edge.predictor.Task`."""

    def postprocess(self, outputs: np.ndarray, inputs: np.ndarray, spec: Mapping[str, Any]) -> np.ndarray:
        """Return the outputs unchanged: they are probabilities already."""
        return outputs

    def present(
        self, predictions: np.ndarray, examples: Sequence[Any], spec: Mapping[str, Any]
    ) -> list[dict[str, float]]:
        """The probability of each class by name."""
        return [dict(zip(spec["outputs"], map(float, row), strict=True)) for row in predictions]
