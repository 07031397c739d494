"""The shared part of the objectives of classifiers: cross-entropy with label smoothing and class weights.

Classes exclude each other, or an example may have several labels or none.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from slipway.core.errors import ConfigError
from slipway.core.spec import Spec
from slipway.frameworks.keras.native.runtime import keras, tf
from slipway.frameworks.keras.schema import ClassifierTrain


class Classification:
    """Cross-entropy over the classes of `spec["outputs"]`, for networks with probabilities [n, classes] as outputs.

    `activation` is that of the network's last layer.
    """

    activation = "softmax"

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


class MultiLabel(Classification):
    """Binary cross-entropy of each label, for networks with the probability of each label [n, labels] as outputs.

    The weight of a label is that of the examples that have it; those that do not have it weigh 1.
    """

    activation = "sigmoid"

    def loss(self) -> Any:
        """The mean over labels of the weighted binary cross-entropy, [n]."""

        def loss(targets: Any, probabilities: Any) -> Any:
            of_each = keras.losses.binary_crossentropy(
                targets[..., None], probabilities[..., None], label_smoothing=self._smoothing
            )
            return tf.reduce_mean(of_each * (1 + targets * (self._weights - 1)), axis=-1)

        return loss

    def metrics(self) -> Sequence[Any]:
        """Accuracy of the decisions at a probability of 0.5."""
        return [keras.metrics.BinaryAccuracy(name="accuracy")]

    def targets(self, classes: Any) -> Any:
        """The targets [n, labels], 1 for each label of an example."""
        return tf.cast(classes, tf.float32)

    def weights(self, classes: Any) -> Any:
        """The weight [n] of each example, 1."""
        return tf.ones(tf.shape(classes)[:1])


def start_at_shares(network: Any, targets: np.ndarray) -> Any:
    """Set the biases of the last layer so that an untrained network gives each label its share of the examples.

    Otherwise the first epochs only learn that a rare label is rare (Lin et al., "Focal Loss for Dense Object
    Detection", ICCV 2017, section 4.1).

    Args:
        network: a network with sigmoid outputs [n, labels]; it is changed and returned.
        targets: 1 for each label of an example, [n, labels].
    """
    shares = (targets.sum(axis=0) + 1) / (len(targets) + 2)
    last = next(layer for layer in reversed(network.layers) if layer.weights)
    last.bias.assign(np.log(shares / (1 - shares)))
    return network


def class_weights(targets: np.ndarray, spec: Spec, config: ClassifierTrain) -> np.ndarray:
    """The weight of each class in the loss, [classes].

    Balanced, every class has the same total weight; of labels, the examples that have one weigh as much as the others.

    Args:
        targets: the class of each example [n], or 1 for each label of an example [n, labels].
        spec, config: the names of the classes, and the configured weights.

    Raises:
        ConfigError: a weight names a class that does not exist.
    """
    names = list(spec["outputs"])
    if config.class_weights == "none":
        return np.ones(len(names))
    if config.class_weights == "balanced" and targets.ndim > 1:
        having = targets.sum(axis=0)
        weights: np.ndarray = (len(targets) - having) / np.maximum(having, 1)
        return weights
    if config.class_weights == "balanced":
        counts = np.bincount(targets, minlength=len(names))
        present = counts > 0
        return np.where(present, len(targets) / (present.sum() * np.maximum(counts, 1)), 0.0)
    unknown = sorted(set(config.class_weights) - set(names))
    if unknown:
        raise ConfigError(f"train.class_weights names {', '.join(unknown)}; the classes are {', '.join(names)}")
    return np.array([config.class_weights.get(name, 1.0) for name in names])
