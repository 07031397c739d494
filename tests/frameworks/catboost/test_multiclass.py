"""Several classes with trees: class weights, calibration inside the model, and equal outputs from TFLite."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import log_softmax, softmax

from frameworks.catboost import fitting
from slipway.core.errors import ConfigError, ModelError
from slipway.data.shards import PackedSplit, ShardWriter
from slipway.frameworks.catboost.conversion import convert
from slipway.frameworks.catboost.objectives.tabular_multiclass import Objective, scaling
from slipway.frameworks.catboost.schema.tabular_multiclass import Train
from slipway_edge.interpreter import Interpreter

SPEC = {
    "objective": "multiclass",
    "input": {"shape": [3], "dtype": "float32", "names": ["a", "b", "c"]},
    "outputs": ["low", "middle", "high", "rare"],
}
ROWS = 3000


def splits(folder: Path, effect: tuple[float, float] = (2.0, 2.0)) -> list[PackedSplit]:
    for seed, name in enumerate(("train", "val")):
        draw = np.random.default_rng(seed)
        inputs = draw.normal(size=(ROWS, 3)).astype(np.float32)
        odds = effect[seed] * np.stack([-inputs[:, 0], 0 * inputs[:, 0], inputs[:, 0], inputs[:, 1]], axis=1)
        odds += [0, 0, 0, -3]
        inputs[draw.random(ROWS) < 0.1, 0] = np.nan
        targets = (softmax(odds, axis=1).cumsum(axis=1) < draw.random((ROWS, 1))).sum(axis=1).clip(0, 3)
        writer = ShardWriter(folder / name)
        writer.append(inputs, targets.astype(np.int64))
        writer.close(pd.DataFrame({"example": np.arange(ROWS)}))
    return [PackedSplit(folder / name) for name in ("train", "val")]


def fitted(folder: Path, effect: tuple[float, float] = (2.0, 2.0), **config: Any) -> tuple[PackedSplit, np.ndarray]:
    train, val = splits(folder, effect)
    return val, fitting.fitted(folder, train, val, SPEC, Objective, Train, **config)


@pytest.mark.parametrize("weights", ["none", "sqrt_balanced", "balanced"])
def test_probabilities_are_calibrated_with_any_weights(tmp_path: Path, weights: str) -> None:
    val, probability = fitted(tmp_path, class_weights=weights)
    assert probability.shape == (ROWS, 4) and probability.dtype == np.float32
    np.testing.assert_allclose(probability.sum(axis=1), 1, rtol=1e-5)
    shares = np.bincount(val.targets, minlength=4) / ROWS
    np.testing.assert_allclose(probability.mean(axis=0), shares, atol=0.004)
    confident = probability.max(axis=1) > 0.8
    right = probability.argmax(axis=1) == val.targets
    assert probability[confident].max(axis=1).mean() == pytest.approx(right[confident].mean(), abs=0.05)
    assert right.mean() > 0.6


def test_tflite_gives_the_calibrated_probabilities(tmp_path: Path) -> None:
    val, probability = fitted(tmp_path, class_weights="balanced")
    inputs = val.gather(np.arange(ROWS))
    shipped = Interpreter(convert(tmp_path / "native", inputs, "float32"))(inputs)
    assert shipped.shape == probability.shape
    np.testing.assert_allclose(shipped, probability, rtol=1e-5, atol=1e-9)


def test_weights_are_by_class_and_average_one(tmp_path: Path) -> None:
    train, _ = splits(tmp_path)
    inputs = train.gather(np.arange(ROWS))

    def weights(given: Any) -> Any:
        return Objective(SPEC, Train(class_weights=given)).weights(train, inputs)

    assert weights("none") is None
    totals = np.bincount(train.targets, weights("balanced"))
    np.testing.assert_allclose(totals, ROWS / 4)
    count, root = np.bincount(train.targets), weights("sqrt_balanced")
    ratio = root[train.targets == 3][0] / root[train.targets == 0][0]
    assert root.mean() == pytest.approx(1) and ratio == pytest.approx(np.sqrt(count[0] / count[3]))


def test_scaling_finds_the_slope_and_the_offsets() -> None:
    draw = np.random.default_rng(0)
    values = draw.normal(size=(100_000, 3))
    odds = 1.7 * values + [0.5, 0, -0.5]
    targets = (softmax(odds, axis=1).cumsum(axis=1) < draw.random((100_000, 1))).sum(axis=1).clip(0, 2)
    slope, offsets = scaling(values, targets)
    assert slope == pytest.approx(1.7, abs=0.05)
    np.testing.assert_allclose(offsets - offsets.mean(), [0.5, 0, -0.5], atol=0.05)


def test_scaling_never_makes_the_log_loss_worse() -> None:
    draw = np.random.default_rng(1)
    values, targets = draw.normal(size=(400, 5)), draw.integers(0, 5, 400)
    slope, offsets = scaling(values, targets)

    def loss(values: np.ndarray) -> float:
        return -float(log_softmax(values, axis=1)[np.arange(400), targets].mean())

    assert loss(slope * values + offsets) <= loss(values) + 1e-3


def test_scaling_is_finite_if_the_classes_are_separable() -> None:
    slope, offsets = scaling(8 * np.eye(3)[np.arange(30) % 3], np.arange(30) % 3)
    assert 0 < slope < 100 and np.isfinite(offsets).all()


def test_features_that_mislead_on_the_validation_split_are_reported(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no better than chance"):
        fitted(tmp_path, effect=(2.0, -2.0), early_stopping_rounds=0)


def test_data_of_another_kind_is_refused() -> None:
    with pytest.raises(ConfigError, match="the data is binary"):
        Objective({**SPEC, "objective": "binary"}, Train())
