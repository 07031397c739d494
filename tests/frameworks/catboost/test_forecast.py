"""Forecasts with trees: quantiles whose interval keeps its promise, TFLite that equals CatBoost, and a second fit."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from catboost import CatBoost

from frameworks.catboost import fitting
from slipway.core.errors import ConfigError
from slipway.data.shards import PackedSplit, ShardWriter
from slipway.frameworks.catboost import training
from slipway.frameworks.catboost.conversion import convert
from slipway.frameworks.catboost.native import FILE, load
from slipway.frameworks.catboost.objectives.tabular_regression import Objective
from slipway.frameworks.catboost.schema.tabular_regression import Train
from slipway_edge.interpreter import Interpreter

PLAIN = {
    "objective": "regression",
    "input": {"shape": [3], "dtype": "float32", "names": ["level", "a", "b"]},
    "outputs": ["sales"],
}
QUANTILES = {**PLAIN, "quantiles": [0.1, 0.5, 0.9], "outputs": ["sales 10 %", "sales 50 %", "sales 90 %"]}
ROWS = 2000


def split(folder: Path, seed: int, noise: float = 1.0, drift: float = 0.0) -> PackedSplit:
    """A step function with noise that grows along the last feature."""
    draw = np.random.default_rng(seed)
    inputs = draw.uniform(0, 1, (ROWS, 3)).astype(np.float32)
    inputs[:, 0] += 1
    targets = (inputs[:, 1] > 0.5) * 3 + drift + noise * draw.normal(size=ROWS) * (0.2 + inputs[:, 2])
    writer = ShardWriter(folder / f"split{seed}")
    writer.append(inputs, targets.astype(np.float32))
    writer.close(pd.DataFrame({"example": np.arange(ROWS)}))
    return PackedSplit(folder / f"split{seed}")


def fitted(
    folder: Path, train: PackedSplit, val: PackedSplit, spec: dict[str, Any] = QUANTILES, **own: Any
) -> np.ndarray:
    return fitting.fitted(folder, train, val, spec, Objective, Train, **({"loss": "MAE"} | own))


@pytest.mark.parametrize("noise", [1.0, 2.0])
def test_the_interval_holds_four_fifths_of_new_values_even_if_the_noise_of_training_was_smaller(
    tmp_path: Path, noise: float
) -> None:
    fitted(tmp_path, split(tmp_path, 0), split(tmp_path, 1, noise))
    new = split(tmp_path, 2, noise)
    low, middle, high = load(tmp_path / "native")(new.gather(np.arange(ROWS))).T
    assert ((low <= new.targets) & (new.targets <= high)).mean() == pytest.approx(0.8, abs=0.03)
    assert (middle <= new.targets).mean() == pytest.approx(0.5, abs=0.06)
    wide = new.gather(np.arange(ROWS))[:, 2] > 0.5
    assert (high - low)[wide].mean() > 1.2 * (high - low)[~wide].mean()


def test_tflite_gives_the_quantiles_of_catboost(tmp_path: Path) -> None:
    val = split(tmp_path, 1)
    native = fitted(tmp_path, split(tmp_path, 0), val)
    inputs = val.gather(np.arange(ROWS))
    assert native.shape == (ROWS, 3)
    np.testing.assert_allclose(Interpreter(convert(tmp_path / "native", inputs, "float32"))(inputs), native, atol=1e-5)


def test_rows_are_weighted_by_the_level_with_quantiles_too(tmp_path: Path) -> None:
    train, val = split(tmp_path, 0), split(tmp_path, 1)
    plain, weighted = (
        fitted(tmp_path / name, train, val, weight=weight) for name, weight in (("a", None), ("b", "level"))
    )
    assert np.abs(plain - weighted).max() > 1e-3


def test_quantiles_with_a_loss_that_is_not_their_own_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"train\.loss is RMSE, and data\.quantiles .* set train\.loss to MAE"):
        Objective(QUANTILES, Train(loss="RMSE"))


def trees(folder: Path) -> int:
    return int(CatBoost().load_model(str(folder / "native" / FILE)).tree_count_)


@pytest.mark.parametrize("spec", [PLAIN, QUANTILES], ids=["value", "quantiles"])
def test_a_second_fit_learns_the_validation_split_with_as_many_trees(tmp_path: Path, spec: dict[str, Any]) -> None:
    train, val = split(tmp_path, 0, noise=0.1), split(tmp_path, 1, noise=0.1, drift=1.0)
    once = fitted(tmp_path / "once", train, val, spec)
    twice = fitted(tmp_path / "twice", train, val, spec, refit=True)
    assert trees(tmp_path / "once") == trees(tmp_path / "twice")
    middle = once.shape[1] // 2
    errors = [float(np.abs(found[:, middle] - val.targets).mean()) for found in (once, twice)]
    assert errors[1] < 0.7 * errors[0]


def test_a_second_fit_keeps_the_width_that_the_first_one_needed_on_validation(tmp_path: Path) -> None:
    fitted(tmp_path, split(tmp_path, 0), split(tmp_path, 1, noise=2.0), refit=True)
    new = split(tmp_path, 2, noise=2.0)
    low, _, high = load(tmp_path / "native")(new.gather(np.arange(ROWS))).T
    assert ((low <= new.targets) & (new.targets <= high)).mean() >= 0.77


def test_a_second_fit_that_was_stopped_ends_with_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, val = split(tmp_path, 0), split(tmp_path, 1)
    fitted(tmp_path / "whole", train, val, refit=True, snapshot_seconds=1)
    with monkeypatch.context() as patched:
        patched.setattr(training, "_finished_like", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            fitted(tmp_path / "stopped", train, val, refit=True, snapshot_seconds=1)
    assert not (tmp_path / "stopped" / "native").exists()
    fitted(tmp_path / "stopped", train, val, refit=True, snapshot_seconds=1)
    whole, stopped = ((tmp_path / name / "native" / FILE).read_bytes() for name in ("whole", "stopped"))
    assert whole == stopped
