"""Growing trees: what is written, what can be resumed, and that equal inputs give equal bytes."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from slipway.core.errors import ConfigError, ModelError
from slipway.data.shards import PackedSplit, ShardWriter
from slipway.frameworks.catboost import native
from slipway.frameworks.catboost.objectives.tabular_regression import Objective
from slipway.frameworks.catboost.schema.tabular_regression import Model, Train
from slipway.frameworks.catboost.training import fit

NAMES = ["level", "a", "b", "c"]
SPEC = {
    "objective": "regression",
    "input": {"shape": [4], "dtype": "float32", "names": NAMES},
    "outputs": ["visitors"],
}
MODEL = Model(iterations=60, depth=4)
TRAIN = Train(learning_rate=0.2, threads=1, early_stopping_rounds=10, log_every=5)

IN_A_PROCESS = """
import sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_training import MODEL, SPEC, TRAIN, Objective, fit, splits

folder = Path(sys.argv[1])
def track(iteration, losses):
    print(iteration, flush=True)
    time.sleep(float(sys.argv[2]))
slowly = TRAIN.model_copy(update={{"snapshot_seconds": 1, "early_stopping_rounds": 0}})
fit(*splits(folder), SPEC, Objective, MODEL, slowly,
    seed=7, out=folder / "native", checkpoints=folder / "checkpoints", start=None, track=track)
"""


def splits(folder: Path, names: tuple[str, ...] = ("train", "val")) -> list[PackedSplit]:
    """The packed splits in a folder, written first if they are not there: a noisy step function with gaps."""
    for seed, name in enumerate(names):
        if not (folder / name).exists():
            draw = np.random.default_rng(seed)
            inputs = draw.normal(size=(600, 4)).astype(np.float32)
            inputs[:, 0] = np.abs(inputs[:, 0]) + 1
            targets = (inputs[:, 1] > 0) * 2 + np.sin(inputs[:, 2]) + draw.normal(size=600) * 0.1
            inputs[draw.random(600) < 0.1, 3] = np.nan
            writer = ShardWriter(folder / name)
            writer.append(inputs, targets.astype(np.float32))
            writer.close(pd.DataFrame({"example": np.arange(600)}))
    return [PackedSplit(folder / name) for name in names]


def train(folder: Path, name: str = "native", config: Train = TRAIN, model: Model = MODEL, start: Path | None = None):
    tracked: list[tuple[int, dict[str, float]]] = []
    fit(
        *splits(folder),
        SPEC,
        Objective,
        model,
        config,
        seed=7,
        out=folder / name,
        checkpoints=folder / f"{name}-checkpoints",
        start=start,
        track=lambda iteration, losses: tracked.append((iteration, losses)),
    )
    return tracked


def run(folder: Path, pause: float) -> subprocess.Popen[str]:
    code = IN_A_PROCESS.format(tests=str(Path(__file__).parent))
    return subprocess.Popen(
        [sys.executable, "-c", code, str(folder), str(pause)], stdout=subprocess.PIPE, text=True, cwd=folder
    )


def test_a_trained_model_predicts_what_it_learned(tmp_path):
    train(tmp_path)
    val = splits(tmp_path)[1]
    predicted = native.load(tmp_path / "native")(val.gather(np.arange(len(val))))
    np.testing.assert_array_equal(native.load(tmp_path / "native", 2)(val.gather(np.arange(len(val)))), predicted)
    assert predicted.shape == (600, 1) and predicted.dtype == np.float32
    assert np.abs(predicted[:, 0] - val.targets).mean() < 0.2


def test_losses_are_tracked_while_training_and_checkpoints_are_removed(tmp_path):
    tracked = train(tmp_path)
    assert [iteration for iteration, _ in tracked[:3]] == [5, 10, 15]
    assert all(set(losses) == {"train/loss", "val/loss"} for _, losses in tracked)
    assert tracked[-1][1]["val/loss"] < tracked[0][1]["val/loss"]
    assert not (tmp_path / "native-checkpoints").exists()


def test_training_stops_early_and_keeps_the_best_trees(tmp_path):
    eager = Train(learning_rate=0.9, threads=1, early_stopping_rounds=5, log_every=1)
    tracked = train(tmp_path, config=eager, model=Model(iterations=500, depth=6))
    assert tracked[-1][0] < 400


def test_equal_inputs_give_equal_bytes_in_two_processes(tmp_path):
    written = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        assert run(tmp_path / name, 0).wait(60) == 0
        written.append((tmp_path / name / "native" / "model.cbm").read_bytes())
    assert written[0] == written[1]
    assert str(tmp_path).encode() not in written[0]


def test_training_that_was_killed_resumes_to_the_same_bytes(tmp_path):
    (tmp_path / "whole").mkdir()
    assert run(tmp_path / "whole", 0).wait(60) == 0
    killed = tmp_path / "killed"
    killed.mkdir()
    process = run(killed, 0.3)
    deadline = time.monotonic() + 30
    while not (killed / "checkpoints" / "snapshot.cbsnapshot").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert (killed / "checkpoints" / "snapshot.cbsnapshot").exists() and not (killed / "native").exists()
    resumed = run(killed, 0)
    printed, _ = resumed.communicate(timeout=60)
    assert resumed.returncode == 0
    assert int(printed.split()[0]) > 5, "it started again instead of resuming"
    assert (killed / "native" / "model.cbm").read_bytes() == (tmp_path / "whole" / "native" / "model.cbm").read_bytes()


def test_a_checkpoint_of_other_parameters_is_not_resumed(tmp_path):
    other = tmp_path / "native-checkpoints"
    other.mkdir()
    (other / "key").write_text("another training")
    (other / "snapshot.cbsnapshot").write_bytes(b"not mine")
    train(tmp_path)
    assert (tmp_path / "native" / "model.cbm").exists()


def test_a_start_model_is_extended(tmp_path):
    train(tmp_path, "first")
    tracked = train(tmp_path, "second", model=Model(iterations=20, depth=4), start=tmp_path / "first" / "model.cbm")
    val = splits(tmp_path)[1]
    inputs = val.gather(np.arange(len(val)))
    first, second = (native.load(tmp_path / name)(inputs)[:, 0] for name in ("first", "second"))
    assert tracked
    assert np.abs(second - val.targets).mean() <= np.abs(first - val.targets).mean() + 1e-3


def test_a_start_model_of_other_features_is_refused(tmp_path):
    train(tmp_path, "first")
    spec = {**SPEC, "input": {**SPEC["input"], "names": ["level", "a", "b", "x"]}}
    with pytest.raises(ModelError, match="made for other features"):
        fit(
            *splits(tmp_path), spec, Objective, MODEL, TRAIN, seed=7, out=tmp_path / "second",
            checkpoints=tmp_path / "checkpoints", start=tmp_path / "first" / "model.cbm",
            track=lambda iteration, losses: None,
        )  # fmt: skip


def test_rows_can_be_weighed_by_a_feature(tmp_path):
    train(tmp_path, "plain")
    train(tmp_path, "weighed", config=TRAIN.model_copy(update={"weight": "level"}))
    assert (tmp_path / "plain" / "model.cbm").read_bytes() != (tmp_path / "weighed" / "model.cbm").read_bytes()


def test_a_weight_that_is_not_a_feature_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"train.weight: size is not a feature; the features are level, a, b, c"):
        train(tmp_path, config=TRAIN.model_copy(update={"weight": "size"}))


def test_a_folder_without_a_model_is_reported(tmp_path):
    with pytest.raises(ModelError, match="no CatBoost model"):
        native.load(tmp_path)
