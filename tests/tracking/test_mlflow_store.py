"""A server that stops answering costs seconds, and the default store moves with its folder, whatever its name."""

import http.server
import json
import os
import shutil
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

import servers
from slipway.core.errors import RegistryError
from slipway.registry import mirror
from slipway.tracking import mlflow_store
from slipway.tracking.tracker import Tracker

NAMES = ["with blanks", "100%", "a%41b", "what?now=1", "no#1 é"]


class Hanging:
    """A server that answers a number of requests and accepts later ones without an answer."""

    def __init__(self, answers: int, trickle: bool = False) -> None:
        self.left, self.trickle, self.over = answers, trickle, threading.Event()


@pytest.fixture(params=[(1, False), (0, True)], ids=["one answer", "a byte at a time"])
def hanging(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a `Hanging` server; requests wait for one second, clients for 1.5 seconds."""
    import mlflow.tracking  # noqa: F401 - import before time is measured

    monkeypatch.chdir(tmp_path)
    server = Hanging(*request.param)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            content = json.dumps({"experiment": {"experiment_id": "1"}, "run": {"info": {"run_id": "1"}}}).encode()
            if server.left <= 0 and not server.trickle:
                server.over.wait(60)
                return
            server.left -= 1
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            for at in range(len(content)):
                self.wfile.write(content[at : at + 1])
                if server.trickle and server.over.wait(0.3):
                    return

        do_POST = do_PUT = do_PATCH = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{listening.server_port}"
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        monkeypatch.setattr(mlflow_store, "REQUEST", 1)
        for module, name in ((mlflow_store, "BUDGET"), (mirror, "SECONDS")):
            monkeypatch.setattr(module, name, 1.5)
        yield address
        server.over.set()
        listening.shutdown()


def test_a_sync_with_a_server_that_stops_answering_ends(hanging: str):
    started = time.monotonic()
    with pytest.raises(mirror.UnreachableError, match="does not match Git yet"), mirror._reaching(hanging):
        client = mlflow_store.connect(hanging, mirror.SECONDS)
        while True:
            client.get_registered_model("m")
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("hanging", [(1, False)], indirect=True, ids=["one answer"])
def test_a_request_ends_long_before_the_time_budget_of_its_client(hanging: str):
    client = mlflow_store.connect(hanging, 600)
    client.get_experiment_by_name("v")
    started = time.monotonic()
    with pytest.raises(Exception, match="Read timed out"):
        client.get_experiment_by_name("v")
    assert time.monotonic() - started < 10


def test_a_training_with_a_server_that_stops_answering_goes_on(
    hanging: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    started = time.monotonic()
    folders = {"live": tmp_path / "live", "logs": tmp_path / "logs", "journal": tmp_path / "state" / "journal"}
    with Tracker("v", **folders, params={}) as track:
        for step in range(20):
            track(step, {"loss": 1.0})
    assert time.monotonic() - started < 20
    assert len([one for one in caplog.records if "cannot be used" in one.getMessage()]) == 1


def logged(content: bytes) -> Path:
    """Log a file to a run from the working folder; return its path according to MLflow."""
    from mlflow.utils.file_utils import local_file_uri_to_path

    client = mlflow_store.connect(mlflow_store.tracking_uri())
    run = client.create_run(mlflow_store.experiment(client, "v")).info
    Path("model.tflite").write_bytes(content)
    client.log_artifact(run.run_id, "model.tflite", "release")
    Path("model.tflite").unlink()
    return Path(local_file_uri_to_path(f"{run.artifact_uri}/release")) / "model.tflite"


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow database: creating one takes seconds, copying it does not."""
    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    mlflow_store.connect(f"sqlite:///{path}").search_experiments()
    return path


@pytest.mark.parametrize("name", NAMES)
def test_the_default_store_is_in_its_folder_whatever_the_name(
    name: str, migrated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    folder = tmp_path / name
    folder.mkdir()
    shutil.copy(migrated, folder / "mlflow.db")
    monkeypatch.chdir(folder)
    assert logged(b"model").resolve().is_relative_to(folder / "mlartifacts")
    assert logged(b"model").read_bytes() == b"model"
    assert [path.name for path in tmp_path.iterdir()] == [name], "nothing next to it"
    with closing(sqlite3.connect("mlflow.db")) as database:
        assert database.execute("SELECT count(*) FROM runs").fetchone() == (2,)
    assert mlflow_store.is_there(mlflow_store.tracking_uri())


@pytest.mark.parametrize(
    ("how", "uri"), [(Path.rename, None), (shutil.copytree, "sqlite:///mlflow.db")], ids=["moved", "copied"]
)
def test_the_files_of_a_moved_or_copied_folder_are_found(
    how, uri: str | None, migrated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    if uri is None:
        monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    else:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    mine, moved = tmp_path / "mine", tmp_path / "mo%ved"
    mine.mkdir()
    shutil.copy(migrated, mine / "mlflow.db")
    monkeypatch.chdir(mine)
    logged(b"one")
    how(mine, moved)
    monkeypatch.chdir(moved)
    for content in (b"one", b"two"):
        path = logged(content)
        assert path.is_relative_to(moved / "mlartifacts") and path.read_bytes() == content
    left = len(list(mine.rglob("model.tflite"))) if mine.exists() else 0
    assert left == (0 if how is Path.rename else 1), "nothing was written to where it was"
    with closing(sqlite3.connect("mlflow.db")) as database:
        assert not [line for line in database.iterdump() if f"{mine.as_uri()}/mlartifacts" in line]


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        (401, "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"),
        (403, "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"),
        (404, "correct MLFLOW_TRACKING_URI"),
        (500, "the server answers with errors"),
        (503, "the server answers with errors"),
    ],
)
def test_the_remedy_depends_on_the_answer_of_the_server(
    monkeypatch: pytest.MonkeyPatch, status: int, remedy: str
) -> None:
    with servers.refusing(status) as address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://user:PASSW0RD@{address}")
        with pytest.raises(RegistryError) as caught:
            mirror.sync({}, ["base-ad-detector"])
    message = str(caught.value)
    assert remedy in message and ("start the server" in message) == (status == 404)
    assert "PASSW0RD" not in message


@pytest.mark.parametrize(
    "uri",
    ["htp://user:PASSW0RD@host", "user:PASSW0RD@host", "http://[user:PASSW0RD@host", "http://user:PASSW0RD@host:port",
     "http://user:PASS]W0RD@127.0.0.1:9", "mysql://user:PASSW0RD@127.0.0.1:9/x",
     "postgresql://user:PASSW0RD@127.0.0.1:9/x"],
)  # fmt: skip
def test_an_invalid_address_is_shown_without_its_password(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "-q"], check=True)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(RegistryError, match="correct MLFLOW_TRACKING_URI") as caught:
        mirror.sync({}, [])
    assert "PASSW0RD" not in str(caught.value) and "W0RD" not in str(caught.value)


def test_time_limits_leave_the_environment_unchanged_and_user_settings_take_precedence(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "77")
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", raising=False)
    before = dict(os.environ)
    seen = mlflow_store._TimeBudget(5)(lambda: dict(os.environ))
    assert seen["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "77"
    assert seen["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "1"
    assert dict(os.environ) == before


def test_the_error_on_a_deleted_experiment_has_the_command_that_restores_it(
    migrated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """MLflow accepts neither a run in it nor another experiment with its name."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    shutil.copy(migrated, "mlflow.db")
    client = mlflow_store.connect(mlflow_store.tracking_uri())
    made = mlflow_store.experiment(client, "v")
    client.delete_experiment(made)
    with pytest.raises(RegistryError, match="was deleted in MLflow; to restore it: ") as refused:
        mlflow_store.experiment(client, "v")
    command = str(refused.value).partition("to restore it: ")[2]
    assert command.endswith(f" mlflow experiments restore --experiment-id {made}")
    subprocess.run(command, shell=True, check=True, capture_output=True)
    assert mlflow_store.experiment(client, "v") == made
