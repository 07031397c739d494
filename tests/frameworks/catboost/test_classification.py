"""Binary classification with trees: class weights, calibration inside the model, and equal outputs from TFLite."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from frameworks.catboost import fitting
from slipway.core.errors import ConfigError, ModelError
from slipway.data.shards import PackedSplit, ShardWriter
from slipway.frameworks.catboost.conversion import convert
from slipway.frameworks.catboost.objectives.tabular_classification import Objective, platt
from slipway.frameworks.catboost.schema.tabular_classification import Train
from slipway_edge.interpreter import Interpreter

SPEC = {
    "objective": "binary",
    "input": {"shape": [3], "dtype": "float32", "names": ["a", "b", "c"]},
    "outputs": ["hit"],
}
ROWS = 3000


def splits(folder: Path, effect: tuple[float, float] = (2.5, 2.5)) -> list[PackedSplit]:
    """Train and val with few positives; `effect` is the effect of the feature `a` on the log-odds in each split."""
    for seed, name in enumerate(("train", "val")):
        draw = np.random.default_rng(seed)
        inputs = draw.normal(size=(ROWS, 3)).astype(np.float32)
        odds = effect[seed] * (inputs[:, 0] + (inputs[:, 1] > 1)) - 3 - abs(effect[seed])
        inputs[draw.random(ROWS) < 0.1, 0] = np.nan
        writer = ShardWriter(folder / name)
        writer.append(inputs, (draw.random(ROWS) < 1 / (1 + np.exp(-odds))).astype(np.int64))
        writer.close(pd.DataFrame({"example": np.arange(ROWS)}))
    return [PackedSplit(folder / name) for name in ("train", "val")]


def fitted(folder: Path, effect: tuple[float, float] = (2.5, 2.5), **config: Any) -> tuple[PackedSplit, np.ndarray]:
    """The validation split, and the probabilities that a model fitted in the same folder gives for it."""
    train, val = splits(folder, effect)
    return val, fitting.fitted(folder, train, val, SPEC, Objective, Train, **config)


@pytest.mark.parametrize("weights", ["none", "sqrt_balanced", "balanced", 30.0])
def test_probabilities_are_calibrated_with_any_weights(tmp_path: Path, weights: Any) -> None:
    val, probability = fitted(tmp_path, class_weights=weights)
    assert probability.shape == (ROWS, 1) and probability.dtype == np.float32
    assert probability.mean() == pytest.approx(val.targets.mean(), abs=0.003)
    high = probability[:, 0] > 0.3
    assert probability[high].mean() == pytest.approx(val.targets[high].mean(), abs=0.1)
    assert probability[val.targets == 1].mean() > 5 * probability[val.targets == 0].mean()


def test_tflite_gives_the_calibrated_probability(tmp_path: Path) -> None:
    val, probability = fitted(tmp_path, class_weights="balanced")
    inputs = val.gather(np.arange(ROWS))
    shipped = Interpreter(convert(tmp_path / "native", inputs, "float32"))(inputs)
    assert shipped.shape == probability.shape
    np.testing.assert_allclose(shipped, probability, rtol=1e-5, atol=1e-9)


def test_weights_are_by_class(tmp_path: Path) -> None:
    train, _ = splits(tmp_path)
    inputs = train.gather(np.arange(ROWS))
    positive, share = train.targets == 1, train.targets.mean()

    def weights(given: Any) -> Any:
        return Objective(SPEC, Train(class_weights=given)).weights(train, inputs)

    assert weights("none") is None
    assert weights("balanced")[positive].sum() == pytest.approx(weights("balanced")[~positive].sum())
    root = weights("sqrt_balanced")
    assert root[positive][0] / root[~positive][0] == pytest.approx(np.sqrt((1 - share) / share))
    assert set(weights(12)[positive]) == {12.0} and set(weights(12)[~positive]) == {1.0}


@pytest.mark.parametrize("given", ["often", 0, -1.0])
def test_weights_that_are_none_are_refused(given: Any) -> None:
    with pytest.raises(ValidationError):
        Train(class_weights=given)


def test_platt_finds_the_slope_and_the_offset() -> None:
    draw = np.random.default_rng(0)
    values = draw.normal(size=200_000)
    positive = draw.random(200_000) < 1 / (1 + np.exp(-(1.7 * values - 2)))
    assert platt(values, positive) == pytest.approx((1.7, -2), abs=0.05)


def test_platt_is_finite_if_the_classes_are_separable() -> None:
    slope, offset = platt(np.arange(20.0), np.arange(20) >= 10)
    assert 0 < slope < 100 and np.isfinite(offset)


def test_features_that_mislead_on_the_validation_split_are_reported(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no better than chance"):
        fitted(tmp_path, effect=(2.5, -2.5), early_stopping_rounds=0)


def test_data_of_another_kind_is_refused() -> None:
    with pytest.raises(ConfigError, match="the data is regression"):
        Objective({**SPEC, "objective": "regression"}, Train())
