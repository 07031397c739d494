"""The parts of a score add up to the score of the task, on every draw."""

import pkgutil
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from slipway import tasks
from slipway.core.protocol import column
from slipway.gate.contributions import Scored, aligned
from slipway.metrics.keypoints import SIGMAS
from slipway_edge.classes import text


def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def frame(n: int, **more: Any) -> pd.DataFrame:
    names = [f"e{number:03d}" for number in range(n)]
    return pd.DataFrame({"example": names, "group": [f"g{number // 3}" for number in range(n)], **more})


def pictures(n: int = 60) -> Scored:
    random, names = rng(), ["a", "b", "c"]
    targets = random.integers(3, size=n)
    predictions = random.dirichlet(np.ones(3), size=n).astype(np.float32)
    spec = {"objective": "multiclass", "outputs": names, "classes": names}
    task = tasks.load("image_classification", {"height": 8, "width": 8})
    return Scored(task, spec, frame(n, label=np.array(names)[targets]), targets, predictions)


def sounds() -> Scored:
    return replace(pictures(), task=tasks.load("audio_classification", {}))


def adverts() -> Scored:
    many = pictures()
    spec = {"objective": "multiclass", "outputs": ["a", "b"], "classes": ["a", "b"]}
    return Scored(many.task, spec, many.examples, many.targets % 2, many.predictions[:, :2])


def fouls(n: int = 60) -> Scored:
    random = rng()
    targets = random.integers(2, size=n)
    spec = {"objective": "binary", "outputs": ["ball"], "classes": ["ball", "not ball"], "threshold": 0.6}
    task = tasks.load("tabular_classification", {"target": "y", "positive": "1", "name": "ball", "numeric": ["x"]})
    label = np.where(targets == 1, "ball", "not ball")
    return Scored(task, spec, frame(n, label=label), targets, random.random((n, 1)).astype(np.float32))


def demand(n: int = 60) -> Scored:
    random = rng()
    label, naive = random.random(n) * 100, random.random(n) * 100
    naive[:5] = np.nan
    hours = pd.date_range("2024-01-01", periods=n, freq="h")
    data = {"target": "visitors", "time": "time", "place": "place"}
    examples = frame(n, label=label, naive=naive, time=hours, hour=hours.hour)
    spec = {"objective": "regression", "outputs": ["visitors"]}
    task = tasks.load("tabular_regression", data)
    return Scored(task, spec, examples, label.astype(np.float32), (label + random.normal(size=n) * 9)[:, None])


def pose(n: int = 30) -> Scored:
    random, names = rng(), list(SIGMAS)[:5]
    targets = random.random((n, 5, 3)).astype(np.float32)
    targets[..., 2] = random.integers(3, size=(n, 5))
    targets[:, 0, 2] = 2
    predictions = targets + random.normal(scale=0.08, size=targets.shape).astype(np.float32)
    box = random.uniform(20, 80, size=(n, 4))
    crop = {f"crop_{part}": column for part, column in zip(("x", "y", "width", "height"), box.T, strict=True)}
    examples = frame(n, label="person", box=box.tolist(), area=box[:, 2] * box[:, 3], **crop)
    spec = {
        "objective": "keypoints", "outputs": names, "sigmas": [SIGMAS[name] for name in names],
        "input": {"shape": [64, 48, 3]},
    }  # fmt: skip
    return Scored(tasks.load("keypoint_detection", {"height": 64, "width": 48}), spec, examples, targets, predictions)


def balls(n: int = 30) -> Scored:
    random = rng()
    targets = np.full((n, 2, 4), np.nan, np.float32)
    targets[: n - 6, 0] = random.uniform(0.2, 0.6, size=(n - 6, 4))
    predictions = np.zeros((n, 3, 5), np.float32)
    predictions[:, 0, :4] = np.nan_to_num(targets[:, 0], nan=0.4) + random.normal(scale=0.02, size=(n, 4))
    predictions[:, 1, :4] = random.uniform(0.2, 0.6, size=(n, 4))
    predictions[..., 4] = random.random((n, 3))
    predictions[:, 2] = 0
    spec = {
        "objective": "boxes", "outputs": ["ball"], "classes": ["ball"], "threshold": 0.4,
        "input": {"shape": [96, 96, 3]},
    }  # fmt: skip
    task = tasks.load("object_detection", {"height": 96, "width": 96, "name": "ball"})
    return Scored(task, spec, frame(n, label="ball"), targets, predictions)


