"""Labels of pictures and sounds: the loss, the weights, and what an untrained network gives."""

from typing import Any

import numpy as np
import pytest

from slipway.core.spec import Spec
from slipway.frameworks.keras.native.runtime import keras
from slipway.frameworks.keras.objectives import audio_multilabel, image_multilabel
from slipway.frameworks.keras.schema.audio_classification import Augmentation
from slipway.frameworks.keras.schema.audio_multilabel import Model as SoundModel
from slipway.frameworks.keras.schema.audio_multilabel import Train as SoundTrain
from slipway.frameworks.keras.schema.image_multilabel import Model, Train

pytestmark = pytest.mark.build  # they load TensorFlow

LABELS = ["bird", "rain", "wind"]
TARGETS = np.array([[1, 1, 0], [0, 0, 0], [1, 0, 0], [0, 0, 1]] * 25, np.uint8)


@pytest.fixture
def spec(spec: Spec) -> Spec:
    return spec | {"objective": "multilabel", "outputs": LABELS, "classes": LABELS}


def of_pictures(spec: Spec, **train: Any) -> image_multilabel.Objective:
    model = Model(network="resnet18", width=0.125, dropout=0)
    return image_multilabel.Objective(spec, model, Train.model_validate(train), TARGETS)


def test_the_loss_is_the_mean_cross_entropy_of_the_labels(spec: Spec) -> None:
    objective = of_pictures(spec)
    probabilities = np.random.default_rng(0).uniform(0.01, 0.99, TARGETS.shape).astype(np.float32)
    given = objective.loss()(objective.targets(TARGETS), probabilities)
    truth = np.where(TARGETS == 1, probabilities, 1 - probabilities)
    np.testing.assert_allclose(given, -np.log(truth).mean(axis=1), rtol=1e-4)


def test_balanced_labels_weigh_as_much_as_the_examples_without_them(spec: Spec) -> None:
    even = np.full(TARGETS.shape, 0.5, np.float32)
    balanced, plain = of_pictures(spec, class_weights="balanced"), of_pictures(spec)
    losses = [np.asarray(one.loss()(one.targets(TARGETS), even)) for one in (balanced, plain)]
    np.testing.assert_allclose(losses[1], np.log(2), rtol=1e-5)
    assert losses[0].sum() == pytest.approx(np.log(2) * 2 * (50 + 75 + 75) / 3, rel=1e-5)
    rain = of_pictures(spec, class_weights={"rain": 3.0})
    np.testing.assert_allclose(rain.loss()(rain.targets(TARGETS[:1]), even[:1]), np.log(2) * 5 / 3, rtol=1e-5)


def test_an_untrained_network_gives_each_label_its_share(spec: Spec) -> None:
    keras.utils.set_random_seed(0)
    given = np.asarray(of_pictures(spec).network()(np.full((1, *spec["input"]["shape"]), 100, np.float32)))
    np.testing.assert_allclose(given[0], (TARGETS.sum(axis=0) + 1) / (len(TARGETS) + 2), atol=0.1)


def test_mixed_sounds_have_the_labels_of_both_in_their_shares() -> None:
    spec = {"input": {"shape": [32, 32, 1], "decibels": [-90, 0]}, "outputs": LABELS}
    train = SoundTrain(augmentation=Augmentation(mixup=1))
    objective = audio_multilabel.Objective(spec, SoundModel(filters=(8, 8)), train, TARGETS)
    inputs = np.random.default_rng(0).integers(0, 256, (100, 32, 32, 1), np.uint8)
    _, mixed, weights = objective.augment(inputs, TARGETS, 0, 0)
    np.testing.assert_allclose(weights, 1)
    np.testing.assert_allclose(np.asarray(mixed).sum(axis=0), TARGETS.sum(axis=0), rtol=0.3)
    assert ((np.asarray(mixed) > 0) & (np.asarray(mixed) < 1)).any()
