"""MobileNetV3, small and large (Howard et al., "Searching for MobileNetV3", ICCV 2019), in the version of Keras.

It uses hard-swish and squeeze-and-excite. Inputs are scaled to -1..1.
"""

from typing import Any

from slipway.frameworks.keras.native.runtime import keras


def mobilenet_v3(
    network: str, shape: tuple[int, ...], classes: int, activation: str, width: float, dropout: float
) -> Any:
    """Build the network for inputs [height, width, channels], with outputs [n, classes] that are probabilities."""
    applications = keras.applications
    architecture = {
        "mobilenet_v3_small": applications.MobileNetV3Small,
        "mobilenet_v3_large": applications.MobileNetV3Large,
    }[network]
    return architecture(
        input_tensor=keras.layers.Input(shape, name="input"),
        alpha=width,
        weights=None,
        classes=classes,
        classifier_activation=activation,
        dropout_rate=dropout,
        name=network,
    )
