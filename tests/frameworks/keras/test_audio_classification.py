from pathlib import Path

import numpy as np
import pytest

from slipway.core.errors import ConfigError
from slipway.core.spec import Spec
from slipway.frameworks.keras import conversion, native
from slipway.frameworks.keras.native.runtime import keras, tf
from slipway.frameworks.keras.objectives.audio_classification import Objective, network
from slipway.frameworks.keras.objectives.audio_classification.augmentation import augment
from slipway.frameworks.keras.schema.audio_classification import Augmentation, Model, Train
from slipway_edge.interpreter import Interpreter

STEP_DB = 90 / 255
EVERYTHING = Augmentation(gain=6, shift=0.5, stretch=0.2, pitch=0.1, noise=30, time_mask=0.3, pitch_mask=0.3, mixup=0.5)


@pytest.fixture
def spec() -> Spec:
    return {
        "objective": "multiclass",
        "input": {"shape": [32, 48, 1], "dtype": "uint8", "decibels": [-90.0, 0.0]},
        "outputs": ["owl", "hawk", "robin"],
    }


@pytest.fixture
def windows() -> np.ndarray:
    return np.random.default_rng(0).integers(40, 200, (16, 32, 48, 1), np.uint8)


def varied(windows: np.ndarray, seed: int = 1, step: int = 4, **config: float) -> np.ndarray:
    spectrograms, _, _ = augment(
        tf.constant(windows), Augmentation(**config), STEP_DB, seed, tf.constant(step, tf.int64)
    )
    return np.asarray(spectrograms)


def power(steps: np.ndarray) -> np.ndarray:
    return 10 ** (steps * STEP_DB / 10)


