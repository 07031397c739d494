"""A release as MLflow loads it: from its files alone, with a signature, and without pickle."""

import json
import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import numpy as np
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException

import released
from slipway.core.errors import ModelError
from slipway.records import release
from slipway.registry import pyfunc
from slipway_edge.interpreter import Interpreter
from slipway_edge.predictor import golden_examples


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files of a release, as after a fetch."""
    monkeypatch.chdir(tmp_path)
    released.begin("mine")
    released.build("mine")
    folder = tmp_path / "release"
    folder.mkdir()
    for name in ("model.tflite", "release.json", "card.md"):
        shutil.copy(Path("models/mine") / name, folder)
    features = len(values(folder)["spec"]["input"]["names"])
    inputs = np.random.default_rng(7).normal(size=(4, features)).astype(np.float32)
    (folder / "golden.npz").write_bytes(golden_examples(Interpreter((folder / "model.tflite").read_bytes()), inputs))
    return folder


def values(folder: Path) -> Mapping[str, Any]:
    return dict(json.loads((folder / "release.json").read_text()))


def add(folder: Path) -> None:
    pyfunc.add(folder, release.read((folder / "release.json").read_bytes(), "release.json", "mine"))


def test_mlflow_loads_the_model_that_ships_and_predicts_the_same(folder: Path) -> None:
    add(folder)
    model = mlflow.pyfunc.load_model(str(folder))
    with np.load(folder / "golden.npz") as golden:
        inputs, outputs = golden["inputs"], golden["outputs"]
    names = values(folder)["spec"]["input"]["names"]
    assert model.metadata.signature.inputs.input_names() == names
    assert np.array_equal(model.predict(pd.DataFrame(inputs, columns=names)), outputs)
    assert list(model.input_example.columns) == names
    assert model.predict(model.input_example).shape == (2, *outputs.shape[1:])


def test_requests_at_the_same_time_get_the_answers_that_they_get_alone(folder: Path) -> None:
    """`mlflow models serve` calls the model from a pool of threads."""
    model = pyfunc._load_pyfunc(str(folder))
    tables = [pd.DataFrame({"x": np.full(1 + seed % 5, seed / 10, np.float32)}) for seed in range(200)]
    expected = [model.predict(table) for table in tables]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(model.predict, tables))
    assert all(np.array_equal(one, other) for one, other in zip(found, expected, strict=True))


def test_a_table_without_a_feature_is_refused_by_the_signature(folder: Path) -> None:
    add(folder)
    with pytest.raises(MlflowException, match="missing inputs"):
        mlflow.pyfunc.load_model(str(folder)).predict(pd.DataFrame({"other": [1.0]}))


def test_the_files_of_the_release_stay_and_nothing_is_pickled(folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    add(folder)
    after = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    assert {name: after[name].read_bytes() for name in before} == before
    assert after.keys() - before.keys() == {
        "MLmodel",
        "conda.yaml",
        "input_example.json",
        "python_env.yaml",
        "requirements.txt",
        "serving_input_example.json",
    }


def test_a_release_that_differs_from_its_record_is_no_model(folder: Path) -> None:
    (folder / "model.tflite").write_bytes(b"tampered")
    with pytest.raises(ModelError):
        add(folder)
    assert not (folder / "MLmodel").exists()
