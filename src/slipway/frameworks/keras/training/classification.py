"""The shared part of the objectives of classifiers: cross-entropy with label smoothing and class weights."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from slipway.core.errors import ConfigError
from slipway.core.spec import Spec
from slipway.frameworks.keras.native.runtime import keras, tf
from slipway.frameworks.keras.schema import ClassifierTrain


class Classification:
    """Cross-entropy over the classes of `spec["outputs"]`, for networks with probabilities [n, classes] as outputs."""

    def __init__(self, spec: Spec, config: ClassifierTrain, targets: np.ndarray) -> None:
        self.classes = len(spec["outputs"])
        self._smoothing = config.label_smoothing
        self._weights = tf.constant(class_weights(targets, spec, config), tf.float32)

    def loss(self) -> Any:
        """Categorical cross-entropy."""
        return keras.losses.CategoricalCrossentropy(label_smoothing=self._smoothing)

    def metrics(self) -> Sequence[Any]:
        """Accuracy."""
        return [keras.metrics.CategoricalAccuracy(name="accuracy")]

    def targets(self, classes: Any) -> Any:
        """One-hot targets [n, classes] of class numbers [n]."""
        return tf.one_hot(classes, self.classes)

    def weights(self, classes: Any) -> Any:
        """The weight [n] of each example."""
        return tf.gather(self._weights, classes)


def class_weights(targets: np.ndarray, spec: Spec, config: ClassifierTrain) -> np.ndarray:
    """The weight of each class in the loss, [classes].

    Raises:
        ConfigError: a weight names a class that does not exist.
    """
    names = list(spec["outputs"])
    if config.class_weights == "none":
        return np.ones(len(names))
    if config.class_weights == "balanced":
        counts = np.bincount(targets, minlength=len(names))
        present = counts > 0
        return np.where(present, len(targets) / (present.sum() * np.maximum(counts, 1)), 0.0)
    unknown = sorted(set(config.class_weights) - set(names))
    if unknown:
        raise ConfigError(f"train.class_weights names {', '.join(unknown)}; the classes are {', '.join(names)}")
    return np.array([config.class_weights.get(name, 1.0) for name in names])
