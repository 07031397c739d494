"""Detectors: heat maps of the positions and sizes of objects, learnt from boxes that move with the augmented picture.

A network can learn from windows of pictures; the sizes in its map are still shares of the whole picture.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from slipway.core.errors import ConfigError
from slipway.core.spec import Spec
from slipway.frameworks.keras.native.runtime import keras, tf
from slipway.frameworks.keras.objectives.object_detection import maps, network
from slipway.frameworks.keras.objectives.object_detection.augmentation import augment
from slipway.frameworks.keras.schema.object_detection import Model, Train


class Objective:
    """See `slipway.frameworks.keras.training.objective.Objective`."""

    def __init__(self, spec: Spec, model: Model, config: Train, targets: np.ndarray) -> None:
        self._spec, self._model, self._config = spec, model, config
        height, width, _ = spec["input"]["shape"]
        crop, coarsest = config.augmentation.crop, network.coarsest(model)
        if crop is not None and (crop > min(height, width) or crop % coarsest):
            raise ConfigError(
                f"train.augmentation.crop is {crop}: a window must fit into {height} x {width}, and its side must be a "
                f"multiple of {coarsest}"
            )
        self._stride: int = spec["heatmap"]["stride"]
        self._picture = height // self._stride, width // self._stride
        self._smallest: float = spec["heatmap"]["smallest"]
        self._classes = len(spec["outputs"])

    def network(self) -> Any:
        """The network of `model`."""
        return network.build(self._model, self._spec)

    def loss(self) -> Any:
        """The loss of each picture: that of the heat and the weighted one of the boxes."""

        def loss(expected: Any, predicted: Any) -> Any:
            box = maps.box_loss(expected, predicted, self._smallest, self._picture)
            return maps.heat_loss(expected, predicted) + self._config.box_weight * box

        return loss

    def metrics(self) -> Sequence[Any]:
        """The two parts of the loss."""
        return [
            keras.metrics.MeanMetricWrapper(maps.heat_loss, name="heat_loss"),
            keras.metrics.MeanMetricWrapper(
                maps.box_loss, name="box_loss", smallest=self._smallest, picture=self._picture
            ),
        ]

    def augment(self, inputs: Any, targets: Any, seed: int, step: Any) -> tuple[Any, ...]:
        """Augmented pictures and the maps of their boxes."""
        pictures, boxes = augment(inputs, targets, self._config.augmentation, seed, step)
        return pictures, self._maps(pictures, boxes)

    def plain(self, inputs: Any, targets: Any) -> tuple[Any, ...]:
        """Pictures and the maps of their boxes."""
        return tf.cast(inputs, tf.float32), self._maps(inputs, targets)

    def _maps(self, pictures: Any, boxes: Any) -> Any:
        height, width = pictures.shape[1:3]
        return maps.render(boxes, height // self._stride, width // self._stride, self._classes)
