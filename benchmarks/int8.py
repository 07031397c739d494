"""INT8 against float32 TFLite of EfficientNet-Lite0: size, and latency of one picture on one thread.

The weights are random, which affects neither size nor latency; int8_variants.py measures the accuracy of trained
variants. Both models run alternately in one process.

    python benchmarks/int8.py [--side 224] [--runs 100] [--network efficientnet_lite0]

Prints one JSON object.
"""

import argparse
import json
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from slipway.frameworks.keras import native
from slipway.frameworks.keras.conversion import convert
from slipway.frameworks.keras.native.runtime import keras
from slipway.frameworks.keras.objectives.image_classification import networks
from slipway.frameworks.keras.schema.image_classification import Model
from slipway_edge import interpreter as tflite

WARMUP = 10


def main() -> None:
    """Convert, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--network", default="efficientnet_lite0")
    options = parser.parse_args()
    keras.utils.set_random_seed(0)
    spec = {"objective": "multiclass", "input": {"shape": [options.side, options.side, 3]}, "outputs": ["a", "b"]}
    network = networks.build(Model.model_validate({"network": options.network}), spec)
    pictures = np.random.default_rng(0).integers(0, 256, (8, options.side, options.side, 3), np.uint8)
    with tempfile.TemporaryDirectory() as temporary:
        native.save(network, Path(temporary) / "native")
        models = {kind: convert(Path(temporary) / "native", pictures, kind) for kind in ("int8", "float32")}
    interpreters = {kind: Interpreter(model_content=model, num_threads=1) for kind, model in models.items()}
    milliseconds: dict[str, list[float]] = {kind: [] for kind in models}
    for interpreter in interpreters.values():
        interpreter.allocate_tensors()
        taken = interpreter.get_input_details()[0]
        interpreter.set_tensor(taken["index"], pictures[:1].astype(taken["dtype"]))
    for number in range(WARMUP + options.runs):
        for kind, interpreter in interpreters.items():
            began = time.perf_counter()
            interpreter.invoke()
            if number >= WARMUP:
                milliseconds[kind].append((time.perf_counter() - began) * 1000)
    median = {kind: float(np.median(values)) for kind, values in milliseconds.items()}
    sizes = {kind: len(model) for kind, model in models.items()}
    figures = {
        "latency_p50_ms": {kind: round(value, 3) for kind, value in median.items()},
        "latency_p95_ms": {kind: round(float(np.quantile(v, 0.95)), 3) for kind, v in milliseconds.items()},
        "times_faster": median["float32"] / median["int8"],
        "bytes": sizes,
        "times_smaller": sizes["float32"] / sizes["int8"],
        "delegation": {kind: asdict(tflite.Interpreter(model).delegation) for kind, model in models.items()},
        "network": options.network,
        "side": options.side,
    }
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