def helmets(n: int = 60) -> Scored:
    """The objects of `balls`, of two classes; one in five is taken for the other one."""
    one = balls(n)
    kinds = rng().integers(2, size=(n, 3, 1)).astype(np.float32)
    targets = np.concatenate([one.targets, np.where(np.isnan(one.targets[..., :1]), np.nan, kinds[:, :2])], axis=-1)
    wrong = (np.arange(n) % 5 == 0)[:, None, None]
    predictions = np.concatenate([one.predictions, np.where(wrong, 1 - kinds, kinds)], axis=-1)
    task = tasks.load("object_detection", {"height": 96, "width": 96, "classes": ["helmet", "head"]})
    spec = one.spec | {"outputs": ["helmet", "head"], "classes": ["helmet", "head"]}
    return Scored(task, spec, one.examples, targets.astype(np.float32), predictions.astype(np.float32))


def penguins(n: int = 60) -> Scored:
    random = rng()
    targets, names = random.integers(3, size=n), ["Adelie", "Chinstrap", "Gentoo"]
    task = tasks.load("tabular_multiclass", {"target": "species", "numeric": ["bill"], "categorical": ["island"]})
    label, island = np.array(names)[targets], random.choice(["Dream", "Biscoe"], n)
    spec = {"objective": "multiclass", "outputs": names, "classes": names}
    examples = frame(n, label=label, **{"column island": island})
    return Scored(task, spec, examples, targets, random.dirichlet([1, 1, 1], n).astype(np.float32))


def flats(n: int = 60) -> Scored:
    random = rng()
    task = tasks.load("row_regression", {"target": "price", "numeric": ["area"], "categorical": ["district"]})
    label, district = random.random(n) * 100, random.choice(["north", "south"], n)
    spread = {"relative": False, "low": -9.0, "high": 9.0}
    spec = {"objective": "regression", "outputs": ["price"], "spread": spread}
    examples = frame(n, label=label, **{"column district": district})
    return Scored(task, spec, examples, label.astype(np.float32), (label + random.normal(size=n) * 9)[:, None])


def tags(n: int = 60) -> Scored:
    """Pictures with any number of labels, some without one."""
    random, names = rng(), ["bird", "rain", "wind"]
    targets = (random.random((n, 3)) < [0.5, 0.3, 0.1]).astype(np.uint8)
    task = tasks.load("image_multilabel", {"height": 8, "width": 8})
    label = [text([name for name, has in zip(names, row, strict=True) if has]) for row in targets]
    spec = {"objective": "multilabel", "outputs": names, "classes": names, "threshold": [0.5, 0.6, 0.7]}
    predictions = (0.4 * targets + 0.6 * random.random((n, 3))).astype(np.float32)
    return Scored(task, spec, frame(n, label=label), targets, predictions)


def calls() -> Scored:
    return replace(tags(), task=tasks.load("audio_multilabel", {}))


MODELS = {
    "audio_classification": sounds,
    "audio_multilabel": calls,
    "image_classification": pictures,
    "image_multilabel": tags,
    "keypoint_detection": pose,
    "object_detection": balls,
    "row_regression": flats,
    "tabular_classification": fouls,
    "tabular_multiclass": penguins,
    "tabular_regression": demand,
}


