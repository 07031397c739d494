"""Networks that find keypoints: their targets, their augmentation, and a short training."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from slipway.core.errors import ConfigError
from slipway.core.spec import Spec
from slipway.data.shards import PackedSplit, ShardWriter
from slipway.frameworks.keras import conversion, native, training
from slipway.frameworks.keras.native.runtime import keras, tf
from slipway.frameworks.keras.objectives.keypoint_detection import Objective, heatmaps, network
from slipway.frameworks.keras.objectives.keypoint_detection.augmentation import augment
from slipway.frameworks.keras.schema.keypoint_detection import Augmentation, Model, Train
from slipway_edge.interpreter import Interpreter
from slipway_edge.tasks.keypoint_detection.heatmaps import places

HEIGHT, WIDTH = 64, 48
SPEC: Spec = {
    "objective": "keypoints",
    "input": {"shape": [HEIGHT, WIDTH, 3], "dtype": "uint8"},
    "outputs": ["nose", "left_wrist", "right_wrist"],
    "mirrored": [0, 2, 1],
}
SMALL = Model(width=0.25)
MOVES = Augmentation(horizontal_flip=0.5, translation=0.1, zoom=0.2, rotation=30)


def dotted(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Crops with a red, a green and a blue dot, and the positions of the dots."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(0.2, 0.8, (n, 3, 2))
    rows, columns = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    pictures = rng.integers(0, 60, (n, HEIGHT, WIDTH, 3)).astype(float)
    for one, places_ in zip(pictures, points, strict=True):
        for channel, (x, y) in enumerate(places_):
            one[..., channel] += 190 * np.exp(-((columns - x * WIDTH) ** 2 + (rows - y * HEIGHT) ** 2) / 8)
    targets = np.concatenate([points, np.full((n, 3, 1), 2)], axis=-1)
    return pictures.astype(np.uint8), targets.astype(np.float32)


def brightest(pictures: np.ndarray) -> np.ndarray:
    """The position of the dot of each channel, from its centre of mass: [n, 3, 2] in shares."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    mass = np.maximum(pictures - 140.0, 0)  # brighter than the noise, and than the grey outside
    total = mass.sum(axis=(1, 2))
    x, y = ((mass * place[None, :, :, None]).sum(axis=(1, 2)) / total for place in (columns / WIDTH, rows / HEIGHT))
    return np.stack([x, y], axis=-1)


def test_reading_a_heatmap_gives_the_rendered_point() -> None:
    points = np.random.default_rng(1).uniform(0.1, 0.9, (5, 3, 3)).astype(np.float32)
    drawn = heatmaps.render(tf.constant(points), 16, 12, 1.5).numpy()
    assert drawn.shape == (5, 16, 12, 3)
    np.testing.assert_allclose(places(drawn)[..., :2], points[..., :2], atol=1e-3)
    tops = heatmaps.peaks(tf.constant(drawn)).numpy()
    assert (np.abs(tops - points[..., :2]) <= np.array([0.5 / 12, 0.5 / 16]) + 1e-6).all()


def test_keypoints_move_with_the_picture_and_a_flip_exchanges_left_and_right() -> None:
    pictures, points = dotted(64)
    varied, moved = (one.numpy() for one in augment(tf.constant(pictures), tf.constant(points), [0, 2, 1], MOVES, 3, 7))
    inside = ((moved[..., :2] > 0.1) & (moved[..., :2] < 0.9)).all(axis=(1, 2))
    seen = brightest(varied)
    straight = np.abs(seen - moved[..., :2]).max(axis=(1, 2)) < 0.02
    swapped = np.abs(seen - moved[:, [0, 2, 1], :2]).max(axis=(1, 2)) < 0.02
    assert (straight | swapped)[inside].all()
    assert 15 < straight.sum() < 49
    assert np.abs(moved[..., :2] - points[..., :2]).max() > 0.1


