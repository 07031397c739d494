"""Gradient boosting of symmetric trees with CatBoost (Prokhorenkova et al., 2018), monitored on the validation split.

Input: packed splits of float32 features (NaN allowed). Output: a folder with `model.cbm`, the trees up to the best
iteration on the validation split; with `refit`, as many trees of both splits. Training saves a snapshot every few
seconds, and a killed training resumes from it. Equal inputs give equal bytes, with or without an interruption:
constants replace the times, process ids and folders that CatBoost records.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from catboost import CatBoost, CatBoostError, Pool
from rich.progress import Progress

from slipway.core import atomic
from slipway.core.errors import ModelError
from slipway.core.spec import Spec
from slipway.core.terminal import Console
from slipway.data.shards import PackedSplit
from slipway.frameworks.catboost.native import FILE
from slipway.frameworks.catboost.schema import Model, Train
from slipway.frameworks.catboost.training.objective import Objective

REPORTS_PER_LINE = 10
"""One line is printed for this many reports."""
_SNAPSHOT, _REFIT = "snapshot.cbsnapshot", "refit"
_NO_TIME, _NO_GUID = "1970-01-01T00:00:00Z", "0-0-0-0"


def fit(
    train: PackedSplit,
    val: PackedSplit,
    spec: Spec,
    objective: type[Objective],
    model: Model,
    config: Train,
    *,
    seed: int,
    out: Path,
    checkpoints: Path,
    start: Path | None,
    track: Callable[[int, dict[str, float]], None],
) -> None:
    """Grow trees on `train` and write the native model into the new folder `out`.

    Args:
        objective: the training objective of the task.
        track: called every `config.log_every` iterations with `train/loss` and `val/loss`.
        checkpoints: the folder for the state of an interrupted training; state for other data or parameters is deleted.
        start: the file of a native model, whose trees come first and stay as they are.

    Raises:
        ConfigError: the configuration does not fit the inputs.
        DataError: weights are not positive.
        ModelError: CatBoost could not train, or `start` does not fit the inputs.
    """
    task_objective = objective(spec, config)
    pools = [_pool([split], spec, task_objective) for split in (train, val)]
    values = _parameters(model, config, seed) | task_objective.parameters()
    initial = None if start is None else _load_start(start, spec)
    _keep_matching(checkpoints, _key(values, pools, start))
    with _Progress(track, config, task_objective.loss, model.iterations) as progress:
        booster = _grow(values, checkpoints, pools[0], pools[1], initial, progress)
    before = booster.get_scale_and_bias()
    task_objective.finish(booster, val)
    if task_objective.refit:
        trees = booster.tree_count_ - (0 if initial is None else initial.tree_count_)
        both = _pool([train, val], spec, task_objective)
        with _Progress(None, config, task_objective.loss, trees) as progress:
            again = _grow(_of_length(values, trees), checkpoints / _REFIT, both, None, initial, progress)
        booster = _finished_like(booster, before, again)
    _normalize_metadata(booster)
    with atomic.folder(out) as folder:
        booster.save_model(str(folder / FILE), format="cbm")
    shutil.rmtree(checkpoints)


def _parameters(model: Model, config: Train, seed: int) -> dict[str, Any]:
    stop = config.early_stopping_rounds
    values: dict[str, Any] = {
        "iterations": model.iterations,
        "depth": model.depth,
        "border_count": model.borders,
        "grow_policy": "SymmetricTree",
        "boosting_type": "Plain",
        "learning_rate": config.learning_rate,
        "l2_leaf_reg": config.l2,
        "rsm": config.feature_share,
        "random_seed": seed,
        "thread_count": config.threads,
        "use_best_model": stop > 0,
        "save_snapshot": True,
        "snapshot_interval": config.snapshot_seconds,
        "metric_period": 1,
        "logging_level": "Silent",
    }
    if stop > 0:
        values |= {"od_type": "Iter", "od_wait": stop}
    if config.subsample < 1:
        values |= {"bootstrap_type": "Bernoulli", "subsample": config.subsample}
    else:
        values |= {"bootstrap_type": "No"}
    return values


def _grow(
    values: dict[str, Any],
    folder: Path,
    train: Pool,
    val: Pool | None,
    initial: CatBoost | None,
    progress: "_Progress",
) -> CatBoost:
    """Grow trees; the state of an interrupted training is kept in the folder, and training resumes from it."""
    booster = CatBoost({**values, "train_dir": str(folder), "snapshot_file": _SNAPSHOT})
    try:
        booster.fit(train, eval_set=val, init_model=initial, callbacks=[progress], log_cout=_NullStream())
    except CatBoostError as error:
        raise ModelError(f"CatBoost could not train: {error}")
    return booster


def _of_length(values: dict[str, Any], trees: int) -> dict[str, Any]:
    """The parameters with a fixed number of trees, and without early stopping."""
    kept = {name: value for name, value in values.items() if name not in ("od_type", "od_wait")}
    return {**kept, "iterations": max(1, trees), "use_best_model": False}


def _finished_like(first: CatBoost, before: tuple[float, Any], again: CatBoost) -> CatBoost:
    """Apply to the second model how the last step of training changed the scale and bias of the first one."""
    (scale, bias), (old_scale, old_bias), (new_scale, new_bias) = (
        (float(one), np.asarray(other, np.float64))
        for one, other in (first.get_scale_and_bias(), before, again.get_scale_and_bias())
    )
    slope = scale / old_scale
    bias = slope * new_bias + bias - slope * old_bias
    again.set_scale_and_bias(slope * new_scale, bias.tolist())
    return again


def _pool(splits: Sequence[PackedSplit], spec: Spec, objective: Objective) -> Pool:
    """The rows of splits, one after the other."""
    inputs = [split.gather(np.arange(len(split))) for split in splits]
    weights = [objective.weights(split, rows) for split, rows in zip(splits, inputs, strict=True)]
    known = [one for one in weights if one is not None]
    return Pool(
        np.concatenate(inputs),
        np.concatenate([split.targets for split in splits]),
        weight=np.concatenate(known) if known else None,
        feature_names=list(spec["input"]["names"]),
    )


def _load_start(start: Path, spec: Spec) -> CatBoost:
    booster = CatBoost()
    try:
        booster.load_model(str(start))
    except CatBoostError as error:
        raise ModelError(f"{start}: no CatBoost model to start from ({error})")
    if booster.feature_names_ != spec["input"]["names"]:
        raise ModelError(f"{start}: made for other features; start from a model with the same inputs")
    return booster


def _key(values: dict[str, Any], pools: list[Pool], start: Path | None) -> str:
    """A hash that identifies a saved training: of its parameters, its data and the trees that it started from."""
    digest = hashlib.sha256(json.dumps(values, sort_keys=True).encode())
    for pool in pools:
        for array in (pool.get_features(), pool.get_label(), pool.get_weight()):
            digest.update(np.ascontiguousarray(array).tobytes())
    if start is not None:
        digest.update(start.read_bytes())
    return digest.hexdigest()


def _keep_matching(checkpoints: Path, key: str) -> None:
    """Keep the folder if it belongs to `key`; otherwise empty it."""
    owner = checkpoints / "key"
    if not owner.exists() or owner.read_text() != key:
        shutil.rmtree(checkpoints, ignore_errors=True)
        checkpoints.mkdir(parents=True)
        owner.write_text(key)


class _Progress:
    """A CatBoost callback that shows progress, and reports the losses every few iterations if there is a `track`."""

    def __init__(
        self, track: Callable[[int, dict[str, float]], None] | None, config: Train, loss: str, iterations: int
    ) -> None:
        self._track, self._every, self._loss, self._iterations = track, config.log_every, loss, iterations
        self._console = Console()
        self._bar = Progress(console=self._console, disable=not self._console.is_terminal)
        self._task = self._bar.add_task("training", total=iterations)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    def after_iteration(self, info: Any) -> bool:
        self._bar.update(self._task, completed=info.iteration)
        if self._track is not None and info.iteration % self._every == 0:
            losses: dict[str, float] = {}
            for name, part in (("train", "learn"), ("val", "validation")):
                metrics = info.metrics.get(part, {})
                losses |= {f"{name}/loss": values[-1] for metric, values in metrics.items() if self._loss in metric}
            self._track(info.iteration, losses)
            if info.iteration % (REPORTS_PER_LINE * self._every) == 0:
                line = "  ".join(f"{name} {value:.4g}" for name, value in losses.items())
                self._console.print(f"iteration {info.iteration}/{self._iterations}  {line}", highlight=False)
        return True


class _NullStream:
    """A stream that discards what CatBoost prints."""

    def write(self, text: str) -> None: ...


def _normalize_metadata(booster: CatBoost) -> None:
    """Replace the time, the process id and the folders that CatBoost records by constants."""
    metadata = booster.get_metadata()
    metadata["train_finish_time"] = _NO_TIME
    metadata["model_guid"] = _NO_GUID
    options = json.loads(metadata["output_options"])
    metadata["output_options"] = json.dumps({**options, "train_dir": ""}, sort_keys=True)
    parameters = json.loads(metadata["params"])
    parameters["flat_params"]["train_dir"] = ""
    metadata["params"] = json.dumps(parameters, sort_keys=True)
