"""Experiments from Python, in a process that answers requests without `slipway serve`.

    experiments = Experiments()
    choice = experiments.get_model_for_request("night-games", unit="device-17")
    version = "v1.0.0" if choice is None else choice.version
    ...
    if choice is not None:
        experiments.record_result(choice, inference_time=0.004, outcomes={"satisfaction": 1})

The working folder is the repository, and the logs are those of the command line and the server.
"""

import contextlib
import os
import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from slipway.core.errors import ConfigError
from slipway.ensembles import standing
from slipway.experiments import analysis, bandit, ending, evidence, history
from slipway.experiments.analysis import Analysis
from slipway.experiments.definition import BUILT_IN, Experiment
from slipway.experiments.evidence import Evidence
from slipway.experiments.history import Event, Run
from slipway.experiments.observations import FAILED, UNKNOWN, Observations, observe
from slipway.registry import state
from slipway.state import restraints
from slipway.state.store import FILE, StateError, Store, default
from slipway.traffic import reading
from slipway.traffic.log import Log
from slipway.traffic.records import OUTCOMES, PREDICTIONS, Outcome, Prediction
from slipway.traffic.units import Units

LOGS = Path("logs/traffic")
POLL = 5.0
"""Seconds after which the tags and the state store are read again."""


@dataclass(frozen=True)
class Choice:
    """The version that answers a request of an experiment.

    `unit` is the name of the unit in the logs, `share` the part of the units that get this arm.
    """

    experiment: str
    model: str
    version: str
    arm: str
    request_id: str
    unit: str
    share: float


class Experiments:
    """The experiments of the repository in the working folder. It may be used by several threads.

    Args:
        logs: the folder of the logs.
        address: the state store; by default the one in the folder of the logs, if a server made one.

    Raises:
        ConfigError: the address is malformed, or the salt in the folder is damaged.
    """

    def __init__(self, logs: Path = LOGS, address: str | None = None) -> None:
        self._logs = logs
        self._units = Units(logs)
        there = address if address is not None or not (logs / FILE).exists() else default(logs)
        self._store = None if there is None else Store(there)
        self._predictions = Log(logs, PREDICTIONS, os.getpid())
        self._outcomes = Log(logs, OUTCOMES, os.getpid())
        self._lock = threading.Lock()
        self._known: frozenset[str] = frozenset()
        self._running: dict[str, Experiment] = {}
        self._held: frozenset[str] = frozenset()
        self._read = -POLL

    def get_model_for_request(self, experiment_id: str, unit: str) -> Choice | None:
        """Return the version that answers a request, once the exposure is in the log.

        Args:
            experiment_id: the experiment.
            unit: who asks, such as a user or a device; in an experiment whose unit is the request, the request.

        Returns:
            None if production answers: the unit takes no part, the experiment is over or held down, or the log cannot
            be written.

        Raises:
            ConfigError: the experiment is a bandit.
            RegistryError: the experiment was never started, or Git cannot be read.
        """
        with self._lock:
            if time.monotonic() - self._read >= POLL:
                self._refresh()
            experiment = self._running.get(experiment_id)
            if experiment is None:
                if experiment_id not in self._known:
                    history.known(experiment_id)  # which says so
                return None
            if experiment.definition.bandit is not None:
                raise ConfigError(f"{experiment_id} is a bandit: only `slipway serve` knows the arms of its units")
            arm = None if experiment.subject in self._held else experiment.assignment.arm(unit)
            if arm is None:
                return None
            of = experiment.definition
            request = unit if of.unit == "request" else secrets.token_hex(12)
            choice = Choice(
                experiment_id, of.model, of.arms[arm], arm, request, self._units.name(unit), experiment.shares[arm]
            )
            return choice if self._predictions.write(_record(choice, UNKNOWN)) else None

    def record_result(
        self,
        choice: Choice,
        *,
        failed: bool = False,
        inference_time: float | None = None,
        predictions: Sequence[Any] | None = None,
        outcomes: Mapping[str, float] | None = None,
    ) -> None:
        """Say what came of a request: once when it was answered, and later for what is known later.

        Args:
            choice: what `get_model_for_request` returned.
            failed: whether it was not answered.
            inference_time: seconds in the model.
            predictions: in the form of `Predictor.predict`, from which the confidence follows.
            outcomes: metrics of the request by name; of several values of one the last counts.

        Raises:
            ConfigError: an outcome has the name of a metric that is measured.
            OSError: the log cannot be written.
        """
        if taken := sorted((outcomes or {}).keys() & set(BUILT_IN)):
            raise ConfigError(f"{', '.join(taken)}: give what is measured as failed, inference_time and predictions")
        with self._lock:
            written = True
            if failed or inference_time is not None or predictions is not None:
                listed = None if predictions is None else list(predictions)
                record = _record(choice, FAILED if failed else 200, inference_time, listed)
                written = self._predictions.write(record)
            for metric, value in (outcomes or {}).items():
                outcome = Outcome(datetime.now(UTC), metric, float(value), choice.request_id, None, None)
                written = self._outcomes.write(outcome) and written
        if not written:
            raise OSError(f"{self._logs}: the log cannot be written")

    def start(self, name: str, reason: str | None = None, *, push: bool = False) -> Event:
        """Start an experiment, or widen its share: `slipway experiment start`. Raises as `history.start`."""
        self._read = -POLL
        return history.start(name, reason, push=push)

    def stop(self, name: str, reason: str, *, push: bool = False) -> Event:
        """Stop an experiment, with its counts and verdict in the tag. Raises as `analyze` and `history.stop`."""
        counted, found = self.analyze(name)
        self._read = -POLL
        return history.stop(name, reason, ending.text(found.verdict.outcome, counted), push=push)

    def analyze(self, name: str) -> tuple[Evidence, Analysis]:
        """Return what was counted so far, and the verdict that follows; also the status. Raises as `analysed`."""
        return analysed(name, self._logs)[2:]

    def _refresh(self) -> None:
        runs, variants = history.read(), state.read()
        self._known = frozenset(runs)
        self._running = {one.id: one for one in history.running(runs, variants, standing.here(variants))[0]}
        self._read = time.monotonic()
        if self._store is not None:
            with contextlib.suppress(StateError):  # what was held down stays so
                self._held = frozenset(restraints.read(self._store))


