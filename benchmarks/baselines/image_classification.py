"""A plain baseline for pictures: the small network of TensorFlow's tutorial on image classification.

Three convolutions with pooling, dropout and a dense layer, trained for 15 epochs on the prepared splits of a variant
(https://www.tensorflow.org/tutorials/images/classification). Prints one JSON object.

    python benchmarks/baselines/image_classification.py data/prepared/VARIANT SEED
"""

import json
import sys
import time
from pathlib import Path

import numpy as np

from slipway.data.shards import PackedSplit
from slipway.frameworks.keras.native.runtime import keras

folder, seed = Path(sys.argv[1]), int(sys.argv[2])
keras.utils.set_random_seed(seed)
began = time.perf_counter()
train, test = PackedSplit(folder / "train"), PackedSplit(folder / "test")
layers = keras.layers
network = keras.Sequential(
    [
        keras.Input(train.shape),
        layers.RandomFlip("horizontal"),
        layers.RandomRotation(0.1),
        layers.RandomZoom(0.1),
        layers.Rescaling(1 / 255),
        *(
            layer
            for n in (16, 32, 64)
            for layer in (layers.Conv2D(n, 3, padding="same", activation="relu"), layers.MaxPooling2D())
        ),
        layers.Dropout(0.2),
        layers.Flatten(),
        layers.Dense(128, activation="relu"),
        layers.Dense(int(train.targets.max()) + 1),
    ]
)
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
network.compile("adam", loss)
inputs = train.gather(np.arange(len(train)))
network.fit(inputs, train.targets, batch_size=32, epochs=15, verbose=0)
seconds = time.perf_counter() - began
found = network.predict(test.gather(np.arange(len(test))), verbose=0).argmax(axis=1)
print(json.dumps({"accuracy": float((found == test.targets).mean()), "seconds": seconds}))
