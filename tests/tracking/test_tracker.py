import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from slipway.tracking import mlflow_store
from slipway.tracking.tracker import Tracker

PARAMS = {"train": {"learning_rate": 0.1}, "seed": 1}
BROKEN = "http://user:secret@127.0.0.1:9"


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow database: creating one takes seconds, copying it does not."""
    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    mlflow_store.connect(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, migrated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copyfile(migrated, "mlflow.db")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture
def no_mlflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that refuses connections immediately, for tests of the files."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", BROKEN)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


def tracker(folder: Path = Path(), params: dict = PARAMS) -> Tracker:
    return Tracker(
        "demand-predictor",
        live=folder / "reports" / "live",
        logs=folder / "logs",
        journal=folder / "state" / "metrics.jsonl",
        params=params,
    )


def train(tracking: Tracker, steps: Sequence[int], stop_before: int | None = None) -> None:
    with tracking as track:
        for step in steps:
            if step == stop_before:
                raise InterruptedError
            track(step, {"train/loss": 1 / (step + 3), "val/loss": 0.5 / (step + 1)})


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def scalars(folder: Path) -> list[tuple[int, str, float]]:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.tensorflow_stub.errors import OutOfRangeError
    from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import PyRecordReader_New

    (path,) = folder.glob("events.out.tfevents.*")
    reader = PyRecordReader_New(str(path))
    found = []
    while True:
        try:
            reader.GetNext()
        except OutOfRangeError:
            return found
        event = Event.FromString(reader.record())
        found += [(event.step, value.tag, pytest.approx(value.simple_value)) for value in event.summary.value]


def history(metric: str) -> list[tuple[int, float]]:
    client = mlflow_store.connect(mlflow_store.tracking_uri())
    (run,) = client.search_runs([client.get_experiment_by_name("demand-predictor").experiment_id])
    return sorted({(point.step, point.value) for point in client.get_metric_history(run.info.run_id, metric)})


@pytest.mark.usefixtures("no_mlflow")
def test_dvclive_gets_one_table_per_metric_and_the_last_values():
    train(tracker(), range(3))
    found = contents(Path("reports/live"))
    assert sorted(found) == ["metrics.json", "plots/metrics/train/loss.tsv", "plots/metrics/val/loss.tsv"]
    assert found["plots/metrics/val/loss.tsv"].decode().splitlines() == [
        "step\tloss",
        "0\t0.5",
        "1\t0.25",
        "2\t0.16666666666666666",
    ]
    assert b'"step": 2' in found["metrics.json"]


@pytest.mark.usefixtures("no_mlflow")
def test_tensorboard_gets_the_same_scalars_and_an_earlier_training_is_replaced():
    train(tracker(), range(5))
    train(tracker(), range(2))
    assert scalars(Path("logs")) == [
        (0, "train/loss", 1 / 3),
        (0, "val/loss", 0.5),
        (1, "train/loss", 1 / 4),
        (1, "val/loss", 0.25),
    ]


def test_mlflow_gets_parameters_and_metrics_while_training_goes_on():
    with tracker() as track:
        track(0, {"train/loss": 0.5})
        assert history("train/loss") == [(0, 0.5)]
        track(1, {"train/loss": 0.25})
    assert history("train/loss") == [(0, 0.5), (1, 0.25)]
    client = mlflow_store.connect(mlflow_store.tracking_uri())
    (run,) = client.search_runs([client.get_experiment_by_name("demand-predictor").experiment_id])
    assert run.info.status == "FINISHED"
    assert run.data.params == {"seed": "1", "train.learning_rate": "0.1"}


def test_what_a_training_chose_is_in_its_files_and_in_mlflow():
    with tracker() as track:
        track(1, {"train/loss": 0.5})
        track.chosen({"steps": 1500, "epochs": 20})
    assert Path("reports/live/params.yaml").read_text() == "steps: 1500\nepochs: 20\n"
    client = mlflow_store.connect(mlflow_store.tracking_uri())
    (run,) = client.search_runs([client.get_experiment_by_name("demand-predictor").experiment_id])
    assert run.data.params["chosen.steps"] == "1500"


@pytest.mark.usefixtures("no_mlflow")
def test_a_training_killed_after_its_last_step_has_what_it_chose():
    with pytest.raises(InterruptedError):
        train(tracker(), range(7), stop_before=6)
    with tracker() as track:
        track.chosen({"steps": 1500})
    assert sorted(contents(Path("reports/live"))) == [
        "metrics.json",
        "params.yaml",
        "plots/metrics/train/loss.tsv",
        "plots/metrics/val/loss.tsv",
    ]


@pytest.mark.usefixtures("no_mlflow")
def test_two_trainings_leave_the_same_bytes(tmp_path: Path):
    train(tracker(tmp_path / "a"), range(0, 100, 10))
    train(tracker(tmp_path / "b"), range(0, 100, 10))
    assert contents(tmp_path / "a" / "reports") == contents(tmp_path / "b" / "reports")


def test_a_resumed_training_leaves_the_same_files_even_when_its_outputs_were_removed(tmp_path: Path):
    with pytest.raises(InterruptedError):
        train(tracker(), range(6), stop_before=4)
    for path in [*Path("reports").rglob("*.tsv"), Path("reports/live/metrics.json")]:
        path.unlink()
    train(tracker(), range(3, 6))  # the last checkpoint includes steps 0 to 2
    resumed = history("val/loss")
    assert resumed == [(step, 0.5 / (step + 1)) for step in range(6)]
    assert len(scalars(Path("logs"))) == 12
    assert not Path("state/metrics.jsonl").exists()
    train(tracker(tmp_path / "undisturbed"), range(6))
    assert contents(Path("reports")) == contents(tmp_path / "undisturbed" / "reports")


def test_a_killed_training_keeps_its_steps_and_its_mlflow_run(tmp_path: Path):
    script = f"""
