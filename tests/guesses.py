"""Models of the default variants that guess: simulated raw data, targets with noise as predictions, and no training."""

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from catboost import CatBoost

from conftest import ROOT
from slipway import tasks
from slipway.core.protocol import Task
from slipway.data.shards import ShardWriter
from slipway.frameworks.catboost.native import FILE, load
from slipway.gate.contributions import Scored
from slipway.gate.result import Result
from slipway.release.breakdowns import measured
from slipway.release.explanations import Explainer, explainer
from slipway.release.figures import Curves
from slipway.release.mistakes import gallery_of, mistakes
from slipway.release.report import Entry

SMALL: Mapping[str, tuple[str, dict[str, Any]]] = {
    "base-ad-detector": ("tv", {"channels": 3, "frames": 60}),
    "wildlife-detector": ("wildlife", {"clips": 24}),
    "handball-ball": ("sport", {"groups": 4, "per_group": 6}),
    "handball-pose": ("sport", {"groups": 4, "per_group": 3}),
    "handball-context": ("fouls", {"matches": 120, "hand": 0.2}),
    "demand-predictor": ("demand", {"places": 3, "days": 40}),
}
"""The simulator of each variant, and its settings for a small world."""

TABLES = ("handball-context", "demand-predictor")


def params(variant: str) -> dict[str, Any]:
    """Return the composed parameters of a variant."""
    values: dict[str, Any] = yaml.safe_load((ROOT / "params" / f"{variant}.yaml").read_text())
    return values


def simulate(variant: str, raw: Path) -> None:
    """Write a small world of the variant as raw data."""
    simulator, small = SMALL[variant]
    module = importlib.import_module(f"slipway.simulators.{simulator}")
    module.simulate(module.World(**params(variant)["simulate"] | small), 7, raw)


def scored(variant: str, raw: Path) -> Scored:
    """Return the variant with predictions that are right about as often as a fair model's."""
    task, spec, examples, _, targets = _encoded(variant, raw)
    return Scored(task, spec, examples, targets, _guessed(targets, examples, spec))


def trees(variant: str, raw: Path, folder: Path) -> tuple[Scored, Explainer]:
    """Return a variant of tables with the predictions of a few trees, and what explains them; both are in `folder`."""
    task, spec, examples, inputs, targets = _encoded(variant, raw)
    native, test = folder / "native", folder / "test"
    loss = {"binary": "Logloss", "multiclass": "MultiClass"}.get(spec["objective"], "RMSE")
    booster = CatBoost(
        {"loss_function": loss, "iterations": 12, "depth": 3, "random_seed": 1, "allow_writing_files": False}
    )
    booster.fit(inputs, targets, verbose=False)
    native.mkdir(parents=True)
    booster.save_model(str(native / FILE))
    writer = ShardWriter(test)
    writer.append(inputs, targets)
    writer.close(examples)
    guess = Scored(task, spec, examples, targets, task.postprocess(load(native)(inputs), inputs, spec))
    found = explainer(guess, "catboost", gallery_of(params(variant)["task"]), native, test)
    assert found is not None
    return guess, found


def _encoded(variant: str, raw: Path) -> tuple[Task, dict[str, Any], pd.DataFrame, np.ndarray, np.ndarray]:
    """Return task, spec, examples, inputs and targets: of an example with several inputs, the first."""
    values = params(variant)
    task = tasks.load(values["task"], values["data"])
    examples = task.index(raw).examples
    spec = {**task.specify(raw, examples), "threshold": 0.5}
    batches = list(task.encode(raw, examples, spec))
    rows, first = np.unique(np.concatenate([batch.rows for batch in batches]), return_index=True)
    inputs, targets = (np.concatenate([getattr(one, name) for one in batches])[first] for name in ("inputs", "targets"))
    return task, spec, examples.iloc[rows].reset_index(drop=True), inputs, targets


def _guessed(targets: np.ndarray, examples: pd.DataFrame, spec: Mapping[str, Any]) -> np.ndarray:
    random = np.random.default_rng(1)
    if targets.ndim == 3 and targets.shape[2] == 4:  # boxes: each with a score, a little off, and one that is not there
        score = np.where(np.isnan(targets[..., :1]), 0, random.random((*targets.shape[:2], 1)))
        found = np.concatenate([np.nan_to_num(targets) + random.normal(0, 0.004, targets.shape), score], axis=2)
        found[:, -1] = [[0.5, 0.5, 0.1, 0.1, one] for one in random.random(len(targets))]
        return found.astype(np.float32)
    if targets.ndim == 3:  # keypoints
        moved = targets[..., :2] + random.normal(0, 0.04, targets[..., :2].shape)
        return np.concatenate([moved, np.ones((*targets.shape[:2], 1))], axis=2).astype(np.float32)
    if targets.dtype.kind == "f":
        label = examples["label"].to_numpy(np.float64)
        return (label * random.normal(1, 0.2, len(label)))[:, None].astype(np.float32)
    if len(spec["outputs"]) == 1:
        return (0.7 * random.random(len(targets)) + 0.3 * targets)[:, None].astype(np.float32)
    logits = random.normal(size=(len(targets), len(spec["outputs"])))
    logits[np.arange(len(targets)), targets] += 1.5
    probabilities: np.ndarray = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return probabilities.astype(np.float32)


def entries(judged: Result, folder: Path) -> Iterator[Entry]:
    """Yield the report's entry of each variant, with the rules of `judged`."""
    assert judged.record is not None
    for variant in SMALL:
        simulate(variant, folder / variant)
        explains = None
        if variant in TABLES:
            guess, explains = trees(variant, folder / variant, folder / f"{variant}-model")
        else:
            guess = scored(variant, folder / variant)
        metrics = {name: {"value": value} for name, value in guess.score().items()}
        yield Entry(
            replace(
                judged,
                variant=variant,
                old=None,
                new=None,
                comparison=None,
                record=judged.record.model_copy(update={"metrics": metrics}),
            ),
            scored=guess,
            curves=Curves(
                "epoch", {"loss": pd.DataFrame({"step": [1, 2, 3], "train": [3, 2, 1.5], "val": [3, 2.5, 2.4]})}
            ),
            importance={"x": 70.0, "y": 30.0},
            explainer=explains,
            measured=measured(guess, least=2, resamples=40, confidence=0.95, seed=0),
            mistakes=mistakes(guess, params(variant)["task"], folder / variant, explainer=explains),
        )
