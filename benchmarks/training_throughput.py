"""Compare the pictures per second of Slipway's training pipeline with Keras' `model.fit` on arrays in memory.

Both train the same network from the same weights on the same random pictures, alternately in one process. Slipway reads
a packed split and augments every picture (with the augmentation of base-ad-detector); `model.fit` does neither. The
first epoch of each, in which TensorFlow traces and warms up, does not count. The fastest of the other epochs counts: a
third of the rounds of both take 1.5 times as long, with both cores busy, and these rounds differ from run to run.

    python benchmarks/training_throughput.py [--side 96] [--examples 320] [--batch 16] [--rounds 10]

Prints one JSON object.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from slipway.data.shards import PackedSplit, ShardWriter
from slipway.frameworks.keras.native.runtime import keras, tf
from slipway.frameworks.keras.objectives.image_classification import Objective
from slipway.frameworks.keras.schema.image_classification import Model, Train
from slipway.frameworks.keras.training.batches import training_batches
from slipway.frameworks.keras.training.length import Parts, parts
from slipway.frameworks.keras.training.optimization import optimizer

ROOT = Path(__file__).resolve().parent.parent


def compiled(objective: Objective, config: Train, length: Parts) -> Any:
    """The compiled network of `objective`."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(0)
    network = objective.network()
    network.compile(optimizer(config, length), "categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
    return network


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=96)
    parser.add_argument("--examples", type=int, default=320)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    tf.config.experimental.enable_op_determinism()
    spec = {"objective": "multiclass", "input": {"shape": [options.side, options.side, 3]}, "outputs": ["a", "b"]}
    settings = yaml.safe_load((ROOT / "params/base-ad-detector.yaml").read_text())["train"]
    config = Train(**(settings | {"epochs": options.rounds + 1, "batch_size": options.batch}))
    length = parts(options.examples, config)
    steps = length.steps
    random = np.random.default_rng(0)
    inputs = random.integers(0, 256, (options.examples, options.side, options.side, 3), np.uint8)
    targets = random.integers(0, 2, options.examples)
    one_hot = np.eye(2, dtype=np.float32)[targets]
    in_memory = inputs.astype(np.float32)
    rates: dict[str, list[float]] = {"slipway": [], "model.fit": []}
    with tempfile.TemporaryDirectory() as temporary:
        writer = ShardWriter(Path(temporary) / "train")
        writer.append(inputs, targets)
        writer.close(pd.DataFrame({"example": range(options.examples)}))
        split = PackedSplit(Path(temporary) / "train")
        objective = Objective(spec, Model(network="efficientnet_lite0"), config, split.targets)
        ours, bare = compiled(objective, config, length), compiled(objective, config, length)
        for number in range(options.rounds + 1):
            batches = training_batches(split, objective, config, 0, number * steps, (number + 1) * steps)
            began = time.perf_counter()
            ours.fit(batches, steps_per_epoch=steps, verbose=0, shuffle=False)
            between = time.perf_counter()
            bare.fit(in_memory, one_hot, batch_size=options.batch, verbose=0)
            ended = time.perf_counter()
            if number:
                rates["slipway"].append(options.examples / (between - began))
                rates["model.fit"].append(options.examples / (ended - between))
    best = {name: max(values) for name, values in rates.items()}
    figures = {
        "pictures_per_second": {name: round(rate, 1) for name, rate in best.items()},
        "ratio": best["slipway"] / best["model.fit"],
        "rounds": {name: [round(rate, 1) for rate in values] for name, values in rates.items()},
        "side": options.side,
        "batch": options.batch,
    }
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
