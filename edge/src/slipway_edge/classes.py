"""How classification tasks turn a model's output into predictions."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

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


class MultiLabel(Classifier):
    """A task whose outputs are the probability of each label, of which an example may have several or none."""

    spec_fields: ClassVar[Mapping[str, Any]] = {"threshold": list}

    def present(
        self, predictions: np.ndarray, examples: Sequence[Any], spec: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """The labels of each example, those whose probability is at least their threshold, and all probabilities."""
        return [
            {
                "labels": [name for name, decided in zip(spec["outputs"], row, strict=True) if decided],
                "probabilities": probabilities,
            }
            for row, probabilities in zip(
                decide(predictions, spec["threshold"]), super().present(predictions, examples, spec), strict=True
            )
        ]


def decide(predictions: np.ndarray, threshold: Sequence[float]) -> np.ndarray:
    """Return whether each example has each label, bool [n, labels], for probabilities [n, labels] and thresholds."""
    decided: np.ndarray = predictions.astype(np.float64) >= np.asarray(threshold, np.float64)
    return decided


def text(labels: Sequence[str]) -> str:
    """Return the labels of an example in words."""
    return ", ".join(labels) or "no label"
