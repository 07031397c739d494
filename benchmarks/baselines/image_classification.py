"""A plain baseline for pictures: the small network of TensorFlow's tutorial on image classification.

Three convolutions with pooling, dropout and a dense layer, trained for 15 epochs on the prepared splits of a variant
(https://www.tensorflow.org/tutorials/images/classification); see `slipway.stages.baseline`.

    python benchmarks/baselines/image_classification.py VARIANT
"""

import numpy as np

from slipway.frameworks.keras.native.runtime import keras
from slipway.stages.baseline import Predict, Prepared, run


def fit(data: Prepared, activation: str = "softmax", loss: str = "sparse_categorical_crossentropy") -> Predict:
    """Train, and return the probability of each class."""
    keras.utils.set_random_seed(data.seed)
    layers = keras.layers
    network = keras.Sequential(
        [
            keras.Input(data.train.shape),
            layers.RandomFlip("horizontal"),
            layers.RandomRotation(0.1),
            layers.RandomZoom(0.1),
            layers.Rescaling(1 / 255),
            *(
                layer
                for filters in (16, 32, 64)
                for layer in (layers.Conv2D(filters, 3, padding="same", activation="relu"), layers.MaxPooling2D())
            ),
            layers.Dropout(0.2),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dense(len(data.spec["outputs"]), activation=activation),
        ]
    )
    network.compile("adam", loss)
    network.fit(data.train.gather(np.arange(len(data.train))), data.train.targets, batch_size=32, epochs=15, verbose=0)
    return lambda split: network.predict(split.gather(np.arange(len(split))), verbose=0)


if __name__ == "__main__":
    run(fit)