import os, signal
from pathlib import Path
from slipway.tracking.tracker import Tracker
with Tracker("demand-predictor", live=Path("reports/live"), logs=Path("logs"), journal=Path("state/metrics.jsonl"),
             params={PARAMS!r}) as track:
    for step in range(3):
        track(step, {{"train/loss": 1 / (step + 3), "val/loss": 0.5 / (step + 1)}})
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", script], cwd=tmp_path).returncode == -signal.SIGKILL
    with Path("state/metrics.jsonl").open("a") as journal:
        journal.write('{"step": 3, "time": 17')  # a kill in the middle of a line
    train(tracker(), range(3, 6))
    assert [step for step, _ in history("val/loss")][-3:] == [3, 4, 5]
    assert len(Path("reports/live/plots/metrics/val/loss.tsv").read_text().splitlines()) == 7


@pytest.mark.usefixtures("no_mlflow")
def test_a_training_killed_after_its_last_step_has_them_all():
    with pytest.raises(InterruptedError):
        train(tracker(), range(7), stop_before=6)
    before = contents(Path("reports"))
    train(tracker(), [])
    assert contents(Path("reports")) == before


@pytest.mark.usefixtures("no_mlflow")
@pytest.mark.parametrize("journal", ["", "not json\n", "{}\n", '{"params": 1}\n[1]\n'])
def test_a_journal_that_is_broken_is_ignored(journal: str):
    Path("state").mkdir()
    Path("state/metrics.jsonl").write_text(journal)
    train(tracker(), range(2))
    assert len(Path("reports/live/plots/metrics/val/loss.tsv").read_text().splitlines()) == 3


@pytest.mark.usefixtures("no_mlflow")
def test_a_journal_of_other_parameters_is_not_continued():
    with pytest.raises(InterruptedError):
        train(tracker(), range(0, 50, 10), stop_before=40)
    train(tracker(params={"seed": 2}), range(25, 100, 25))
    steps = [line.split("\t")[0] for line in Path("reports/live/plots/metrics/val/loss.tsv").read_text().splitlines()]
    assert steps == ["step", "25", "50", "75"]


@pytest.mark.usefixtures("no_mlflow")
def test_a_training_without_a_step_leaves_a_metrics_file():
    train(tracker(), [])
    assert contents(Path("reports/live")) == {"metrics.json": b"{}\n"}


def test_a_server_that_is_down_costs_one_warning(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", BROKEN)
    with caplog.at_level(logging.WARNING):
        train(tracker(), range(100))
    (warning,) = [record.getMessage() for record in caplog.records if record.name.startswith(("slipway", "mlflow"))]
    assert warning.startswith("MLflow at http://127.0.0.1:9 cannot be used (")
    assert "start the server or correct MLFLOW_TRACKING_URI" in warning
    assert "secret" not in warning and "\n" not in warning
    assert len(Path("reports/live/plots/metrics/val/loss.tsv").read_text().splitlines()) == 101


def test_a_server_that_never_answers_costs_seconds_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    with socket.create_server(("127.0.0.1", 0), backlog=16) as silent:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
        started = time.monotonic()
        train(tracker(), range(100))
    assert time.monotonic() - started < 20
    assert len([record for record in caplog.records if "cannot be used" in record.getMessage()]) == 1


@pytest.mark.parametrize("uri", ["file:./mlruns", "foo://nowhere", "sqlite:////dev/null/mlflow.db"])
def test_an_invalid_address_costs_one_warning(
    uri: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    train(tracker(), range(2))
    assert len([record for record in caplog.records if "cannot be used" in record.getMessage()]) == 1


def test_a_store_that_fails_during_training_costs_one_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr("slipway.tracking.tracker.SENDING_INTERVAL", 0.0)
    with tracker() as track:
        track(0, {"train/loss": 0.5})
        Path("mlflow.db").write_bytes(b"gone")
        for step in range(1, 50):
            track(step, {"train/loss": 0.5})
    assert len([record for record in caplog.records if "cannot be used" in record.getMessage()]) == 1
    assert len(Path("reports/live/plots/metrics/train/loss.tsv").read_text().splitlines()) == 51


def test_tracking_needs_no_tensorflow_and_prints_nothing(tmp_path: Path):
    script = """
import sys
from pathlib import Path
from slipway.tracking.tracker import Tracker
with Tracker("v", live=Path("live"), logs=Path("logs"), journal=Path("journal"), params={}) as track:
    track(0, {"loss": 1.0})
sys.exit("tensorflow" in sys.modules)
"""
    Path("mlflow.db").unlink()  # so that creating the database is part of the test
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=dict(os.environ), capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
