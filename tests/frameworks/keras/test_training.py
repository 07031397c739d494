import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from conftest import ROOT
from slipway.core.errors import ConfigError, DataError, ModelError
from slipway.core.spec import Spec
from slipway.data.shards import PackedSplit
from slipway.frameworks.keras import native, training
from slipway.frameworks.keras.native.runtime import keras, tf
from slipway.frameworks.keras.objectives.image_classification import Objective, networks
from slipway.frameworks.keras.objectives.image_classification.augmentation import augment
from slipway.frameworks.keras.schema import EarlyStopping, Frozen, Length
from slipway.frameworks.keras.schema.image_classification import Augmentation, Model, Train
from slipway.frameworks.keras.training.batches import training_batches
from slipway.frameworks.keras.training.classification import class_weights
from slipway.frameworks.keras.training.length import Parts, parts
from slipway.frameworks.keras.training.optimization import optimizer
from slipway.frameworks.keras.training.run import Run
from slipway.tracking.tracker import Tracker

pytestmark = pytest.mark.build  # they train and convert networks

Split = Callable[[str, int], PackedSplit]

MODEL = Model(network="mobilenet_v3_small", width=0.25, dropout=0.1)
SCHEDULED = {"epochs", "batch_size", "optimizer", "learning_rate", "schedule", "warmup_epochs", "frozen"}
QUICK = Train(
    epochs=3,
    batch_size=16,
    learning_rate=0.01,
    augmentation=Augmentation(translation=0.05, brightness=0.1, erasing=0.3),
)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that TensorFlow traces quickly, for tests where the architecture does not matter."""

    def build(model: Model, spec: Spec, activation: str = "softmax") -> Any:
        layers = keras.layers
        return keras.Sequential(
            [
                layers.Input(tuple(spec["input"]["shape"]), name="input"),
                layers.Rescaling(1 / 128, -1),
                layers.Conv2D(8, 3, 4, use_bias=False, name="conv"),
                layers.BatchNormalization(momentum=model.batch_norm_momentum, name="norm"),
                layers.ReLU(6),
                layers.Flatten(),
                layers.Dropout(model.dropout),
                layers.Dense(len(spec["outputs"]), activation=activation, name="predictions"),
            ]
        )

    monkeypatch.setattr(networks, "build", build)


FIT = """
import json, os, signal, sys
from pathlib import Path
from slipway.data.shards import PackedSplit
from slipway.frameworks.keras import training
from slipway.frameworks.keras.objectives.image_classification import Objective
from slipway.frameworks.keras.schema.image_classification import Model, Train

folder, killed_in_epoch = Path(sys.argv[1]), int(sys.argv[2])
spec, model, config = json.loads(sys.argv[3])
batches = 0

def track(epoch, metrics):
    print(epoch, flush=True)

if killed_in_epoch:
    from slipway.frameworks.keras.training.progress import Bar
    def die(self, batch, logs=None):
        global batches
        batches += 1
        if batches == 4 * (killed_in_epoch - 1) + 2:
            os.kill(os.getpid(), signal.SIGKILL)
    Bar.on_train_batch_end = die