def test_variations_follow_from_seed_and_step_alone() -> None:
    pictures, points = map(tf.constant, dotted(4))

    def varied(seed: int, step: int) -> Any:
        return augment(pictures, points, [0, 2, 1], MOVES, seed, step)[1].numpy()

    assert (varied(1, 5) == varied(1, 5)).all()
    assert (varied(1, 5) != varied(1, 6)).any()
    assert (varied(1, 5) != varied(2, 5)).any()
    untouched = augment(pictures, points, [0, 2, 1], Augmentation(), 1, 5)
    assert (untouched[0].numpy() == pictures.numpy()).all()
    assert (untouched[1].numpy() == points.numpy()).all()


def test_the_loss_is_least_at_the_gaussian_and_leaves_out_what_is_not_annotated() -> None:
    _, points = dotted(2)
    objective = Objective(SPEC, SMALL, Train(sigma=1.5), points)
    loss = objective.loss()
    expected = heatmaps.render(tf.constant(points), 16, 12, 1.5)
    least = loss(tf.constant(points), expected).numpy()
    assert least.shape == (2,)
    for other in (expected * 0.9, expected**2, 1 - expected, tf.roll(expected, 1, axis=1)):
        assert (loss(tf.constant(points), other).numpy() > least).all()
    points[:, 1, 2] = 0
    spoilt = tf.stack([expected[..., 0], 1 - expected[..., 1], expected[..., 2]], axis=-1)
    (error,) = objective.metrics()
    for given in (expected, spoilt):
        error.update_state(tf.constant(points), given)
        assert error.result() < 0.05
    np.testing.assert_allclose(
        loss(tf.constant(points), spoilt).numpy(), loss(tf.constant(points), expected).numpy(), rtol=1e-6
    )


def test_the_network_gives_a_heatmap_a_keypoint_at_a_quarter_of_the_size() -> None:
    built = network.build(SMALL, SPEC)
    assert built.output_shape == (None, 16, 12, 3)
    heat = built(np.zeros((1, HEIGHT, WIDTH, 3), np.float32), training=False).numpy()
    np.testing.assert_allclose(heat, 0.018, atol=0.01)
    kinds = {type(layer).__name__ for layer in built.layers}
    assert "Conv2DTranspose" not in kinds
    assert {layer.max_value for layer in built.layers if isinstance(layer, keras.layers.ReLU)} == {6}
    assert network.build(Model(width=0.5), SPEC).count_params() > 2 * built.count_params()


def test_an_input_that_cannot_be_halved_four_times_is_refused() -> None:
    with pytest.raises(ConfigError, match="multiples of 16, not 64 and 40"):
        network.build(SMALL, SPEC | {"input": {"shape": [64, 40, 3]}})


def pack(folder: Path, n: int, seed: int) -> PackedSplit:
    writer = ShardWriter(folder)
    writer.append(*dotted(n, seed))
    writer.close(pd.DataFrame({"example": [str(i) for i in range(n)]}))
    return PackedSplit(folder)


@pytest.mark.build
def test_dots_are_found_after_a_short_training_in_int8_too(tmp_path: Path) -> None:
    config = Train(epochs=5, batch_size=16, learning_rate=0.01, sigma=1.5)
    train, val = pack(tmp_path / "train", 160, 1), pack(tmp_path / "val", 32, 2)
    tracked: list[dict[str, float]] = []
    training.fit(
        train,
        val,
        SPEC,
        Objective,
        SMALL,
        config,
        seed=1,
        out=tmp_path / "native",
        checkpoints=tmp_path / "checkpoints",
        start=None,
        track=lambda epoch, metrics: tracked.append(metrics),
    )
    assert set(tracked[0]) == {"train/loss", "train/mean_error", "val/loss", "val/mean_error", "learning_rate"}
    inputs, targets = dotted(32, 3)
    model = Interpreter(conversion.convert(tmp_path / "native", inputs, "int8"))
    for predict in (native.load(tmp_path / "native"), model):
        off = np.linalg.norm(places(predict(inputs))[..., :2] - targets[..., :2], axis=-1)
        assert np.median(off) < 0.03
