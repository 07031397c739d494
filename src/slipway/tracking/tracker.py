"""Live metrics of one training run, sent to DVCLive, TensorBoard and MLflow.

`fit` calls the tracker with a step and its metrics; the tracker writes each first to a journal, then to all three.

- DVCLive: one TSV file per metric and metrics.json, and params.yaml with what the training chose by its data, such as
  its length. They are outputs of the train stage, so they contain no times.
- TensorBoard: an event file in a folder that Git ignores. It is written with TensorBoard's record writer only, so that
  a training without TensorFlow does not spend seconds on its import.
- MLflow: a run in the experiment with the variant's name. A store that does not answer costs one warning and seconds.

The journal makes an interrupted training complete: DVC removes a stage's outputs before it runs the stage again, so
DVCLive alone would lose the steps before the kill. The journal is kept next to the checkpoints. The next process reads
it when its first step is known, drops that step and later ones, and reports the earlier ones again. DVCLive's files are
then the same as without the interruption. The journal is removed when the training ends without an error.
"""

import hashlib
import json
import logging
import math
import os
import socket
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NamedTuple, Self

from slipway.core import atomic
from slipway.tracking import mlflow_store

logger = logging.getLogger(__name__)

SENDING_INTERVAL = 5.0
"""Seconds between two requests to MLflow, and to DVC Studio if it is set up: boosting reports steps faster than a
remote server accepts them, and DVCLive reads all its files again for each request."""


class Entry(NamedTuple):
    """One call of the tracker: its step, its time (Unix seconds) and its metrics."""

    step: int
    time: float
    metrics: dict[str, float]


class Tracker:
    """Records metrics: call `tracker(step, metrics)` in `with Tracker(...) as tracker:`, with ascending steps.

    A trainer that can resume must report a step before it writes the checkpoint that includes the step.

    Args:
        variant: the name of the MLflow experiment.
        live: the folder of DVCLive; its content is replaced.
        logs: the folder of TensorBoard; its event files are replaced.
        journal: a file that survives a kill; not in the folder of checkpoints that `fit` writes and removes.
        params: the configuration of the training; sent to MLflow. A journal with other params is not continued.
    """

    def __init__(self, variant: str, *, live: Path, logs: Path, journal: Path, params: Mapping[str, Any]) -> None:
        self._variant = variant
        self._folder = live
        self._logs = logs
        self._journal = _Journal(journal, variant, params)
        self._params = params
        self._live: Any = None
        self._synced = -math.inf
        self._events: _EventFile | None = None
        self._mlflow: _MlflowRun | None = None

    def __enter__(self) -> Self:
        self._mlflow = _MlflowRun(self._variant, self._journal.training, self._params, self._journal.resumed)
        return self

    def __call__(self, step: int, metrics: Mapping[str, float]) -> None:
        """Record the metrics of a step."""
        entry = Entry(step, time.time(), {name: float(value) for name, value in metrics.items()})
        if self._live is None:
            self._begin(self._journal.before(step))
        self._journal.append(entry)
        self._write(entry)
        if self._mlflow is not None:
            self._mlflow.log(entry)

    def chosen(self, values: Mapping[str, int]) -> None:
        """Record what the training chose by its data: in params.yaml of DVCLive, and as parameters of MLflow."""
        if self._live is None:
            self._begin(self._journal.entries)
        self._live.log_params(dict(values))
        if self._mlflow is not None:
            self._mlflow.chosen(values)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None and self._live is None:
            self._begin(self._journal.entries)  # killed after the last step: nothing is left to train
        if self._live is not None:
            self._live.end()
        if self._events is not None:
            self._events.close()
        if self._mlflow is not None:
            self._mlflow.end("FINISHED" if kind is None else "FAILED" if issubclass(kind, Exception) else "KILLED")
        self._journal.close(keep=kind is not None)

    def _begin(self, entries: Sequence[Entry]) -> None:
        from dvclive.live import Live

        self._journal.open(entries)
        self._live = Live(str(self._folder), save_dvc_exp=False, dvcyaml=None, report=None, monitor_system=False)
        self._events = _EventFile(self._logs)
        for entry in entries:
            self._write(entry)
        if self._mlflow is not None:
            self._mlflow.begin(entries)

    def _write(self, entry: Entry) -> None:
        assert self._events is not None
        self._live.step = entry.step
        for name, value in entry.metrics.items():
            self._live.log_metric(name, value)
        if time.monotonic() - self._synced >= SENDING_INTERVAL:
            self._live.next_step()
            self._synced = time.monotonic()
        else:
            self._live.make_summary()
        self._events.write(entry)