training.fit(
    PackedSplit(folder / "train"), PackedSplit(folder / "val"), spec, Objective, Model(**model), Train(**config),
    seed=5, out=folder / "interrupted", checkpoints=folder / "checkpoints", start=None, track=track,
)
"""


def fit(
    train: PackedSplit, val: PackedSplit, spec: Spec, out: Path, config: Train = QUICK, **options: Any
) -> list[Any]:
    tracked: list[Any] = []
    settings: dict[str, Any] = {
        "seed": 1,
        "start": None,
        "checkpoints": out.with_name("checkpoints"),
        "track": lambda epoch, metrics: tracked.append((epoch, metrics)),
    }
    training.fit(train, val, spec, Objective, MODEL, config, out=out, **(settings | options))
    return tracked


def objective(train: PackedSplit, spec: Spec, config: Train) -> Objective:
    return Objective(spec, MODEL, config, train.targets)


def digest(folder: Path) -> str:
    return hashlib.sha256((folder / "model.keras").read_bytes()).hexdigest()


@pytest.mark.usefixtures("tiny")
def test_a_run_learns_and_reports_every_epoch(split: Split, spec: Spec, tmp_path: Path) -> None:
    config = Train(epochs=8, batch_size=16, learning_rate=0.01)
    tracked = fit(split("train", 128), split("val", 32), spec, tmp_path / "native", config)
    assert [epoch for epoch, _ in tracked] == list(range(1, 9))
    assert set(tracked[0][1]) == {"train/loss", "train/accuracy", "val/loss", "val/accuracy", "learning_rate"}
    assert tracked[-1][1]["train/loss"] < tracked[0][1]["train/loss"]
    held_out = split("test", 64)
    probabilities = native.load(tmp_path / "native")(held_out.gather(np.arange(64)))
    assert probabilities.dtype == np.float32
    assert (probabilities.argmax(axis=1) == held_out.targets).mean() > 0.9
    assert not (tmp_path / "checkpoints").exists()


def test_a_run_killed_halfway_on_one_core_ends_with_the_bytes_of_an_uninterrupted_run(
    split: Split, spec: Spec, tmp_path: Path
) -> None:
    train, val = split("train", 64), split("val", 16)
    inputs = json.dumps([spec, MODEL.model_dump(), QUICK.model_dump()])

    def run(killed_in_epoch: int, cores: set[int]) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", FIT, str(tmp_path), str(killed_in_epoch), inputs]
        return subprocess.run(
            command, capture_output=True, text=True, preexec_fn=lambda: os.sched_setaffinity(0, cores)
        )

    every = os.sched_getaffinity(0)
    killed = run(killed_in_epoch=3, cores={min(every)})
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert killed.stdout.splitlines()[-1].startswith("checkpoints  epoch 2/3")
    again = run(killed_in_epoch=0, cores=every)
    assert again.returncode == 0, again.stderr
    assert again.stdout.splitlines()[0] == "3", "it resumes with the epoch in which it was killed"
    assert again.stderr == ""
    fit(train, val, spec, tmp_path / "undisturbed", seed=5)
    assert digest(tmp_path / "interrupted") == digest(tmp_path / "undisturbed")


@pytest.mark.usefixtures("tiny")
def test_another_seed_gives_another_model(split: Split, spec: Spec, tmp_path: Path) -> None:
    train, val = split("train", 32), split("val", 16)
    config = QUICK.model_copy(update={"epochs": 1, "warmup_epochs": 0.5})
    for seed, name in ((1, "one"), (1, "same"), (2, "other")):
        fit(train, val, spec, tmp_path / name, config, seed=seed)
    assert digest(tmp_path / "one") == digest(tmp_path / "same") != digest(tmp_path / "other")


@pytest.mark.usefixtures("tiny")
def test_a_checkpoint_of_another_run_is_not_read(split: Split, spec: Spec, tmp_path: Path) -> None:
    train, val = split("train", 32), split("val", 16)

    def stop(epoch: int, metrics: dict[str, float]) -> None:
        if epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(train, val, spec, tmp_path / "native", track=stop)
    assert (tmp_path / "checkpoints" / "epoch.npz").is_file()
    other = QUICK.model_copy(update={"learning_rate": 0.002})
    assert [epoch for epoch, _ in fit(train, val, spec, tmp_path / "native", other)] == [1, 2, 3]


@pytest.mark.usefixtures("tiny")
def test_a_torn_checkpoint_is_not_read(split: Split, spec: Spec, tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "epoch.npz").write_bytes(b"PK\x03\x04 torn")
    config = QUICK.model_copy(update={"epochs": 1, "warmup_epochs": 0.5})
    assert len(fit(split("train", 16), split("val", 16), spec, tmp_path / "native", config)) == 1


def test_early_stopping_ends_a_run_and_keeps_its_best_weights(tmp_path: Path) -> None:
    network = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    method = keras.optimizers.SGD(0.1)
    network.compile(method, "mse")
    method.build(network.trainable_variables)
    run = Run(network, [method], EarlyStopping(patience=2), tmp_path, "run", lambda epoch, metrics: None)
    run.set_model(network)
    for epoch, loss in enumerate([0.9, 0.5, 0.6, 0.7]):
        assert not run.stopped
        network.set_weights([np.array([[epoch]], np.float32)])
        run.on_epoch_end(epoch, {"loss": 0.1, "val_loss": loss})
    assert run.stopped
    assert run.best[0] == 1
    resumed = Run(network, [method], EarlyStopping(patience=2), tmp_path, "run", lambda epoch, metrics: None)
    assert resumed.resume() == 4
    assert resumed.stopped
    assert resumed.best[0] == 1


def test_without_patience_a_run_goes_on_and_still_keeps_its_best_weights(tmp_path: Path) -> None:
    network = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    method = keras.optimizers.SGD(0.1)
    network.compile(method, "mse")
    method.build(network.trainable_variables)
    run = Run(network, [method], EarlyStopping(patience=None), tmp_path, "run", lambda epoch, metrics: None)
    run.set_model(network)
    for epoch, loss in enumerate([0.9, 0.5, *[0.6] * 30]):
        network.set_weights([np.array([[epoch]], np.float32)])
        run.on_epoch_end(epoch, {"loss": 0.1, "val_loss": loss})
        assert not run.stopped
    assert run.best[0] == 1
    assert run.best_epoch == 2


AUTO = QUICK.model_copy(
    update={
        "epochs": "auto",
        "length": Length(steps=300, growth=0.5, least=10, most=1000),
        "early_stopping": EarlyStopping(patience=None),
    }
)


@pytest.mark.usefixtures("tiny")
def test_a_training_of_a_chosen_length_says_it_and_ships_the_epoch_that_is_best_on_val(
    split: Split, spec: Spec, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The labels of val are the wrong way round: what is learnt later raises its loss."""
    config = AUTO.model_copy(update={"learning_rate": 0.001})
    train, val = split("train", 64), split("val", 16)
    for path in val.folder.glob("targets-*.npy"):
        np.save(path, 1 - np.load(path))
    val = PackedSplit(val.folder)
    tracked: list[dict[str, float]] = []
    chosen = training.fit(
        train,
        val,
        spec,
        Objective,
        MODEL,
        config,
        seed=1,
        out=tmp_path / "native",
        checkpoints=tmp_path / "mine",
        start=None,
        track=lambda epoch, metrics: tracked.append(metrics),
    )
    losses = [metrics["val/loss"] for metrics in tracked]
    assert chosen == {"examples": 64, "steps": 76, "epochs": 19, "best_epoch": int(np.argmin(losses)) + 1}
    assert chosen["best_epoch"] < len(losses) == 19
    said = capsys.readouterr().out
    assert said.startswith("mine: 64 training examples: 76 steps of 16 (19 epochs)\nmine  epoch 1/19  ")
    probabilities = native.load(tmp_path / "native")(val.gather(np.arange(16)))
    shipped = -np.log(probabilities[np.arange(16), val.targets]).mean()
    assert shipped == pytest.approx(min(losses), abs=1e-4)
    assert shipped < losses[-1]


