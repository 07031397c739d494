"""Convert the native model to TFLite, and measure the loss in conversion on the test split.

`model.tflite` ships, in the configured precision. `float.tflite` is the same model in float32 for comparison (the same
bytes where the variant ships float32). `golden.npz` holds a few inputs with their expected outputs. `shipped.parquet`
holds the predictions of `model.tflite` for every test example, which the gate compares with those of other models.
"""

import importlib
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from slipway import tasks
from slipway.core import atomic, config
from slipway.core import spec as specs
from slipway.core.config import Convert, Evaluate
from slipway.data.pooling import by_example
from slipway.data.shards import PackedSplit
from slipway.metrics import losses
from slipway.records.predictions import table
from slipway.stages import run
from slipway_edge.interpreter import Interpreter
from slipway_edge.predictor import golden_examples

GOLDEN = 3
"""The number of golden examples."""
BATCH = 256
"""The number of examples predicted at a time."""


def convert_tflite(variant: str) -> None:
    """Convert, run on the test split, compare."""
    values = config.read(variant)
    settings, statistics = Convert(**values["convert"]), Evaluate(**values["evaluate"])
    prepared, models = Path("data/prepared") / variant, Path("models") / variant
    conversion = importlib.import_module(f"slipway.frameworks.{values['framework']}.conversion")
    calibration = PackedSplit(prepared / "calibration")
    inputs = calibration.gather(np.arange(len(calibration)))
    reference = conversion.convert(models / "native", inputs, "float32")
    shipped = reference if settings.precision == "float32" else conversion.convert(models / "native", inputs, "int8")
    atomic.write_bytes(models / "float.tflite", reference)
    atomic.write_bytes(models / "model.tflite", shipped)

    task = tasks.load(values["task"], values["data"])
    point = json.loads((Path("reports") / variant / specs.OPERATING_POINT).read_text())
    spec = {**specs.shared(prepared, models / "native"), **point}
    native = importlib.import_module(f"slipway.frameworks.{values['framework']}.native")
    test = PackedSplit(prepared / "test")
    runtime = {"float": Interpreter(reference), "shipped": Interpreter(shipped)}
    run_by = {"native": native.load(models / "native"), **runtime}
    predicted: dict[str, np.ndarray] = {}
    for name, model in run_by.items():
        decoded = [task.postprocess(model(inputs), inputs, spec) for inputs, _ in test.batches(BATCH)]
        examples, targets, predicted[name] = by_example(test.examples, test.targets, np.concatenate(decoded))
    scores = {name: task.scores(examples, targets, predicted[name], spec) for name in ("native", "shipped")}
    measured = losses.measure(
        scores["native"].total,
        scores["shipped"].total,
        examples["group"],
        scores["shipped"].contributions.members,
        task.metrics,
        same=losses.alike(predicted["native"], predicted["shipped"]),
        **statistics.model_dump(),
        seed=values["seed"],
    )
    atomic.write_json(
        Path("reports") / variant / "conversion.json",
        {
            "precision": settings.precision,
            "size_bytes": len(shipped),
            "float_size_bytes": len(reference),
            "metrics": measured.shipped,
            "lost": measured.lost,
            "parity": {
                **task.agreement(predicted["native"], predicted["shipped"], spec),
                "native_minus_shipped": {
                    metric: one["value"] for metric, one in measured.lost.items() if one["value"] is not None
                },
            },
            "float_parity": task.agreement(predicted["native"], predicted["float"], spec),
            "delegation": asdict(runtime["shipped"].delegation),
            "float_delegation": asdict(runtime["float"].delegation),
        },
    )
    shown = table(examples, targets, predicted["shipped"], spec["outputs"])
    atomic.write_bytes(Path("reports") / variant / "shipped.parquet", shown)
    atomic.write_bytes(
        models / "golden.npz", golden_examples(Interpreter(shipped), test.gather(np.arange(min(GOLDEN, len(test)))))
    )


if __name__ == "__main__":
    run(convert_tflite)
