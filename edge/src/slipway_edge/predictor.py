"""Run a built model: raw examples in, named outputs out.

A release is a folder `models/<variant>` with `release.json`, `model.tflite` and `golden.npz`. The `Predictor` uses the
pipeline's code for pre- and postprocessing, with the input spec from the record, so the two cannot differ. It runs only
a model with the SHA-256 from the record, and golden examples show that this machine computes the same outputs as the
build.

The task is imported by the name in the record (`slipway_edge.tasks.<task>`) when a release is loaded: other tasks are
not imported, and a new task needs no change here.
"""

import hashlib
import importlib
import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

import numpy as np

from slipway_edge import fields
from slipway_edge.errors import ModelError
from slipway_edge.examples import single
from slipway_edge.interpreter import Interpreter
from slipway_edge.pooling import pool

RECORD = "release.json"
MODEL = "model.tflite"
GOLDEN = "golden.npz"
TOLERANCE = {"float": 1e-4, "quantized": 0.02}
"""How far an output may be from its golden value, relative to the larger of that value and 1. Kernels for different
processors add in a different order, and integer kernels may differ by a few steps of 1/256."""


EXTRAS = {"av": "sound", "scipy": "sound"}
"""Optional packages that a task imports, each with the extra that installs it."""


class Task(Protocol):
    """A kind of model: how raw examples become inputs, and how outputs become predictions.

    A task is created from a variant's `data` section. `data_fields` and `spec_fields` declare the fields that it reads
    from that section and from the record's `spec`, and the kind of each (see `slipway_edge.fields`).
    """

    data_fields: ClassVar[Mapping[str, Any]]
    spec_fields: ClassVar[Mapping[str, Any]]

    def __init__(self, data: Mapping[str, Any]) -> None: ...

    def preprocess(self, examples: Any, spec: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        """Return the model inputs [m, *shape] of raw examples, and for each input the number of its example [m].

        Raises:
            DataError: an example cannot be read; the message says which one.
        """

    def postprocess(self, outputs: np.ndarray, inputs: np.ndarray, spec: Mapping[str, Any]) -> np.ndarray:
        """Return the predictions [m, *p] for outputs [m, *k]: probabilities, values in the target's unit, places."""

    def present(self, predictions: np.ndarray, examples: Any, spec: Mapping[str, Any]) -> list[Any]:
        """Return the predictions [n, *p] in the form for callers, as JSON values, one for each raw example."""


class Predictor:
    """A model with its task. Use an instance in one thread at a time.

    `folder` is the release, `record` its record, `spec` its input and output spec, `interpreter` the model alone.
    """

    def __init__(
        self, folder: Path, interpreter: Interpreter, task: Task, spec: dict[str, Any], record: dict[str, Any]
    ) -> None:
        self.folder = folder
        self.interpreter = interpreter
        self.task = task
        self.spec = spec
        self.record = record

    @classmethod
    def load(cls, folder: str | Path, threads: int = 1) -> Self:
        """Load the release in `folder`.

        Raises:
            ModelError: a file is missing, the record is invalid, or the model does not have the recorded SHA-256.
        """
        folder = Path(folder)
        path = folder / RECORD
        record = _read(path)
        try:
            name, data, spec = record["task"], record["data"], record["spec"]
            digest, shape = record["artifacts"][MODEL]["sha256"], tuple(spec["input"]["shape"])
        except (KeyError, TypeError) as error:
            raise ModelError(f"{path}: not a release record (no {error}); run the register stage again")
        content = _verified(folder / MODEL, digest)
        interpreter = Interpreter(content, threads)
        if interpreter.shape != shape:
            raise ModelError(
                f"{folder / MODEL}: takes inputs of shape {list(interpreter.shape)}, but {path} says {list(shape)}; "
                "run the convert-tflite and register stages again"
            )
        return cls(folder, interpreter, _task(path, name, data, spec), spec, record)

    def predict(self, examples: Any) -> Any:
        """Return the prediction of one raw example, or a list with the prediction of each of several.

        A prediction has the task's form for callers: probabilities by class, boxes, ... What an example is depends on
        the task; the model card says it. Lists and other iterables are several examples, even with one in them. So are
        an array with one axis more than an example, a DataFrame, and columns by name. Anything else is one example: a
        path, bytes, an image, an array, samples with their rate (a tuple), a row (a dictionary).

        Raises:
            DataError: an example cannot be read; the message says which one.
        """
        given, one = self._given(examples)
        presented = self.task.present(self._predict(given), given, self.spec)
        return presented[0] if one else presented

    def predict_array(self, examples: Any) -> np.ndarray:
        """Return the predictions [n, *p], in the order of `spec["outputs"]`; n is 1 for one example.

        Raises:
            DataError: an example cannot be read; the message says which one.
        """
        return self._predict(self._given(examples)[0])

    def _given(self, examples: Any) -> tuple[Any, bool]:
        """A caller's examples as a task reads them, with a length and more than once, and whether it is only one."""
        if single(examples, len(self.spec["input"]["shape"])):
            return [examples], True
        return examples if hasattr(examples, "__len__") else list(examples), False

    def _predict(self, examples: Any) -> np.ndarray:
        inputs, rows = self.task.preprocess(examples, self.spec)
        return pool(self.task.postprocess(self.interpreter(inputs), inputs, self.spec), rows)

    def check_golden(self) -> int:
        """Run the golden examples, check their outputs, and return how many there are.

        Raises:
            ModelError: the examples do not have the recorded SHA-256, or an output differs from its golden value.
        """
        content = _verified(self.folder / GOLDEN, self.record["artifacts"][GOLDEN]["sha256"])
        inputs, expected = read_golden(content)
        tolerance = TOLERANCE["quantized" if self.interpreter.quantized else "float"]
        actual = self.interpreter(inputs)
        beyond = np.abs(actual - expected) > tolerance * np.maximum(1, np.abs(expected))
        wrong = beyond.reshape(len(inputs), -1).any(axis=1)
        for position in np.flatnonzero(wrong):
            raise ModelError(
                f"golden example {position}: the model gives {actual[position].tolist()}, but the release expects "
                f"{expected[position].tolist()}; do not use the model on this machine, and report its processor and "
                "LiteRT version"
            )
        return len(inputs)


def golden_examples(interpreter: Interpreter, inputs: np.ndarray) -> bytes:
    """Return the bytes of the golden examples: an .npz of encoded `inputs` and raw `outputs`."""
    buffer = io.BytesIO()
    np.savez(buffer, inputs=inputs, outputs=interpreter(inputs))
    return buffer.getvalue()


def read_golden(content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Return the inputs [n, *shape] and the outputs [n, *k] of the golden examples, given the bytes of their file."""
    with np.load(io.BytesIO(content), allow_pickle=False) as golden:
        return golden["inputs"], golden["outputs"]


def _read(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise ModelError(f"{path}: no such file; run the register stage")
    except ValueError as error:
        raise ModelError(f"{path}: not JSON ({error}); run the register stage again")
    if not isinstance(record, dict):
        raise ModelError(f"{path}: not a release record; run the register stage again")
    return record


def _verified(path: Path, digest: str) -> bytes:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ModelError(f"{path}: no such file; run `dvc pull` or the convert-tflite stage")
    found = hashlib.sha256(content).hexdigest()
    if found != digest:
        raise ModelError(
            f"{path}: SHA-256 is {found}, but {RECORD} in the same folder says {digest}; it is not the released file: "
            "run `dvc checkout`, or the register stage if the model is new"
        )
    return content


def _task(path: Path, name: Any, data: Any, spec: Any) -> Task:
    if not isinstance(name, str) or not re.fullmatch(r"[a-z][a-z_]*", name):
        raise ModelError(f"{path}: {name!r} is not a valid task name")
    module = f"slipway_edge.tasks.{name}"
    try:
        kind: type[Task] = importlib.import_module(module).Task
    except ModuleNotFoundError as error:
        if error.name == module:
            raise ModelError(f"{path}: this version has no task {name}; install the version of slipway that built it")
        if error.name not in EXTRAS:
            raise
        raise ModelError(f"{path}: the task {name} needs {error.name}; install slipway-edge[{EXTRAS[error.name]}]")
    try:
        fields.check(data, kind.data_fields, "data")
        fields.check(spec, kind.spec_fields, "spec")
    except ModelError as error:
        raise ModelError(f"{path}: it does not fit the task {name} ({error}); run the register stage again")
    return kind(data)