@pytest.mark.usefixtures("tiny")
def test_an_interrupted_training_of_a_chosen_length_ends_with_the_same_bytes(
    split: Split, spec: Spec, tmp_path: Path
) -> None:
    train, val = split("train", 40), split("val", 16)

    def stop(epoch: int, metrics: dict[str, float]) -> None:
        if epoch == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(train, val, spec, tmp_path / "interrupted", AUTO, track=stop)
    resumed = fit(train, val, spec, tmp_path / "interrupted", AUTO)
    fit(train, val, spec, tmp_path / "undisturbed", AUTO)
    assert resumed[0][0] == 7
    assert digest(tmp_path / "interrupted") == digest(tmp_path / "undisturbed")


@pytest.mark.usefixtures("tiny")
def test_a_loss_that_is_not_finite_ends_the_run(split: Split, spec: Spec, tmp_path: Path) -> None:
    config = Train(epochs=2, batch_size=16, optimizer="sgd", learning_rate=1e38, warmup_epochs=0)
    with pytest.raises(ModelError, match=r"training diverged: the loss is (nan|inf) in epoch 1"):
        fit(split("train", 64), split("val", 16), spec, tmp_path / "native", config)


@pytest.mark.usefixtures("tiny")
def test_a_run_starts_from_the_layers_of_another_model_that_fit(split: Split, spec: Spec, tmp_path: Path) -> None:
    three = spec | {"outputs": ["a", "b", "c"]}
    keras.utils.set_random_seed(9)
    source = networks.build(MODEL, three)
    native.save(source, tmp_path / "source")
    still = Train(epochs=1, batch_size=16, learning_rate=1e-12, warmup_epochs=0)
    fit(
        split("train", 16),
        split("val", 16),
        spec,
        tmp_path / "native",
        still,
        start=tmp_path / "source" / "model.keras",
    )
    started = native.read(tmp_path / "native" / "model.keras")
    np.testing.assert_array_equal(started.get_layer("conv").get_weights()[0], source.get_layer("conv").get_weights()[0])
    assert started.output_shape == (None, 2)


