"""ResNet-18: the trunk that several tasks share, and a layer of classes on the mean of its features."""

from typing import Any

from slipway.frameworks.keras.native.runtime import keras
from slipway.frameworks.keras.schema.image_classification import Model
from slipway.frameworks.keras.training.resnet import trunk


def resnet18(shape: tuple[int, ...], classes: int, model: Model) -> Any:
    """The network for inputs [height, width, channels], giving [n, classes] probabilities."""
    layers = keras.layers
    inputs = layers.Input(shape, name="input")
    x = trunk(inputs, model.width, model.batch_norm_momentum)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dropout(model.dropout, name="dropout")(x)
    outputs = layers.Dense(
        classes,
        activation="softmax",
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
        name="predictions",
    )(x)
    return keras.Model(inputs, outputs, name="resnet18")
