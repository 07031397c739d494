"""What is wrong with the experiments that run, and what to do about it: for `slipway doctor`."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from slipway.ensembles import standing
from slipway.experiments import history
from slipway.experiments.definition import AGREEMENT, LOGGED, Experiment
from slipway.registry import state
from slipway.traffic import reading


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