@pytest.mark.parametrize("name", [module.name for module in pkgutil.iter_modules(tasks.__path__)])
def test_scores_are_as_the_task_declares_them(name: str) -> None:
    scored = MODELS[name]()
    task, added = scored.task, scored.contributions
    assert type(task) is tasks.kind(name)
    assert scored.score().keys() == scored.score(np.zeros(len(scored.examples))).keys() == task.metrics.keys()
    assert added.ratios.keys() <= task.metrics.keys()
    of_class = {metric.name for metric in task.metrics.values() if metric.by_class}
    assert added.by_class.keys() == (set() if task.classes == () else of_class)
    assert (added.actual is None) == (task.classes == ())
    assert (added.decided is None) == (added.right is None) == (added.errors is not None)
    assert "group" in task.kinds and all(
        kind in scored.examples or column(kind) in scored.examples for kind in task.kinds
    )
    assert task.curves <= scored.scores.breakdowns().keys()
    assert task.words(scored.spec).output.count("{outputs}") == 1
    assert len({plot.name for plot in scored.scores.plots()}) == len(scored.scores.plots()) > 0


@pytest.mark.parametrize(
    ("scored", "metrics"),
    [
        (pictures(), {"accuracy"}),
        (fouls(), {"accuracy", "recall", "f1"}),
        (adverts(), {"accuracy", "recall", "f1"}),
        (demand(), {"mae", "mae_ratio_to_naive"}),
        (pose(), {"pck", "mean_error"}),
        (balls(), {"detection_rate", "false_positives_per_picture"}),
        (tags(), {"exact_match", "f1_micro"}),
        (helmets(), {"detection_rate", "false_positives_per_picture"}),
    ],
    ids=["pictures", "fouls", "adverts", "demand", "pose", "balls", "tags", "helmets"],
)
def test_the_parts_add_up_to_the_score_of_the_task(scored: Scored, metrics: set[str]) -> None:
    count = len(scored.examples)
    for weight in (np.ones(count), rng().integers(4, size=count).astype(float)):
        whole = scored.score(weight)
        known = {metric: parts for metric in whole if (parts := scored.ratio(metric)) is not None}
        assert set(known) == metrics
        for metric, (above, below) in known.items():
            assert weight @ above / (weight @ below) == pytest.approx(whole[metric], rel=1e-6)


@pytest.mark.parametrize(
    ("scored", "metric"),
    [(pictures(), "recall"), (tags(), "recall"), (helmets(), "detection_rate")],
    ids=["pictures", "tags", "helmets"],
)
def test_the_score_of_a_class_is_that_of_the_tables(scored: Scored, metric: str) -> None:
    table = scored.scores.breakdowns()["per_class"]
    assert tuple(table["class"]) == scored.classes
    for name, value in zip(table["class"], table[metric], strict=True):
        parts = scored.of_class(metric, name)
        assert parts is not None
        assert parts[0].sum() / parts[1].sum() == pytest.approx(value)
        assert ((parts[1] > 0) == scored.members(name)).all()


def test_a_picture_is_right_when_every_object_is_found_and_nothing_else() -> None:
    scored = balls()
    right = scored.contributions.right
    assert right is not None and scored.contributions.errors is None and not scored.classes
    found, objects = scored.ratio("detection_rate") or ((), ())
    false, _ = scored.ratio("false_positives_per_picture") or ((), ())
    assert right.tolist() == [f == o and not e for f, o, e in zip(found, objects, false, strict=True)]


def test_an_example_of_several_classes_is_a_member_of_each_and_one_of_none_of_no_class() -> None:
    scored = tags()
    assert scored.classes == ("bird", "rain", "wind") and not scored.exclusive and pictures().exclusive
    assert np.stack([scored.members(name) for name in scored.classes], axis=1).tolist() == scored.targets.tolist()
    assert (scored.actual == scored.examples["label"]).all() and "no label" in scored.actual
    contributed = scored.contributions
    assert contributed.right is not None and contributed.decided is not None
    assert (contributed.right == (contributed.decided == scored.actual)).all()


def test_numeric_predictions_have_errors_and_no_decision() -> None:
    for scored in (demand(), pose()):
        found = scored.contributions
        assert found.right is None and found.decided is None and not scored.classes
        assert found.errors is not None and (found.errors >= 0).all()


def test_examples_are_aligned_by_name() -> None:
    scored = pictures()
    names = scored.examples["example"].tolist()[::-1]
    turned = aligned(scored, names)
    assert turned is not None
    assert turned.examples["example"].tolist() == names
    assert turned.score() == pytest.approx(scored.score())
    assert aligned(scored, ["e000", "unknown"]) is None
