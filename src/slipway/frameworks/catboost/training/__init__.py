"""Gradient boosting of symmetric trees with CatBoost (Prokhorenkova et al., 2018), watched on the validation split.

In: packed splits of float32 features (NaN allowed). Out: a folder with `model.cbm`, the trees up to the best
iteration on the validation split. Training is saved every few seconds, and one that was killed continues from there.
Equal inputs give equal bytes, killed in between or not: what CatBoost records of the clock, the process and the
folders is replaced by constants.
"""

import hashlib
import json
import shutil
from collections.abc import Callable
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

SAID = 10
"""Every so many reports a line is printed."""
_SNAPSHOT = "snapshot.cbsnapshot"
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
        objective: what the task asks of the trees.
        track: called every `config.log_every` iterations with `train/loss` and `val/loss`.
        checkpoints: where an interrupted training is kept; one of other data or parameters is thrown away.
        start: a native model's file, whose trees come first and stay as they are.

    Raises:
        ConfigError: the configuration does not fit the inputs.
        DataError: weights are not positive.
        ModelError: CatBoost could not train, or `start` does not fit the inputs.
    """
    asked = objective(spec, config)
    pools = [_pool(split, spec, asked) for split in (train, val)]
    values = _parameters(model, config, seed) | asked.parameters()
    begun = None if start is None else _begun(start, spec)
    _keep_matching(checkpoints, _key(values, pools, start))
    booster = CatBoost({**values, "train_dir": str(checkpoints), "snapshot_file": _SNAPSHOT})
    try:
        with _Progress(track, config, asked.loss, model.iterations) as progress:
            booster.fit(pools[0], eval_set=pools[1], init_model=begun, callbacks=[progress], log_cout=_Silence())
    except CatBoostError as error:
        raise ModelError(f"CatBoost could not train: {error}")
    asked.finish(booster, val)
    _timeless(booster)
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


def _pool(split: PackedSplit, spec: Spec, objective: Objective) -> Pool:
    inputs = split.gather(np.arange(len(split)))
    return Pool(
        inputs,
        split.targets,
        weight=objective.weights(split, inputs),
        feature_names=list(spec["input"]["names"]),
    )


def _begun(start: Path, spec: Spec) -> CatBoost:
    booster = CatBoost()
    try:
        booster.load_model(str(start))
    except CatBoostError as error:
        raise ModelError(f"{start}: no CatBoost model to start from ({error})")
    if booster.feature_names_ != spec["input"]["names"]:
        raise ModelError(f"{start}: made for other features; start from a model of the same inputs")
    return booster


def _key(values: dict[str, Any], pools: list[Pool], start: Path | None) -> str:
    """What a saved training belongs to: its parameters, its data and the trees that it started from."""
    digest = hashlib.sha256(json.dumps(values, sort_keys=True).encode())
    for pool in pools:
        for array in (pool.get_features(), pool.get_label(), pool.get_weight()):
            digest.update(np.ascontiguousarray(array).tobytes())
    if start is not None:
        digest.update(start.read_bytes())
    return digest.hexdigest()


def _keep_matching(checkpoints: Path, key: str) -> None:
    """Leave the folder as it is if it belongs to `key`, else begin it anew."""
    owner = checkpoints / "key"
    if not owner.exists() or owner.read_text() != key:
        shutil.rmtree(checkpoints, ignore_errors=True)
        checkpoints.mkdir(parents=True)
        owner.write_text(key)


class _Progress:
    """CatBoost's callback: passes on the losses every few iterations, and shows how far it is."""

    def __init__(
        self, track: Callable[[int, dict[str, float]], None], config: Train, loss: str, iterations: int
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
        if info.iteration % self._every == 0:
            losses: dict[str, float] = {}
            for name, part in (("train", "learn"), ("val", "validation")):
                metrics = info.metrics.get(part, {})
                losses |= {f"{name}/loss": values[-1] for metric, values in metrics.items() if self._loss in metric}
            self._track(info.iteration, losses)
            if info.iteration % (SAID * self._every) == 0:
                line = "  ".join(f"{name} {value:.4g}" for name, value in losses.items())
                self._console.print(f"iteration {info.iteration}/{self._iterations}  {line}", highlight=False)
        return True


class _Silence:
    """A stream for what CatBoost would print."""

    def write(self, text: str) -> None: ...


def _timeless(booster: CatBoost) -> None:
    """Replace what CatBoost records of the clock, the process and the folders."""
    metadata = booster.get_metadata()
    metadata["train_finish_time"] = _NO_TIME
    metadata["model_guid"] = _NO_GUID
    options = json.loads(metadata["output_options"])
    metadata["output_options"] = json.dumps({**options, "train_dir": ""}, sort_keys=True)
    parameters = json.loads(metadata["params"])
    parameters["flat_params"]["train_dir"] = ""
    metadata["params"] = json.dumps(parameters, sort_keys=True)
