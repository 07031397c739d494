"""Classifiers of sounds: cross-entropy, and augmentation that keeps the class of a sound."""

from typing import Any

import numpy as np

from slipway.core.spec import Spec
from slipway.frameworks.keras.native.runtime import tf
from slipway.frameworks.keras.objectives.audio_classification import network
from slipway.frameworks.keras.objectives.audio_classification.augmentation import augment
from slipway.frameworks.keras.schema.audio_classification import Model, Train
from slipway.frameworks.keras.training.classification import Classification


class Objective(Classification):
    """See `slipway.frameworks.keras.training.objective.Objective`."""

    def __init__(self, spec: Spec, model: Model, config: Train, targets: np.ndarray) -> None:
        super().__init__(spec, config, targets)
        self._spec, self._model, self._augmentation = spec, model, config.augmentation
        floor, ceiling = spec["input"]["decibels"]
        self._step = (ceiling - floor) / 255

    def network(self) -> Any:
        """The network of `model`."""
        return network.build(self._model, self._spec, self.activation)

    def augment(self, inputs: Any, targets: Any, seed: int, step: Any) -> tuple[Any, ...]:
        """Augmented and mixed spectrograms, targets mixed in the same shares, and weights."""
        varied, partner, share = augment(inputs, self._augmentation, self._step, seed, step)
        one, other = targets, tf.gather(targets, partner)
        mixed = share[:, None] * self.targets(one) + (1 - share[:, None]) * self.targets(other)
        return varied, mixed, share * self.weights(one) + (1 - share) * self.weights(other)

    def plain(self, inputs: Any, targets: Any) -> tuple[Any, ...]:
        """Spectrograms and one-hot targets."""
        return tf.cast(inputs, tf.float32), self.targets(targets)
