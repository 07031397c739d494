"""The importance of features: of what decides, and of nothing else."""

from pathlib import Path

import numpy as np
import pytest
from catboost import CatBoost

from slipway.core.errors import ModelError
from slipway.frameworks.catboost.importance import importance
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
