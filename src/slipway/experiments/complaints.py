"""What is wrong with the experiments that run, and what to do about it: for `slipway doctor`."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

from slipway.ensembles import standing
from slipway.experiments import history, stopping
from slipway.experiments.definition import AGREEMENT, LOGGED, Experiment
from slipway.experiments.history import Run
from slipway.registry import state
from slipway.state.store import FILE, StateError, Store, default
from slipway.traffic import reading

PATIENCE = 300.0
"""Seconds that a server may take for the tag of a stop."""


def complaints(logs: Path, now: datetime) -> Iterator[tuple[str, str]]:
    """Yield what is wrong, and what to do.

    Args:
        logs: the folder of the logs of `slipway serve`; it need not be there.
        now: the time.

    Raises:
        RegistryError: Git cannot be read.
    """
    runs = history.read()
    variants = state.read()
    found, problems = history.running(runs, variants, standing.here(variants))
    for problem in problems:
        yield (
            problem,
            "git log -- experiments, then correct the file, commit it and start the experiment again, or stop it",
        )
    for experiment in found:
        days = (now - runs[experiment.id].starts[0].time).total_seconds() / 86_400
        if days > (most := experiment.definition.maximum_days):
            analyze, stop = (f"slipway experiment {verb} {experiment.id}" for verb in ("analyze", "stop"))
            what = f"the experiment {experiment.id} has run for {days:.0f} days, and its maximum is {most:g}"
            yield what, f"{analyze}, then {stop} --reason '...'"
        yield from _unreported(experiment, logs)
    yield from _unstopped(logs, runs, now)


def _unstopped(logs: Path, runs: Mapping[str, Run], now: datetime) -> Iterator[tuple[str, str]]:
    """Experiments that a server holds down, and whose stop has no tag; only the state store in the logs is known."""
    if not (logs / FILE).exists():
        return
    store = Store(default(logs))
    try:
        for one in stopping.without_tag(store, runs, now.timestamp() - PATIENCE):
            yield f"{one.subject} takes no units, and no tag says so: {one.why}", "slipway experiment enforce"
    except StateError as error:
        yield f"the state store cannot be read: {error}", "slipway serve brings its tables up to date"
    finally:
        store.close()


def _unreported(experiment: Experiment, logs: Path) -> Iterator[tuple[str, str]]:
    """Metrics that nobody reports, although units were exposed."""
    exposures = len(reading.exposures(logs, experiment.id))
    reported = set(reading.outcomes(logs)["metric"]) if exposures else set()
    missing = [name for name in experiment.definition.metrics if name not in LOGGED and name not in reported]
    if exposures and missing:
        count = f"{exposures:,} exposure{'s' * (exposures != 1)}"
        what = f"the experiment {experiment.id} has {count} and no outcomes of {', '.join(missing)}"
        by_itself = missing == [AGREEMENT]
        hint = "`slipway serve --shadow 10` writes them" if by_itself else "send them to POST /api/v1/outcomes"
        yield what, f"{hint} (docs/experiments.md)"
