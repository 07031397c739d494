"""`slipway folds`: a summary of a cross-validation whose folds ran as DVC experiments.

A fold is an experiment on the current commit whose parameters have `split.fold`. Experiments that differ only in the
fold form one cross-validation; if a sweep also varied other parameters, each combination forms one.

The mean over folds has an interval of Student's t with folds - 1 degrees of freedom. Folds share most of their training
examples, so their scores are not independent, the interval is too narrow, and no unbiased estimate of it exists
(Bengio and Grandvalet, "No Unbiased Estimator of the Variance of K-Fold Cross-Validation", JMLR 5, 2004). The interval
shows how much a score depends on the split; to find out whether one model is better than another, compare fold by fold.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slipway.cli.dvc_command import dvc
from slipway.core import config
from slipway.core.config import TOP
from slipway.core.errors import ConfigError, DataError
from slipway.statistics.means import student

FOLD, FOLDS = "split.fold", "split.folds"
IN_TOP = frozenset({"seed", "profile"})
"""Parameters of a variant that are set in params.yaml."""


@dataclass(frozen=True)
class Experiment:
    """One experiment: its parameters by dotted key, its metrics, and when it was created (ISO 8601)."""

    name: str
    made: str
    params: Mapping[str, Any]
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class Estimate:
    """One metric over folds: mean, 95 % interval (None without at least two different values), and values by fold."""

    metric: str
    mean: float
    low: float | None
    high: float | None
    values: Mapping[int, float]


@dataclass(frozen=True)
class CrossValidation:
    """Experiments that differ only in the fold.

    `params`: the parameters in which it differs from the other cross-validations, by dotted key. `experiments`: the
    name of the experiment by fold, the latest if there are several. `missing`: the folds without an experiment.
    """

    params: Mapping[str, Any]
    folds: int
    experiments: Mapping[int, str]
    missing: tuple[int, ...]
    estimates: tuple[Estimate, ...]


def command(variant: str, folds: int = 5, missing: Sequence[int] = (), params: Mapping[str, Any] | None = None) -> str:
    """Return the command that runs all folds of a variant or the `missing` ones; `params` sets other parameters."""
    wanted = {FOLDS: folds, FOLD: ",".join(map(str, missing or range(1, folds + 1)))}
    others = {key: json.dumps(value) for key, value in (params or {}).items() if key != FOLDS}
    settings = [
        f"-S '{key}={value}'" if key in IN_TOP else f"-S 'conf/variant/{variant}.yaml:++{key}={value}'"
        for key, value in (wanted | others).items()
    ]
    return f"dvc exp run --queue {' '.join(settings)} evaluate@{variant}\ndvc exp run --run-all"


def read(variant: str) -> tuple[list[CrossValidation], int]:
    """Return the cross-validations of a variant, and how many experiments of the commit failed or are not finished.

    Raises:
        ConfigError: the variant does not exist.
        DataError: DVC cannot list the experiments, or none of them is a fold.
    """
    known = list(config.top()["all"])
    if variant not in known:
        raise ConfigError(f"{variant}: no such variant in {TOP}; it has {', '.join(known)}")
    done, others = _experiments(variant)
    validations = cross_validations(done)
    if not validations:
        waiting = f" ({others} experiments failed or are not finished: dvc queue status)" if others else ""
        raise DataError(f"{variant}: no experiment of this commit is a fold{waiting}; run\n{command(variant)}")
    return validations, others


def cross_validations(experiments: Sequence[Experiment]) -> list[CrossValidation]:
    """Group the folds among the experiments by all their other parameters."""
    folds = [one for one in experiments if one.params.get(FOLD) is not None and one.metrics]
    keys = sorted({key for one in folds for key in one.params} - {FOLD})
    varied = [key for key in keys if len({json.dumps(one.params.get(key)) for one in folds}) > 1]
    alike: dict[str, dict[int, Experiment]] = {}
    for one in sorted(folds, key=lambda one: (one.made, one.name)):
        combination = json.dumps([one.params.get(key) for key in varied])
        alike.setdefault(combination, {})[int(one.params[FOLD])] = one
    return [_cross_validation(varied, members) for _, members in sorted(alike.items())]


def estimate(metric: str, values: Mapping[int, float]) -> Estimate:
    """Return mean and interval of one metric; there is no interval for a single fold or for equal values."""
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
    """Return the finished experiments of the current commit, and the number of the others."""
    shown = dvc("exp", "show", "--json", "--no-pager")
    found, others = [], 0
    for commit in json.loads(shown[shown.index("[") :]):
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
    """Return what DVC read from one file."""
    section: dict[str, Any] = ((files or {}).get(path) or {}).get("data") or {}
    return section


def _leaves(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Flatten nested values: yield each with its dotted key."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value
