"""A small U-Net (Ronneberger et al., 2015) from pictures to maps: what the baselines of points and boxes share."""

from collections.abc import Callable
from typing import Any

import numpy as np

from slipway.data.shards import PackedSplit
from slipway.frameworks.keras.native.runtime import keras
from slipway.stages.baseline import Prepared

EPOCHS, BATCH = 30, 16
Draw = Callable[[np.ndarray, int, int], np.ndarray]
"""Returns the target maps [rows, columns, k] of the targets of one picture, for `rows` and `columns`."""


def trained(data: Prepared, outputs: int, draw: Draw, loss: Callable[[Any, Any], Any]) -> Callable[[PackedSplit], Any]:
    """Train on train, and return the function from a split to maps [n, height / 4, width / 4, outputs], 0 to 1."""
    keras.utils.set_random_seed(data.seed)
    network = _network(data.train.shape, outputs)
    network.compile("adam", loss)
    rows, columns = network.output_shape[1:3]
    for epoch in range(EPOCHS):
        order = np.random.default_rng([data.seed, epoch]).permutation(len(data.train))
        for some in np.array_split(order, -(-len(order) // BATCH)):
            maps = np.stack([draw(one, rows, columns) for one in data.train.targets[some]])
            network.train_on_batch(data.train.gather(some), maps)
    return lambda split: network.predict(split.gather(np.arange(len(split))), verbose=0)


def _network(shape: tuple[int, ...], outputs: int) -> Any:
    layers = keras.layers
    beside = [inputs := keras.Input(shape)]
    x = layers.Rescaling(1 / 255)(inputs)
    for filters in (16, 32, 64, 128):
        x = layers.Conv2D(filters, 3, 2, "same", activation="relu")(x)
        x = layers.BatchNormalization(momentum=0.9)(layers.Conv2D(filters, 3, padding="same", activation="relu")(x))
        beside.append(x)
    for filters, skip in ((64, beside[3]), (32, beside[2])):
        x = layers.Concatenate()([layers.UpSampling2D()(x), skip])
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
    return keras.Model(inputs, layers.Conv2D(outputs, 1, activation="sigmoid")(x))