@pytest.mark.usefixtures("tiny")
def test_a_frozen_phase_leaves_all_but_the_last_layer_as_they_were(split: Split, spec: Spec, tmp_path: Path) -> None:
    keras.utils.set_random_seed(9)
    source = networks.build(MODEL, spec)
    native.save(source, tmp_path / "source")
    seen: dict[int, list[np.ndarray]] = {}

    def stop(epoch: int, metrics: dict[str, float]) -> None:
        if epoch == 1:
            return
        with np.load(tmp_path / "checkpoints" / "epoch.npz") as kept:  # of the epoch before
            seen[epoch] = [kept[f"best_{i}"] for i in range(len(source.get_weights()))]

    config = Train(epochs=2, batch_size=16, learning_rate=0.01, frozen=Frozen(epochs=2, learning_rate=0.01))
    start = tmp_path / "source" / "model.keras"
    fit(split("train", 32), split("val", 16), spec, tmp_path / "native", config, start=start, track=stop)
    before, after_frozen = source.get_weights(), seen[3]
    last = len(source.layers[-1].get_weights())
    for one, other in zip(before[:-last], after_frozen[:-last], strict=True):
        np.testing.assert_array_equal(one, other)
    assert (before[-last] != after_frozen[-last]).any()
    ended = native.read(tmp_path / "native" / "model.keras").get_weights()
    assert (ended[0] != before[0]).any(), "the second phase trains the rest"


@pytest.mark.usefixtures("tiny")
def test_freezing_needs_something_to_start_from(split: Split, spec: Spec, tmp_path: Path) -> None:
    config = Train(epochs=2, batch_size=16, frozen=Frozen())
    with pytest.raises(ConfigError, match=r"train\.frozen is set, but there is no model to start from"):
        fit(split("train", 16), split("val", 16), spec, tmp_path / "native", config)


@pytest.mark.usefixtures("tiny")
def test_starting_from_a_network_of_another_kind_is_refused(split: Split, spec: Spec, tmp_path: Path) -> None:
    other = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3, name="other")])
    native.save(other, tmp_path / "source")
    with pytest.raises(ModelError, match=r"none of its 1 layers with weights \(other\) fits .*same model\.network"):
        fit(split("train", 16), split("val", 16), spec, tmp_path / "native", start=tmp_path / "source" / "model.keras")


@pytest.mark.usefixtures("tiny")
def test_an_empty_split_is_refused(split: Split, spec: Spec, tmp_path: Path) -> None:
    class Empty(PackedSplit):
        def __len__(self) -> int:
            return 0

    split("val", 8)
    with pytest.raises(DataError, match="the val split has no example"):
        fit(split("train", 16), Empty(tmp_path / "val"), spec, tmp_path / "native")


def test_an_epoch_holds_every_example_once_in_its_own_order(split: Split, spec: Spec) -> None:
    train = split("train", 48)
    config = Train(epochs=2, batch_size=16)
    pictures = [
        inputs.numpy() for inputs, _, _ in training_batches(train, objective(train, spec, config), config, 0, 0, 6)
    ]
    epochs = [np.concatenate(pictures[:3]), np.concatenate(pictures[3:])]
    original = np.sort(train.gather(np.arange(48)).reshape(48, -1).sum(axis=1))
    for epoch in epochs:
        np.testing.assert_array_equal(np.sort(epoch.reshape(48, -1).sum(axis=1)), original)
    assert not np.array_equal(*epochs)


def test_batches_from_a_later_step_are_those_of_the_whole_run(split: Split, spec: Spec) -> None:
    train = split("train", 40)
    learnt = objective(train, spec, QUICK)
    whole = [inputs.numpy() for inputs, _, _ in training_batches(train, learnt, QUICK, 3, 0, 6)]
    rest = [inputs.numpy() for inputs, _, _ in training_batches(train, learnt, QUICK, 3, 3, 6)]
    np.testing.assert_array_equal(whole[3:], rest)


def test_one_variation_leaves_the_draws_of_another_alone() -> None:
    inputs = tf.constant(np.random.default_rng(0).integers(60, 200, (8, 32, 32, 3), np.uint8))
    step = tf.constant(4, tf.int64)
    flipped = augment(inputs, Augmentation(horizontal_flip=0.5), 1, step).numpy()
    both = augment(inputs, Augmentation(horizontal_flip=0.5, brightness=0.1), 1, step).numpy()
    np.testing.assert_allclose(np.ptp((both - flipped).reshape(8, -1), axis=1), 0, atol=1e-3)
    chosen = [not np.array_equal(a, b) for a, b in zip(flipped, inputs.numpy(), strict=True)]
    assert 0 < sum(chosen) < 8
    for picture, original, is_flipped in zip(flipped, inputs.numpy(), chosen, strict=True):
        np.testing.assert_array_equal(picture, original[:, ::-1] if is_flipped else original)


