import hashlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import servers
from slipway import mlflow_store
from slipway.errors import RegistryError
from slipway.registry.mlflow import register


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an MLflow server that keeps artifacts itself, as DagsHub and most servers do."""
    with servers.mlflow(tmp_path_factory.mktemp("server")) as address:
        yield address


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow database: making one takes MLflow seconds, copying it none."""
    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    mlflow_store.connect(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture(params=["sqlite", "server"])
def store(request: pytest.FixtureRequest, migrated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    if request.param == "server":
        monkeypatch.setenv("MLFLOW_TRACKING_URI", request.getfixturevalue("server"))
    else:
        monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
        shutil.copyfile(migrated, "mlflow.db")
    return str(request.param)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A registered model of the test's own, since the tests share one server."""
    return "m" + hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:12]


def release(folder: Path, model: bytes = b"one") -> tuple[dict, dict[str, Path]]:
    folder.mkdir(exist_ok=True)
    files = {part: folder / part for part in ("model.tflite", "release.json", "model_card.md")}
    files["model.tflite"].write_bytes(model)
    files["release.json"].write_text("{}\n")
    files["model_card.md"].write_text("# A model\n")
    record = {
        "variant": "demand-predictor",
        "task": "tabular_regression",
        "gate": {"verdict": "pass"},
        "artifacts": {"model.tflite": {"sha256": hashlib.sha256(model).hexdigest(), "bytes": len(model)}},
    }
    return record, files


def told(name: str) -> dict:
    return {
        "name": name,
        "description": "Visitors of a place by the hour",
        "params": {"train": {"learning_rate": 0.1, "features": ["a", "b"]}, "seed": 1},
        "metrics": {"mae": 12.5, "rmse": 20.0},
    }


@pytest.mark.usefixtures("store")
def test_a_release_becomes_a_run_and_a_version_with_its_files(name: str, tmp_path: Path):
    record, files = release(tmp_path / "release")
    made = register(record, files, **told(name))
    assert (made.version, made.created) == (1, True)
    client = mlflow_store.connect(mlflow_store.tracking_uri())
    run = client.get_run(made.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.metrics == {"mae": 12.5, "rmse": 20.0}
    assert run.data.params == {"seed": "1", "train.learning_rate": "0.1", "train.features": '["a", "b"]'}
    version = client.get_model_version(name, "1")
    assert version.description == "Visitors of a place by the hour"
    assert version.current_stage == "None"
    assert version.tags == {
        "variant": "demand-predictor",
        "task": "tabular_regression",
        "verdict": "pass",
        "artifact_sha256": made.sha256,
    }
    (tmp_path / "back").mkdir()
    back = Path(client.download_artifacts(made.run_id, "release", str(tmp_path / "back")))
    assert {path.name: path.read_bytes() for path in back.iterdir()} == {k: p.read_bytes() for k, p in files.items()}
    assert version.source == f"{run.info.artifact_uri}/release"


@pytest.mark.usefixtures("store")
def test_the_same_bytes_are_registered_once(name: str, tmp_path: Path):
    record, files = release(tmp_path / "release", name.encode())
    first = register(record, files, **told(name))
    files["model_card.md"].write_text("# Another card\n")
    second = register(record, files, **(told(name) | {"metrics": {"mae": 1.0}}))
    assert not second.created
    assert (second.version, second.run_id, second.sha256) == (first.version, first.run_id, first.sha256)
    client = mlflow_store.connect(mlflow_store.tracking_uri())
    assert len(client.search_model_versions(f"name = '{name}'")) == 1
    experiment = client.get_experiment_by_name("demand-predictor").experiment_id
    assert len(client.search_runs([experiment], f"tags.artifact_sha256 = '{first.sha256}'")) == 1
    assert client.get_run(first.run_id).data.metrics["mae"] == 12.5


@pytest.mark.usefixtures("store")
def test_other_bytes_are_the_next_version_and_going_back_finds_the_first(name: str, tmp_path: Path):
    versions = [
        register(*release(tmp_path / "release", model), **told(name)).version for model in (b"one", b"two", b"one")
    ]
    assert versions == [1, 2, 1]


def test_the_default_store_keeps_its_files_beside_the_database(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    made = register(*release(tmp_path / "release"), **told(name))
    assert (tmp_path / "mlflow.db").exists()
    assert sorted(
        path.name for path in (tmp_path / "mlartifacts" / made.run_id / "artifacts" / "release").iterdir()
    ) == [
        "model.tflite",
        "model_card.md",
        "release.json",
    ]


def test_files_that_are_not_those_of_the_record_are_refused(tmp_path: Path):
    record, files = release(tmp_path / "release")
    files["model.tflite"].write_bytes(b"tampered")
    with pytest.raises(RegistryError, match=r"model\.tflite: SHA-256 .* is not the .* of the release record"):
        register(record, files, **told("m"))
    files["model.tflite"].unlink()
    with pytest.raises(RegistryError, match="no such file"):
        register(record, files, **told("m"))
    with pytest.raises(RegistryError, match="not both in the release record and among the files"):
        register(record, {}, **told("m"))


def test_a_server_that_is_down_is_an_error_that_says_where_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://user:secret@127.0.0.1:9")
    started = time.monotonic()
    with pytest.raises(RegistryError) as caught:
        register(*release(tmp_path / "release"), **told("m"))
    assert time.monotonic() - started < 20
    message = str(caught.value)
    assert "http://127.0.0.1:9" in message and "start the server or correct MLFLOW_TRACKING_URI" in message
    assert "secret" not in message and "\n" not in message


def test_patience_leaves_the_environment_as_it_was_and_what_the_user_says_goes_before(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "77")
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", raising=False)
    before = dict(os.environ)
    seen = mlflow_store._Patience(5)(lambda: dict(os.environ))
    assert seen["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "77"
    assert seen["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "1"
    assert dict(os.environ) == before


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
@pytest.mark.usefixtures("store")
def test_an_experiment_that_was_deleted_is_said_with_the_command_that_restores_it(name: str, tmp_path: Path):
    """MLflow takes no run in it, and no other experiment of its name."""
    client = mlflow_store.connect(mlflow_store.tracking_uri())
    made = mlflow_store.experiment(client, name)
    client.delete_experiment(made)
    record, files = release(tmp_path)
    with pytest.raises(RegistryError, match="was deleted in MLflow; to have it back: ") as refused:
        register({**record, "variant": name}, files, **told(name))
    command = str(refused.value).partition("to have it back: ")[2]
    assert command.endswith(f" mlflow experiments restore --experiment-id {made}")
    subprocess.run(command, shell=True, check=True, capture_output=True)
    assert mlflow_store.experiment(client, name) == made
