"""Classifiers of pictures: cross-entropy, and augmentation that keeps the class of a picture."""

from typing import Any

import numpy as np

from slipway.core.spec import Spec
from slipway.frameworks.keras.native.runtime import tf
from slipway.frameworks.keras.objectives.image_classification import networks
from slipway.frameworks.keras.objectives.image_classification.augmentation import augment
from slipway.frameworks.keras.schema.image_classification import Model, Train
from slipway.frameworks.keras.training.classification import Classification


class Objective(Classification):
    """See `slipway.frameworks.keras.training.objective.Objective`."""

    def __init__(self, spec: Spec, model: Model, config: Train, targets: np.ndarray) -> None:
        super().__init__(spec, config, targets)
        self._spec, self._model, self._augmentation = spec, model, config.augmentation

    def network(self) -> Any:
        """The network of `model`."""
        return networks.build(self._model, self._spec, self.activation)

    def augment(self, inputs: Any, targets: Any, seed: int, step: Any) -> tuple[Any, ...]:
        """Augmented pictures, one-hot targets and weights."""
        return augment(inputs, self._augmentation, seed, step), self.targets(targets), self.weights(targets)

    def plain(self, inputs: Any, targets: Any) -> tuple[Any, ...]:
        """Pictures and one-hot targets."""
        return tf.cast(inputs, tf.float32), self.targets(targets)