class _Journal:
    """JSON lines: a header that identifies the training, then the entries. An incomplete last line is ignored."""

    def __init__(self, path: Path, variant: str, params: Mapping[str, Any]) -> None:
        self._path = path
        self._file: IO[str] | None = None
        configured = json.dumps([variant, params], sort_keys=True, default=str)
        digest = hashlib.sha256(configured.encode()).hexdigest()
        self.training = uuid.uuid4().hex
        self.entries: list[Entry] = []
        self.resumed = False
        lines = path.read_text().splitlines() if path.exists() else []
        try:
            head = json.loads(lines[0])
            if head["params"] == digest:
                self.training, self.resumed = head["training"], True
                for line in lines[1:]:
                    self.entries.append(Entry(**json.loads(line)))
        except (IndexError, KeyError, TypeError, ValueError):
            pass
        self._head = {"training": self.training, "params": digest}

    def before(self, step: int) -> list[Entry]:
        return [entry for entry in self.entries if entry.step < step]

    def open(self, entries: Sequence[Entry]) -> None:
        lines = [json.dumps(self._head), *(json.dumps(entry._asdict()) for entry in entries)]
        atomic.write_text(self._path, "".join(line + "\n" for line in lines))
        self._file = self._path.open("a")

    def append(self, entry: Entry) -> None:
        assert self._file is not None
        self._file.write(json.dumps(entry._asdict()) + "\n")
        self._file.flush()

    def close(self, keep: bool) -> None:
        if self._file is not None:
            self._file.close()
        if not keep:
            self._path.unlink(missing_ok=True)


class _EventFile:
    """One TensorBoard event file of scalars."""

    def __init__(self, folder: Path) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.summary.writer.record_writer import RecordWriter

        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("events.out.tfevents.*"):
            old.unlink()
        now = time.time()
        name = f"events.out.tfevents.{int(now):010d}.{socket.gethostname()}.{os.getpid()}.0"
        self._writer = RecordWriter((folder / name).open("wb"))
        self._event = Event
        self._write(Event(wall_time=now, file_version="brain.Event:2"))

    def write(self, entry: Entry) -> None:
        event = self._event(wall_time=entry.time, step=entry.step)
        for name, value in entry.metrics.items():
            event.summary.value.add(tag=name, simple_value=value)
        self._write(event)

    def _write(self, event: Any) -> None:
        self._writer.write(event.SerializeToString())
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()


class _MlflowRun:
    """An MLflow run, found again by the id of its training; after the first failure, nothing more is sent."""

    def __init__(self, variant: str, training: str, params: Mapping[str, Any], resumed: bool) -> None:
        self._uri = mlflow_store.tracking_uri()
        self._pending: list[Entry] = []
        self._sent = -math.inf
        self._new = True
        self._alive = True
        with self._attempt():
            from mlflow.entities import Param

            self._client = mlflow_store.connect(self._uri)
            experiment = mlflow_store.experiment(self._client, variant)
            if resumed:
                found = self._client.search_runs([experiment], f"tags.training = '{training}'", max_results=1)
                if found:
                    self._run, self._new = found[0].info.run_id, False
                    self._client.update_run(self._run, status="RUNNING")
                    return
            tags = {"variant": variant, "training": training}
            self._run = self._client.create_run(experiment, tags=tags, run_name="train").info.run_id
            parameters = [Param(name, value) for name, value in mlflow_store.flat(params).items()]
            for start in range(0, len(parameters), 100):
                self._client.log_batch(self._run, params=parameters[start : start + 100])

    def begin(self, entries: Sequence[Entry]) -> None:
        """Send the journal's entries, unless the run already has them from the killed process."""
        if self._new and self._alive:
            self._pending.extend(entries)

    def log(self, entry: Entry) -> None:
        if not self._alive:
            return
        self._pending.append(entry)
        if time.monotonic() - self._sent >= SENDING_INTERVAL:
            self._send()

    def chosen(self, values: Mapping[str, int]) -> None:
        if not self._alive:
            return
        with self._attempt():
            from mlflow.entities import Param

            parameters = [Param(f"chosen.{name}", str(value)) for name, value in values.items()]
            self._client.log_batch(self._run, params=parameters)

    def end(self, status: str) -> None:
        self._send()
        if self._alive:
            with self._attempt():
                self._client.set_terminated(self._run, status)

    def _send(self) -> None:
        if not self._alive:
            return
        with self._attempt():
            from mlflow.entities import Metric

            metrics = [
                Metric(name, value, int(entry.time * 1000), entry.step)
                for entry in self._pending
                for name, value in entry.metrics.items()
            ]
            for start in range(0, len(metrics), 1000):
                self._client.log_batch(self._run, metrics=metrics[start : start + 1000])
        self._pending = []
        self._sent = time.monotonic()

    @contextmanager
    def _attempt(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self._alive = False
            self._pending = []
            logger.warning(
                "MLflow at %s cannot be used (%s): this training goes on without it; "
                "%s (if unset, runs go to sqlite:///%s).",
                mlflow_store.shown(self._uri),
                mlflow_store.reason(error),
                mlflow_store.remedy(error),
                mlflow_store.DATABASE,
            )