def test_pictures_stay_in_their_range_under_the_strongest_variations() -> None:
    inputs = tf.constant(np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3), np.uint8))
    strongest = Augmentation(
        horizontal_flip=1, translation=1, zoom=0.9, rotation=180, brightness=1, contrast=1, saturation=1, erasing=1
    )
    varied = augment(inputs, strongest, 0, tf.constant(0, tf.int64)).numpy()
    assert varied.shape == inputs.shape
    assert varied.min() >= 0
    assert varied.max() <= 255


def test_balanced_class_weights_give_every_class_the_same_total_weight(spec: Spec) -> None:
    targets = np.array([0, 0, 0, 1])
    weights = class_weights(targets, spec, Train(class_weights="balanced"))
    assert weights[targets].sum() == pytest.approx(4)
    assert weights[0] * 3 == pytest.approx(weights[1])


def test_a_weight_for_a_class_that_does_not_exist_is_refused(spec: Spec) -> None:
    with pytest.raises(ConfigError, match="names bright; the classes are bright_above, bright_below"):
        class_weights(np.array([0]), spec, Train(class_weights={"bright": 2.0}))


@pytest.mark.parametrize(("schedule", "last"), [("cosine", 0.0), ("constant", 0.5)])
def test_the_learning_rate_warms_up_and_follows_its_schedule(schedule: str, last: float) -> None:
    config = Train.model_validate({"epochs": 4, "learning_rate": 0.5, "warmup_epochs": 1, "schedule": schedule})
    method = optimizer(config, Parts(epochs=4, steps=10))
    rates = []
    for step in (0, 5, 10, 40):
        method.iterations.assign(step)
        rates.append(float(method.learning_rate))
    np.testing.assert_allclose(rates, [0, 0.25, 0.5, last], atol=1e-6)


def rates(train: PackedSplit, val: PackedSplit, spec: Spec, folder: Path, config: Train, **options: Any) -> list[float]:
    """The learning rate after each epoch of a small training, as DVCLive wrote it."""
    live, state = folder / "live", folder / "state" / "metrics.jsonl"
    with Tracker("tiny", live=live, logs=folder / "logs", journal=state, params={}) as track:
        fit(train, val, spec, folder / "native", config, track=track, **options)
    written = pd.read_csv(live / "plots" / "metrics" / "learning_rate.tsv", sep="\t")
    assert list(written["step"]) == list(range(1, len(written) + 1))
    return list(written["learning_rate"])


@pytest.mark.usefixtures("tiny")
def test_the_learning_rate_that_was_written_rises_then_falls_in_every_schedule(
    split: Split, spec: Spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    keras.utils.set_random_seed(9)
    native.save(networks.build(MODEL, spec), tmp_path / "source")
    start = tmp_path / "source" / "model.keras"
    train, val = split("train", 32), split("val", 16)
    base = {"epochs": 6, "batch_size": 16, "learning_rate": 0.01, "warmup_epochs": 3}
    cosine = Train.model_validate(base | {"frozen": {"epochs": 3, "learning_rate": 0.04}})
    written = rates(train, val, spec, tmp_path / "cosine", cosine, start=start)
    np.testing.assert_allclose(written[:3], [0.03, 0.01, 0], atol=1e-6)
    np.testing.assert_allclose(written[3:], [0.01 / 3, 0.02 / 3, 0.01, 0.0075, 0.0025, 0], atol=1e-6)
    constant = Train.model_validate(base | {"schedule": "constant", "warmup_epochs": 1.5, "epochs": 3})
    written = rates(train, val, spec, tmp_path / "constant", constant)
    np.testing.assert_allclose(written, [0.01 * 2 / 3, 0.01, 0.01], atol=1e-6)


RECIPES = ["base-ad-detector", "cricket-shot-detector", "handball-ball", "handball-pose", "news-ad-detector"]
RECIPES += ["sports-ad-detector", "wildlife-detector"]


@pytest.mark.parametrize("variant", RECIPES)
def test_the_learning_rate_of_every_variant_rises_once_and_falls_for_most_of_its_epochs(variant: str) -> None:
    values = yaml.safe_load((ROOT / "params" / f"{variant}.yaml").read_text())["train"]
    config = Train.model_validate({name: value for name, value in values.items() if name in SCHEDULED})
    length = parts(4 * config.batch_size, config)
    method = optimizer(config, length)
    curve = []
    for step in range(length.total + 1):
        method.iterations.assign(step)
        curve.append(float(method.learning_rate))
    peak = int(np.argmax(curve))
    assert curve[peak] == pytest.approx(config.learning_rate)
    assert np.all(np.diff(curve[: peak + 1]) > 0)
    assert np.all(np.diff(curve[peak:]) < 0)
    assert peak <= len(curve) / 4
    assert curve[-1] == pytest.approx(0, abs=1e-8)
