"""A release as a model that MLflow loads and serves: `mlflow.pyfunc.load_model("models:/NAME@production")`.

The input is that of the model: examples as the task encodes them, [n, *shape] in the record's dtype; for tables, one
column per feature. The output is what the task decodes: [n, *p], in the order of the record's `outputs`. Raw examples
(files or table rows) are encoded by `slipway_edge.predictor.Predictor`, which loads the same folder.

Nothing is pickled: MLflow imports this module by name and passes it the folder of the release.
"""

import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pandas as pd

from slipway.core.errors import DataError
from slipway.records.release import Record
from slipway_edge.predictor import GOLDEN, Predictor, read_golden

SHOWN = 2
"""The number of golden examples in the input example."""


class Model:
    """A loaded release with the interface that MLflow calls, whose server does so from several threads at once."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        self._lock = Lock()

    def predict(self, model_input: Any, params: Any = None) -> np.ndarray:
        """Predictions [n, *p] of encoded examples: an array, or a table with the features in order.

        Raises:
            DataError: the examples have another shape.
        """
        expected = self._predictor.spec["input"]
        if isinstance(model_input, pd.DataFrame):
            model_input = model_input.to_numpy(np.float32)
        inputs = np.asarray(model_input, expected["dtype"])
        if inputs.shape[1:] != tuple(expected["shape"]):
            shape = ", ".join(map(str, ["n", *expected["shape"]]))
            raise DataError(f"the inputs have shape {list(inputs.shape)}, but the model takes [{shape}]")
        with self._lock:  # an interpreter is used by one thread at a time
            outputs = self._predictor.interpreter(inputs)
        return self._predictor.task.postprocess(outputs, inputs, self._predictor.spec)


def _load_pyfunc(path: str) -> Model:
    """Load the release in a folder; MLflow calls this function."""
    return Model(Predictor.load(Path(path)))


def add(folder: Path, record: Record) -> None:
    """Turn the folder of a release into an MLflow model: add MLmodel with its signature, and an input example.

    Args:
        folder: the folder with model.tflite, golden.npz and release.json.
        record: the content of release.json.

    Raises:
        DataError, ModelError: the release cannot be loaded, or fails on its golden examples.
    """
    from mlflow import pyfunc
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema, TensorSpec

    inputs = read_golden((folder / GOLDEN).read_bytes())[0][:SHOWN]
    predicted = _load_pyfunc(str(folder)).predict(inputs)
    names = record.spec["input"].get("names")
    takes: list[ColSpec | TensorSpec]
    takes = [ColSpec("float", name) for name in names] if names else [TensorSpec(inputs.dtype, (-1, *inputs.shape[1:]))]
    with tempfile.TemporaryDirectory() as temporary:
        made = Path(temporary) / "model"
        pyfunc.save_model(
            str(made),
            loader_module=__name__,
            signature=ModelSignature(Schema(takes), Schema([TensorSpec(predicted.dtype, (-1, *predicted.shape[1:]))])),
            input_example=pd.DataFrame(inputs, columns=names) if names else inputs,
            pip_requirements=[f"slipway=={version('slipway')}"],
            metadata={"variant": record.variant, "task": record.task},
        )
        shutil.copytree(made, folder, dirs_exist_ok=True)