def _record(
    choice: Choice, status: int, inference_time: float | None = None, predictions: list[Any] | None = None
) -> Prediction:
    return Prediction(
        time=datetime.now(UTC),
        request_id=choice.request_id,
        model=choice.model,
        model_version=choice.version,
        unit=choice.unit,
        status=status,
        problem=None,
        examples=None if predictions is None else len(predictions),
        seconds=inference_time or 0.0,
        inference_time=inference_time,
        predictions=predictions,
        experiment=choice.experiment,
        arm=choice.arm,
        share=choice.share,
    )


def observed(name: str, logs: Path) -> tuple[Run, Experiment, Observations]:
    """Return the run of an experiment, what it compares, and what its units did until now or until it was stopped.

    Raises:
        RegistryError: it was not started, or Git cannot be read.
        ConfigError: there is no such folder.
    """
    run = history.known(name)
    if not logs.is_dir():
        raise ConfigError(f"{logs}: no such folder; give --logs the folder of `slipway serve --log`")
    experiment, _ = history.defined(run)
    found = observe(experiment.definition, reading.exposures(logs, name), reading.outcomes(logs), _until(run))
    return run, experiment, found


def analysed(name: str, logs: Path) -> tuple[Run, Experiment, Evidence, Analysis]:
    """Return the same with what was counted and its verdict. Raises as `observed`."""
    run, experiment, found = observed(name, logs)
    updates = bandit.read(logs, experiment)
    counted = evidence.count(experiment.definition, found, run.starts[0].time, _until(run), updates)
    return run, experiment, counted, analysis.analyse(experiment.definition, counted)


def _until(run: Run) -> datetime:
    return datetime.now(UTC) if run.stop is None else run.stop.time
