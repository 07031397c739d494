"""The importance of features: of what decides, and of nothing else."""

from pathlib import Path

import numpy as np
import pytest
from catboost import CatBoost

from slipway.core.errors import ModelError
from slipway.frameworks.catboost.importance import importance, shap
from slipway.frameworks.catboost.native import FILE


def test_a_feature_that_decides_is_important_and_noise_is_not(tmp_path: Path) -> None:
    inputs = np.random.default_rng(0).normal(size=(500, 3))
    booster = CatBoost({"iterations": 30, "depth": 2, "verbose": False, "allow_writing_files": False, "random_seed": 1})
    booster.fit(inputs, 3 * inputs[:, 1] + inputs[:, 2])
    booster.set_feature_names(["noise", "most", "some"])
    booster.save_model(str(tmp_path / FILE))
    found = importance(tmp_path)
    assert sum(found.values()) == pytest.approx(100)
    assert found["most"] > found["some"] > found["noise"]


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no model")
    with pytest.raises(ModelError, match=r"no CatBoost model .*run the train stage"):
        importance(tmp_path)
    with pytest.raises(ModelError, match=r"no CatBoost model .*run the train stage"):
        shap(tmp_path, np.zeros((1, 3), np.float32))


@pytest.mark.parametrize(
    ("loss", "outputs"), [("RMSE", 1), ("Logloss", 1), ("MultiClass", 3), ("MultiQuantile:alpha=0.1,0.5,0.9", 3)]
)
def test_what_features_add_gives_the_output_also_of_a_calibrated_model(tmp_path: Path, loss: str, outputs: int) -> None:
    inputs = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32)
    total = 2 * inputs[:, 0] + inputs[:, 1]
    targets = {"RMSE": total, "Logloss": total > 0, "MultiClass": np.digitize(total, [-1, 1])}.get(loss, total)
    booster = CatBoost(
        {"loss_function": loss, "iterations": 20, "depth": 3, "random_seed": 1, "allow_writing_files": False}
    )
    booster.fit(inputs, targets, verbose=False)
    scale, bias = booster.get_scale_and_bias()
    shifted = np.asarray(bias) + np.arange(1, outputs + 1)
    booster.set_scale_and_bias(0.7 * scale, shifted.tolist())
    booster.save_model(str(tmp_path / FILE))
    added = shap(tmp_path, inputs)
    raw = booster.predict(inputs, prediction_type="RawFormulaVal").reshape(200, outputs)
    assert added.shape == (200, outputs, 5)
    np.testing.assert_allclose(added.sum(axis=2), raw, atol=1e-9)
    size = np.abs(added[..., :-1]).mean(axis=(0, 1))
    assert size[0] > size[1] > size[2:].max()
