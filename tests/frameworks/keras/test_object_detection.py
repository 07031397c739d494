"""The detector in Keras: its targets, the augmentation of pictures with boxes, and its conversion."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from slipway import tasks
from slipway.core.errors import ConfigError
from slipway.core.spec import Spec
from slipway.data.shards import PackedSplit, ShardWriter
from slipway.frameworks.keras import conversion, native, training
from slipway.frameworks.keras.native.runtime import tf
from slipway.frameworks.keras.objectives.object_detection import Objective, maps
from slipway.frameworks.keras.objectives.object_detection.augmentation import augment
from slipway.frameworks.keras.schema.object_detection import Augmentation, Model, Train
from slipway_edge.interpreter import Interpreter

HEIGHT, WIDTH = 64, 96
TASK = tasks.load("object_detection", {"height": HEIGHT, "width": WIDTH, "name": "ball", "max_boxes": 3})
SPEC: Spec = TASK.specify(Path(), pd.DataFrame({"label": ["ball", "no ball"]}))
TWO = tasks.load("object_detection", {"height": HEIGHT, "width": WIDTH, "classes": ["disc", "square"], "max_boxes": 3})
OF_TWO: Spec = TWO.specify(Path(), pd.DataFrame({"label": []}))
SMALL = Model(filters=(8, 16, 16))
PICTURE = HEIGHT // 4, WIDTH // 4


def boxes(*several: list[list[float]], values: int = 4) -> np.ndarray:
    out = np.full((len(several), 3, values), np.nan, np.float32)
    for picture, many in enumerate(several):
        out[picture, : len(many)] = np.reshape(many, (-1, values))
    return out


def objective(spec: Spec = SPEC, **config: Any) -> Objective:
    return Objective(spec, SMALL, Train(**config), boxes())


def as_given(expected: np.ndarray) -> np.ndarray:
    """The network output that corresponds to the given target maps, of pictures or of windows of pictures."""
    _, rows, columns, _ = expected.shape
    cells = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1)
    centre = (expected[..., -5:-3] - cells + 1) / 3
    size = 1 - np.log(expected[..., -3:-1] / PICTURE[::-1]) / np.log(SPEC["heatmap"]["smallest"])
    return np.concatenate([expected[..., :-5], np.concatenate([centre, size], axis=-1).clip(0, 1)], axis=-1)


def test_the_task_reads_the_boxes_back_from_their_maps() -> None:
    drawn = boxes([[0.31, 0.62, 0.05, 0.08], [0.75, 0.3, 0.4, 0.5]], [], [[0.999, 0.001, 0.002, 0.002]])
    expected = maps.render(tf.constant(drawn), HEIGHT // 4, WIDTH // 4, 1).numpy()
    assert expected.shape == (3, 16, 24, 6)
    assert expected[0, ..., 0].max() == 1
    assert (expected[1, ..., 0] == 0).all()
    found = TASK.postprocess(as_given(expected), np.empty(0), SPEC)
    in_order = found[0][np.argsort(found[0, :2, 0])]
    assert in_order == pytest.approx(np.column_stack([drawn[0, :2], [1, 1]]), abs=1e-4)
    assert found[1].max() == 0
    smallest = SPEC["heatmap"]["smallest"]
    assert found[2, 0, 2] == pytest.approx(0.001 + smallest / 2, abs=1e-3), "the size stops at the smallest"


def test_each_class_has_its_heat_and_all_share_the_boxes() -> None:
    drawn = boxes([[0.3, 0.6, 0.1, 0.1, 1], [0.7, 0.3, 0.4, 0.5, 0]], [[0.5, 0.5, 0.2, 0.2, 1]], [], values=5)
    expected = maps.render(tf.constant(drawn), *PICTURE, 2).numpy()
    assert expected.shape == (3, *PICTURE, 7)
    assert [expected[1, ..., kind].max() for kind in (0, 1)] == [0, 1]
    one_class = maps.render(tf.constant(drawn[..., :4]), *PICTURE, 1).numpy()
    assert (expected[..., :2].max(axis=-1) == one_class[..., 0]).all()
    assert (expected[..., 2:] == one_class[..., 1:]).all()
    found = TWO.postprocess(as_given(expected), np.empty(0), OF_TWO)
    assert found.shape == (3, 3, 6)
    in_order = found[0][np.argsort(found[0, :2, 0])]
    assert in_order == pytest.approx(np.column_stack([drawn[0, :2, :4], [1, 1], [1, 0]]), abs=1e-4)
    assert found[1, 0, 5] == 1 and found[2].max() == 0


def test_heat_of_the_wrong_class_costs_as_much_as_at_the_wrong_place() -> None:
    drawn = boxes([[0.3, 0.6, 0.1, 0.15, 1]], values=5)
    expected = maps.render(tf.constant(drawn), *PICTURE, 2)
    right = as_given(expected.numpy()).astype(np.float32)
    wrong = right[..., [1, 0, 2, 3, 4, 5]]
    assert maps.heat_loss(expected, wrong)[0] > 5 + maps.heat_loss(expected, right)[0]
    smallest = OF_TWO["heatmap"]["smallest"]
    assert maps.box_loss(expected, wrong, smallest, PICTURE).numpy() == pytest.approx([0], abs=1e-3)


def test_the_class_of_a_box_moves_with_it() -> None:
    pictures = tf.constant(np.zeros((8, HEIGHT, WIDTH, 3), np.uint8))
    drawn = boxes(*[[[0.5, 0.5, 0.2, 0.2, number % 2]] for number in range(8)], values=5)
    config = Augmentation(horizontal_flip=0.5, translation=0.1, zoom=0.3)
    _, moved = augment(pictures, tf.constant(drawn), config, 3, 5)
    _, without = augment(pictures, tf.constant(drawn[..., :4]), config, 3, 5)
    assert (moved.numpy()[:, 0, 4] == drawn[:, 0, 4]).all()
    np.testing.assert_array_equal(moved.numpy()[..., :4], without.numpy())
    inputs, expected = objective(OF_TWO).augment(pictures, tf.constant(drawn), 1, 1)
    assert expected.shape == (8, *PICTURE, 7)
    assert objective(OF_TWO).network()(inputs).shape == (8, *PICTURE, 6)


def test_the_loss_is_least_for_the_right_map_and_each_part_sees_only_its_own_errors() -> None:
    expected = maps.render(tf.constant(boxes([[0.3, 0.6, 0.1, 0.15]], [])), 16, 24, 1)
    right = as_given(expected.numpy()).astype(np.float32)
    smallest = SPEC["heatmap"]["smallest"]
    heat, box = maps.heat_loss(expected, right).numpy(), maps.box_loss(expected, right, smallest, PICTURE).numpy()
    assert box == pytest.approx([0, 0], abs=1e-3)
    colder, larger = right.copy(), right.copy()
    colder[..., 0] *= 0.5
    larger[..., 3:] += 0.05
    assert maps.heat_loss(expected, colder)[0] > heat[0]
    assert maps.box_loss(expected, larger, smallest, PICTURE)[0] > 0.1
    assert maps.heat_loss(expected, larger).numpy() == pytest.approx(heat)
    assert objective(box_weight=2).loss()(expected, larger).numpy() == pytest.approx(
        maps.heat_loss(expected, larger).numpy() + 2 * maps.box_loss(expected, larger, smallest, PICTURE).numpy()
    )


def test_boxes_move_with_their_objects() -> None:
    random = np.random.default_rng(0)
    pictures = np.full((32, HEIGHT, WIDTH, 3), 40, np.uint8)
    around = boxes(*([] for _ in pictures))
    for picture in range(32):
        top, left = random.integers(8, 40), random.integers(8, 70)
        pictures[picture, top : top + 12, left : left + 9] = 250
        around[picture, 0] = (left + 4.5) / WIDTH, (top + 6) / HEIGHT, 9 / WIDTH, 12 / HEIGHT
    config = Augmentation(horizontal_flip=0.5, translation=0.2, zoom=0.4, visible=0.3)
    moved, after = (part.numpy() for part in augment(tf.constant(pictures), tf.constant(around), config, 3, 5))
    assert np.nanmean(np.abs(after[:, 0] - around[:, 0])) > 0.02
    assert np.isnan(after[:, 1:]).all()
    for picture, (box, *_) in zip(moved, after, strict=True):
        bright = picture[..., 0] > 190
        if np.isnan(box).any():
            assert bright.sum() < 0.6 * 9 * 12 / 0.6**2
            continue
        rows, columns = np.flatnonzero(bright.any(axis=1)), np.flatnonzero(bright.any(axis=0))
        seen = columns[0] / WIDTH, rows[0] / HEIGHT, (columns[-1] + 1) / WIDTH, (rows[-1] + 1) / HEIGHT
        expected = *(box[:2] - box[2:] / 2), *(box[:2] + box[2:] / 2)
        assert np.abs(np.subtract(seen, expected)).max() < 1.5 / HEIGHT


def test_a_box_that_leaves_the_picture_is_dropped_and_nothing_is_mirrored_in() -> None:
    pictures = np.zeros((64, HEIGHT, WIDTH, 3), np.uint8)
    pictures[:, :, :6] = 250
    around = boxes(*([[[3 / WIDTH, 0.5, 6 / WIDTH, 1.0]]] * 64))
    config = Augmentation(translation=0.3)
    moved, after = (part.numpy() for part in augment(tf.constant(pictures), tf.constant(around), config, 1, 1))
    gone = np.isnan(after[:, 0, 0])
    assert 0 < gone.sum() < 64
    assert (moved.max(axis=(1, 2, 3)) > 200)[~gone].all()
    assert (moved[gone] > 200).mean() < 0.02


def test_a_window_shows_its_part_of_the_picture_and_boxes_keep_their_size_in_pixels() -> None:
    pictures = np.full((64, HEIGHT, WIDTH, 3), 40, np.uint8)
    random = np.random.default_rng(0)
    around = boxes(*([] for _ in pictures))
    for picture in range(64):
        top, left = random.integers(0, HEIGHT - 12), random.integers(0, WIDTH - 9)
        pictures[picture, top : top + 12, left : left + 9] = 250
        around[picture, 0] = (left + 4.5) / WIDTH, (top + 6) / HEIGHT, 9 / WIDTH, 12 / HEIGHT
    config = Augmentation(crop=32, around=0.5, visible=0.9)
    windows, after = (part.numpy() for part in augment(tf.constant(pictures), tf.constant(around), config, 3, 5))
    assert windows.shape == (64, 32, 32, 3)
    assert windows.min() == 40, "no window reaches beyond its picture"
    shown = ~np.isnan(after[:, 0, 0])
    assert 20 < shown.sum() < 60, "about half are around the object"
    for window, (box, *_) in zip(windows[shown], after[shown], strict=True):
        rows, columns = (np.flatnonzero((window[..., 0] > 145).any(axis=axis)) for axis in (1, 0))
        seen = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
        expected = 32 * np.array([*(box[:2] - box[2:] / 2), *(box[:2] + box[2:] / 2)])
        assert np.abs(seen - expected).max() <= 1
    always = augment(tf.constant(pictures), tf.constant(around), Augmentation(crop=32, around=1, visible=0.01), 3, 5)[1]
    assert not np.isnan(always[:, 0, 0]).any()


def test_the_maps_of_a_window_are_those_of_the_picture_there() -> None:
    whole = maps.render(tf.constant(boxes([[0.5, 0.5, 0.1, 0.2]])), *PICTURE, 1).numpy()
    window = maps.render(tf.constant(boxes([[0.5, 0.5, 0.1 * WIDTH / 32, 0.2 * HEIGHT / 32]])), 8, 8, 1).numpy()
    inside = whole[:, 4:12, 8:16].copy()
    inside[..., 1:3] -= 8, 4
    near = window[..., 5] > 0
    assert window[near] == pytest.approx(inside[near], abs=1e-5)
    smallest = SPEC["heatmap"]["smallest"]
    assert maps.box_loss(window, as_given(window).astype("f4"), smallest, PICTURE).numpy() == pytest.approx(
        [0], abs=1e-3
    )
    cropped = objective(augmentation={"crop": 32})
    pictures = np.zeros((2, HEIGHT, WIDTH, 3), np.uint8)
    inputs, expected = cropped.augment(tf.constant(pictures), tf.constant(boxes([[0.5, 0.5, 0.1, 0.1]], [])), 1, 1)
    assert (inputs.shape, expected.shape) == ((2, 32, 32, 3), (2, 8, 8, 6))
    assert cropped.network()(inputs).shape == (2, 8, 8, 5)


@pytest.mark.parametrize("crop", [36, 96])
def test_a_window_that_does_not_fit_is_refused(crop: int) -> None:
    with pytest.raises(ConfigError, match=rf"crop is {crop}: a window must fit into 64 x 96, .* multiple of 8"):
        objective(augmentation={"crop": crop})


def test_variations_follow_from_seed_and_step_alone() -> None:
    pictures = np.random.default_rng(0).integers(0, 255, (4, HEIGHT, WIDTH, 3), np.uint8)
    around = tf.constant(boxes(*([[[0.5, 0.5, 0.2, 0.2]]] * 4)))
    task_objective = objective(augmentation={"horizontal_flip": 0.5, "zoom": 0.3, "brightness": 0.2, "saturation": 0.3})
    one, again, other = (task_objective.augment(tf.constant(pictures), around, 1, step) for step in (3, 3, 4))
    assert all((a.numpy() == b.numpy()).all() for a, b in zip(one, again, strict=True))
    assert np.abs(one[0] - other[0]).max() > 1
    plain, expected = task_objective.plain(tf.constant(pictures), around)
    assert (plain.numpy() == pictures).all()
    assert expected.shape == (4, 16, 24, 6)


def test_the_map_has_a_cell_for_four_pixels_each_way_and_shares_in_it() -> None:
    network = objective().network()
    given = network(np.random.default_rng(0).uniform(0, 255, (2, HEIGHT, WIDTH, 3)).astype(np.float32)).numpy()
    assert given.shape == (2, HEIGHT // 4, WIDTH // 4, 5)
    assert 0 <= given.min() < given.max() <= 1
    assert given[..., 0].mean() < 0.05, "an untrained network finds hardly anything"
    again = objective().network()
    assert [layer.name for layer in again.layers] == [layer.name for layer in network.layers]


def test_a_picture_that_cannot_be_halved_so_often_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"model.filters has 6 levels, .* 64 x 96 cannot be divided by 64"):
        Objective(SPEC, Model(filters=(8,) * 6), Train(), boxes()).network()


@pytest.mark.build
@pytest.mark.parametrize(("task", "spec"), [(TASK, SPEC), (TWO, OF_TWO)], ids=["one class", "two classes"])
def test_a_trained_detector_finds_shapes_and_keeps_them_in_int8(task: Any, spec: Spec, tmp_path: Path) -> None:
    several = len(spec["outputs"]) > 1
    sizes = {"train": 240 if several else 120, "val": 48}
    splits = {name: pack(tmp_path / name, count, seed, several) for seed, (name, count) in enumerate(sizes.items())}
    config = Train(epochs=6, batch_size=8, learning_rate=0.006, augmentation=Augmentation(horizontal_flip=0.5))
    history: list[dict[str, float]] = []
    training.fit(
        splits["train"],
        splits["val"],
        spec,
        Objective,
        SMALL,
        config,
        seed=1,
        out=tmp_path / "native",
        checkpoints=tmp_path / "checkpoints",
        start=None,
        track=lambda epoch, metrics: history.append(metrics),
    )
    assert {"val/loss", "val/heat_loss", "val/box_loss"} <= history[0].keys()
    assert history[-1]["val/loss"] < history[0]["val/loss"] / 2
    inputs, targets = splits["val"].gather(np.arange(48)), splits["val"].targets
    small = Interpreter(conversion.convert(tmp_path / "native", inputs[:24], "int8"))
    assert small.delegation.partitions == 1
    assert set(small.delegation.outside) <= {"QUANTIZE"}
    outputs = native.load(tmp_path / "native")(inputs), small(inputs)
    found = [task.postprocess(one, inputs, spec) for one in outputs]
    spec = spec | task.choose_threshold(splits["val"].examples, targets, found[0], spec)
    scores = [task.scores(splits["val"].examples, targets, one, spec) for one in found]
    rates = [one.total()["detection_rate"] for one in scores]
    assert rates[0] > 0.8
    assert rates[1] > rates[0] - 0.1
    assert task.agreement(*found, spec)["agreement"] > 0.8
    if several:
        assert scores[1].breakdowns()["per_class"]["ap50"].min() > 0.6


def pack(folder: Path, count: int, seed: int, several: bool) -> PackedSplit:
    """Pictures of noise with a yellow disc of 6 to 20 pixels, or if `several` a blue square of that size.

    One in six has none.
    """
    random = np.random.default_rng(seed)
    inputs = random.integers(0, 120, (count, HEIGHT, WIDTH, 3)).astype(np.uint8)
    targets = boxes(*([] for _ in range(count)), values=5)
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    for picture in range(count):
        if picture % 6:
            radius = random.uniform(3, 10)
            column, row = random.uniform(radius, WIDTH - radius), random.uniform(radius, HEIGHT - radius)
            square = several and picture % 2
            away = (np.maximum(abs(x - column), abs(y - row)) ** 2) if square else (x - column) ** 2 + (y - row) ** 2
            inputs[picture][away < radius**2] = [60, 90, 250] if square else [250, 230, 40]
            targets[picture, 0] = column / WIDTH, row / HEIGHT, 2 * radius / WIDTH, 2 * radius / HEIGHT, bool(square)
    writer = ShardWriter(folder)
    writer.append(inputs, targets if several else targets[..., :4])
    names = [str(number) for number in range(count)]
    writer.close(pd.DataFrame({"example": names, "group": names}))
    return PackedSplit(folder)