def test_the_network_gives_probabilities_with_layers_for_integer_hardware(spec: Spec, windows: np.ndarray) -> None:
    built = network.build(Model(filters=(8, 16, 16), batch_norm_momentum=0.8), spec)
    outputs = built(windows.astype(np.float32), training=False).numpy()
    assert outputs.shape == (16, 3)
    np.testing.assert_allclose(outputs.sum(axis=1), 1, atol=1e-5)
    kinds = {type(layer).__name__ for layer in built.layers}
    assert kinds == {
        *("InputLayer", "Rescaling", "Conv2D", "BatchNormalization", "ReLU", "AveragePooling2D"),
        *("GlobalAveragePooling2D", "GlobalMaxPooling2D", "Add", "Dropout", "Dense"),
    }
    norms = [layer for layer in built.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert {layer.momentum for layer in norms} == {0.8}


def test_spectrograms_too_small_for_the_blocks_are_refused(spec: Spec) -> None:
    with pytest.raises(ConfigError, match=r"6 blocks need spectrograms of at least 64 x 64.*\[32, 48, 1\]"):
        network.build(Model(filters=(8,) * 6), spec)


@pytest.mark.build
def test_int8_of_the_default_network_is_a_third_of_float_and_agrees_with_it(
    spec: Spec, windows: np.ndarray, tmp_path: Path
) -> None:
    keras.utils.set_random_seed(0)
    native.save(network.build(Model(), spec), tmp_path / "native")
    plain, integer = (conversion.convert(tmp_path / "native", windows, kind) for kind in ("float32", "int8"))
    assert len(plain) / len(integer) >= 3.3
    np.testing.assert_allclose(Interpreter(integer)(windows), Interpreter(plain)(windows), atol=0.05)


def test_all_that_is_random_follows_from_the_seed_and_the_step(spec: Spec, windows: np.ndarray) -> None:
    objective = Objective(spec, Model(), Train(augmentation=EVERYTHING), np.arange(16) % 3)

    def batch(seed: int, step: int) -> list[np.ndarray]:
        parts = objective.augment(
            tf.constant(windows), tf.constant(np.arange(16) % 3), seed, tf.constant(step, tf.int64)
        )
        return [np.asarray(part) for part in parts]

    for one, again in zip(batch(1, 5), batch(1, 5), strict=True):
        np.testing.assert_array_equal(one, again)
    assert not np.array_equal(batch(1, 5)[0], batch(1, 6)[0])
    assert not np.array_equal(batch(1, 5)[0], batch(2, 5)[0])


def test_spectrograms_stay_in_their_range_under_all_variations(windows: np.ndarray) -> None:
    windows = windows.copy()
    windows[0], windows[1] = 0, 255
    out = varied(windows, **EVERYTHING.model_dump())
    assert out.shape == windows.shape
    assert out.dtype == np.float32
    assert np.isfinite(out).all()
    assert out.min() >= 0
    assert out.max() <= 255


def test_without_variations_windows_stay_as_they_are(windows: np.ndarray) -> None:
    np.testing.assert_array_equal(varied(windows), windows)


def test_gain_is_a_step_in_decibels_that_does_not_change_the_floor(windows: np.ndarray) -> None:
    windows = windows.copy()
    windows[:, :4] = 0
    changes = varied(windows, gain=6) - windows
    assert (changes[:, :4] == 0).all()
    np.testing.assert_allclose(np.ptp(changes[:, 4:].reshape(16, -1), axis=1), 0, atol=1e-3)
    assert 1 < np.abs(changes).max() <= 6 / STEP_DB + 1e-3


def test_a_shift_is_cyclic(windows: np.ndarray) -> None:
    for one, original in zip(varied(windows, shift=0.5), windows, strict=True):
        assert any(np.array_equal(one, np.roll(original, by, axis=1)) for by in range(-24, 25))


def test_stretching_keeps_pitches_and_moving_pitches_keeps_times() -> None:
    tone, click = np.zeros((8, 32, 48, 1), np.uint8), np.zeros((8, 32, 48, 1), np.uint8)
    tone[:, 16], click[:, :, 24] = 200, 200
    np.testing.assert_allclose(varied(tone, stretch=0.3), tone, atol=1e-3)
    np.testing.assert_allclose(varied(click, pitch=0.2), click, atol=1e-3)
    moved = varied(tone, pitch=0.2)[:, :, 0, 0].argmax(axis=1)
    assert len(set(moved)) > 2
    assert np.abs(moved - 16).max() <= 0.2 * 32


def test_noise_only_adds_power(windows: np.ndarray) -> None:
    changes = varied(windows, noise=60) - windows
    assert changes.min() >= -1e-2
    quiet = np.zeros((16, 32, 48, 1), np.uint8)
    assert varied(quiet, noise=60).mean(axis=(1, 2, 3)).max() > 30 / STEP_DB


def test_masks_blank_one_stretch_of_frames_and_one_of_filters(windows: np.ndarray) -> None:
    for one, original in zip(varied(windows, time_mask=0.4), windows, strict=True):
        blanked = np.flatnonzero((one != original).all(axis=(0, 2)))
        assert len(blanked) <= 0.4 * 48 + 1
        assert (np.diff(blanked) == 1).all()
        np.testing.assert_allclose(one[:, blanked], original.mean(), rtol=1e-4)
    changed = (varied(windows, pitch_mask=0.4) != windows).all(axis=(2, 3)).sum(axis=1)
    assert 0 < changed.max() <= 0.4 * 32 + 1


def test_mixtures_add_power_in_the_shares_of_their_targets(spec: Spec, windows: np.ndarray) -> None:
    inputs = tf.constant(windows)
    mixed, partner, share = map(
        np.asarray, augment(inputs, Augmentation(mixup=1), STEP_DB, 1, tf.constant(0, tf.int64))
    )
    of = share[:, None, None, None]
    np.testing.assert_allclose(power(mixed), of * power(windows) + (1 - of) * power(windows[partner]), rtol=1e-3)
    objective = Objective(
        spec, Model(), Train(augmentation=Augmentation(mixup=1), class_weights={"owl": 3.0}), np.arange(3)
    )
    classes = np.arange(16) % 3
    _, targets, weights = map(np.asarray, objective.augment(inputs, tf.constant(classes), 1, tf.constant(0, tf.int64)))
    wanted = share[:, None] * np.eye(3)[classes] + (1 - share[:, None]) * np.eye(3)[classes[partner]]
    np.testing.assert_allclose(targets, wanted, atol=1e-6)
    np.testing.assert_allclose(weights, wanted @ [3, 1, 1], atol=1e-5)


def test_one_variation_leaves_the_draws_of_another_alone(windows: np.ndarray) -> None:
    gained, both = varied(windows, gain=6), varied(windows, gain=6, time_mask=0.3)
    untouched = (both == gained).mean()
    assert 0.7 < untouched < 1
