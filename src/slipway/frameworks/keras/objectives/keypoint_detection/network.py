"""A network from a crop to two distributions a keypoint: the trunk of a ResNet-18, and one layer that knows all of it.

The head is that of SimCC (Li et al., ECCV 2022) with a dense layer before it, so that each coordinate is told from the
whole crop: which way a person looks decides what is left and right all over the body. Only layers that ship with Keras
are used.
"""

from typing import Any

from slipway.frameworks.keras.native.runtime import keras
from slipway.frameworks.keras.schema.keypoint_detection import Model
from slipway.frameworks.keras.training.resnet import trunk
from slipway.protocol import Spec


def build(model: Model, spec: Spec) -> Any:
    """From float32 [n, height, width, 3] in 0..255 to [n, keypoints, columns + rows], each part summing to 1."""
    layers = keras.layers
    keypoints, columns, rows = len(spec["outputs"]), spec["axes"]["columns"], spec["axes"]["rows"]
    inputs = layers.Input(tuple(spec["input"]["shape"]), name="input")
    x = layers.Flatten(name="flatten")(trunk(inputs, model.width, model.batch_norm_momentum))
    x = layers.Dense(model.units, use_bias=False, kernel_initializer="he_normal", name="whole")(x)
    x = layers.BatchNormalization(momentum=model.batch_norm_momentum, name="whole_norm")(x)
    x = layers.ReLU(6, name="whole_relu6")(x)
    x = layers.Dropout(model.dropout, name="dropout")(x)
    axes = []
    for name, bins in (("columns", columns), ("rows", rows)):
        along = layers.Dense(
            keypoints * bins, kernel_initializer=keras.initializers.RandomNormal(stddev=0.01), name=f"{name}_dense"
        )(x)
        along = layers.Reshape((keypoints, bins), name=f"{name}_reshape")(along)
        axes.append(layers.Softmax(name=name)(along))
    return keras.Model(inputs, layers.Concatenate(name="axes")(axes), name="simcc")
