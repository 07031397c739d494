"""A release as a model that MLflow loads and serves: `mlflow.pyfunc.load_model("models:/NAME@production")`.

What it takes is what the model takes: examples as the task encoded them, [n, *shape] of the record's dtype, for tables
with a column a feature. What it gives is what the task decodes: [n, *p], in the order of the record's `outputs`. Raw
examples (files, rows as they come) are encoded by `slipway_edge.predictor.Predictor`, which loads the same folder.

Nothing is pickled: MLflow imports this module by its name and gives it the folder of the release.
"""

import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from slipway.core.errors import DataError
from slipway.records.release import Record
from slipway_edge.predictor import GOLDEN, Predictor

SHOWN = 2
"""Golden examples that are kept as the input example."""


class Model:
    """A loaded release, as MLflow calls it."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor

    def predict(self, model_input: Any, params: Any = None) -> np.ndarray:
        """Predictions [n, *p] of encoded examples: an array, or a table with the features in order.

        Raises:
            DataError: the examples have another shape.
        """
        takes = self._predictor.spec["input"]
        if isinstance(model_input, pd.DataFrame):
            model_input = model_input.to_numpy(np.float32)
        inputs = np.asarray(model_input, takes["dtype"])
        if inputs.shape[1:] != tuple(takes["shape"]):
            wanted = ", ".join(map(str, ["n", *takes["shape"]]))
            raise DataError(f"the inputs are {list(inputs.shape)}, and the model takes [{wanted}]")
        return self._predictor.task.postprocess(self._predictor.interpreter(inputs), inputs, self._predictor.spec)


def _load_pyfunc(path: str) -> Model:
    """What MLflow calls with the folder of the release."""
    return Model(Predictor.load(Path(path)))


def add(folder: Path, record: Record) -> None:
    """Make an MLflow model of a folder that holds a release: MLmodel, signature and input example go beside its files.

    Args:
        folder: with model.tflite, golden.npz and release.json.
        record: what release.json says.

    Raises:
        DataError, ModelError: the release cannot be loaded, or does not run its golden examples.
    """
    from mlflow import pyfunc
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema, TensorSpec

    with np.load(folder / GOLDEN, allow_pickle=False) as golden:
        inputs = golden["inputs"][:SHOWN]
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
