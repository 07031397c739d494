"""`slipway folds`: what the folds of a cross-validation, run as DVC experiments, come to together.

A fold is an experiment of the current commit whose parameters have `split.fold`. Experiments that differ in nothing
but the fold are one cross-validation; where a sweep varied other parameters too, there is one for each combination.

The mean over folds has an interval of Student's t with folds - 1 degrees of freedom. Folds share most of their training
examples, so their scores are not independent, the interval is too narrow, and no unbiased estimate of it exists
(Bengio and Grandvalet, "No Unbiased Estimator of the Variance of K-Fold Cross-Validation", JMLR 5, 2004). It tells how
much a score depends on the split; whether one model is better than another is better asked fold by fold.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slipway.core import config
from slipway.core.config import TOP
from slipway.core.errors import ConfigError, DataError
from slipway.statistics.means import student

FOLD, FOLDS = "split.fold", "split.folds"
IN_TOP = frozenset({"seed", "profile"})
"""Parameters of a variant that are set in params.yaml."""


@dataclass(frozen=True)
class Experiment:
    """One experiment: its parameters by dotted key, its metrics, and when it was made (ISO 8601)."""

    name: str
    made: str
    params: Mapping[str, Any]
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class Estimate:
    """One metric over folds: mean and 95 % interval (None with fewer than two values), and the values by fold."""

    metric: str
    mean: float
    low: float | None
    high: float | None
    values: Mapping[int, float]


@dataclass(frozen=True)
class CrossValidation:
    """Folds that differ in nothing else.

    `params`: what tells it from the others, by dotted key; `experiments`: by fold, the latest where there are several;
    `missing`: the folds without one.
    """

    params: Mapping[str, Any]
    folds: int
    experiments: Mapping[int, str]
    missing: tuple[int, ...]
    estimates: tuple[Estimate, ...]


def command(variant: str, folds: int = 5, missing: Sequence[int] = (), params: Mapping[str, Any] | None = None) -> str:
    """What runs the folds of a variant, or those of them that are missing, with other parameters set to `params`."""
    wanted = {FOLDS: folds, FOLD: ",".join(map(str, missing or range(1, folds + 1)))}
    others = {key: json.dumps(value) for key, value in (params or {}).items() if key != FOLDS}
    settings = [
        f"-S '{key}={value}'" if key in IN_TOP else f"-S 'conf/variant/{variant}.yaml:++{key}={value}'"
        for key, value in (wanted | others).items()
    ]
    return f"dvc exp run --queue {' '.join(settings)} evaluate@{variant}\ndvc exp run --run-all"


def read(variant: str) -> tuple[list[CrossValidation], int]:
    """The cross-validations of a variant, and the number of experiments of the commit that failed or are not done.

    Raises:
        ConfigError: there is no such variant.
        DataError: DVC cannot list the experiments, or there is no fold among them.
    """
    known = list(config.top()["all"])
    if variant not in known:
        raise ConfigError(f"{variant}: no such variant in {TOP}; it has {', '.join(known)}")
    done, others = _experiments(variant)
    validations = cross_validations(done)
    if not validations:
        waiting = f" ({others} experiments of any variant failed or are not done: dvc queue status)" if others else ""
        raise DataError(f"{variant}: no experiment of this commit is a fold{waiting}; run\n{command(variant)}")
    return validations, others


def cross_validations(experiments: Sequence[Experiment]) -> list[CrossValidation]:
    """Group the folds among the experiments by all their other parameters."""
    folds = [one for one in experiments if one.params.get(FOLD) is not None and one.metrics]
    keys = sorted({key for one in folds for key in one.params} - {FOLD})
    varied = [key for key in keys if len({json.dumps(one.params.get(key)) for one in folds}) > 1]
    alike: dict[str, dict[int, Experiment]] = {}
    for one in sorted(folds, key=lambda one: (one.made, one.name)):
        which = json.dumps([one.params.get(key) for key in varied])
        alike.setdefault(which, {})[int(one.params[FOLD])] = one
    return [_cross_validation(varied, members) for _, members in sorted(alike.items())]


def estimate(metric: str, values: Mapping[int, float]) -> Estimate:
    """Mean and interval of one metric; without one where a single fold was scored, or all came to the same."""
    mean, interval = student(list(values.values()))
    low, high = interval or (None, None)
    return Estimate(metric, mean, low, high, values)


def _cross_validation(varied: Sequence[str], members: Mapping[int, Experiment]) -> CrossValidation:
    params = next(iter(members.values())).params
    metrics = sorted({metric for one in members.values() for metric in one.metrics})
    of = dict(sorted(members.items()))
    return CrossValidation(
        params={key: params.get(key) for key in varied},
        folds=int(params[FOLDS]),
        experiments={fold: one.name for fold, one in of.items()},
        missing=tuple(sorted(set(range(1, int(params[FOLDS]) + 1)) - set(of))),
        estimates=tuple(
            estimate(metric, {fold: one.metrics[metric] for fold, one in of.items() if metric in one.metrics})
            for metric in metrics
        ),
    )


def _experiments(variant: str) -> tuple[list[Experiment], int]:
    """The experiments of the current commit that are done, and the number of others."""
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "exp", "show", "--json", "--no-pager"], capture_output=True, text=True
    )
    if done.returncode:
        raise DataError(f"dvc exp show: {done.stderr.strip().removeprefix('ERROR: ')}")
    found, others = [], 0
    for commit in json.loads(done.stdout[done.stdout.index("[") :]):
        for experiment in commit["experiments"] or []:
            state = (experiment.get("executor") or {}).get("state", "success")
            data = experiment["revs"][0]["data"]
            if state != "success" or not data or experiment["revs"][0]["error"]:
                others += 1
                continue
            params = _section(data["params"], f"params/{variant}.yaml")
            metrics = _section(data["metrics"], f"reports/{variant}/metrics.json")
            name = experiment["revs"][0]["name"] or experiment["revs"][0]["rev"][:7]
            numbers = {key: float(value) for key, value in metrics.items() if isinstance(value, int | float)}
            found.append(Experiment(name, data["timestamp"] or "", dict(_leaves(params)), numbers))
    return found, others


def _section(files: Mapping[str, Any] | None, path: str) -> dict[str, Any]:
    """What DVC read from one file."""
    section: dict[str, Any] = ((files or {}).get(path) or {}).get("data") or {}
    return section


def _leaves(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Nested values by dotted key."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value
