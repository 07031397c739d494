"""The architectures that a configuration can name, all from unscaled inputs to class probabilities.

Every network takes float32 [n, height, width, channels] with pictures in 0..255, rescales them inside the graph, and
returns [n, classes]: probabilities that sum to 1, or with the activation `sigmoid` one for each label. The networks use
only layers that Keras includes, so a saved network loads without this package.
"""

from typing import Any

from slipway.core.errors import ConfigError
from slipway.core.spec import Spec
from slipway.frameworks.keras.native.runtime import keras
from slipway.frameworks.keras.objectives.image_classification.networks.efficientnet_lite import (
    efficientnet_lite0,
)
from slipway.frameworks.keras.objectives.image_classification.networks.mobilenet_v3 import mobilenet_v3
from slipway.frameworks.keras.objectives.image_classification.networks.resnet import resnet18
from slipway.frameworks.keras.schema.image_classification import Model

SMALLEST_SIDE = 32


def build(model: Model, spec: Spec, activation: str = "softmax") -> Any:
    """Build the network of `model` for the inputs and outputs of `spec`, with random weights.

    Layer names depend only on the architecture, so that weights can be transferred by name.

    Raises:
        ConfigError: the network cannot take inputs of this shape.
    """
    shape = tuple(spec["input"]["shape"])
    if len(shape) != 3 or min(shape[:2]) < SMALLEST_SIDE:
        raise ConfigError(
            f"model.network {model.network} takes [height, width, channels] of at least {SMALLEST_SIDE} x "
            f"{SMALLEST_SIDE}, and the data is encoded as {list(shape)}; change the data section or the network"
        )
    classes = len(spec["outputs"])
    if model.network == "efficientnet_lite0":
        network = efficientnet_lite0(shape, classes, activation, model.dropout, model.drop_path)
    elif model.network == "resnet18":
        network = resnet18(shape, classes, activation, model.width, model.dropout)
    else:
        network = mobilenet_v3(model.network, shape, classes, activation, model.width, model.dropout)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = model.batch_norm_momentum
    return network
