"""The lists of mistakes: which examples are in them, and that each task shows its own."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import guesses
from slipway.core.shown import Shown
from slipway.gate.comparison import Comparison, Flip
from slipway.gate.contributions import Scored
from slipway.release.figures import figures
from slipway.release.mistakes import BETTER, CONFIDENT, FURTHEST, MOST, SUSPECT, WORSE, Mistake, mistakes
from slipway.release.view import view
from slipway.tasks.object_detection.gallery import confidence, shown

PICTURES = "image_classification"


def pictures(probabilities: list[list[float]], labels: list[int]) -> Scored:
    """A classifier of ads and content with these probabilities for pictures that are not on the disk."""
    names = ["ad", "content"]
    examples = pd.DataFrame(
        {
            "example": [f"{names[label]}/{number}.jpg" for number, label in enumerate(labels)],
            "label": [names[label] for label in labels],
            "group": [f"v{number // 2}" for number in range(len(labels))],
        }
    )
    spec = {"outputs": names, "classes": names}
    task = guesses.tasks.load(PICTURES, guesses.params("base-ad-detector")["data"])
    return Scored(task, spec, examples, np.array(labels), np.array(probabilities))


def listed(found: list[Mistake], why: str) -> list[str]:
    return [one.example for one in found if one.why == why]


def test_the_mistakes_with_the_highest_confidence_come_first(tmp_path: Path) -> None:
    scored = pictures([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.01, 0.99]], [0, 1, 0, 0])
    found = mistakes(scored, PICTURES, tmp_path / "absent")
    assert listed(found, CONFIDENT) == ["ad/3.jpg", "ad/2.jpg", "content/1.jpg"]
    assert [(one.kind, one.said, one.certainty, one.group) for one in found[:1]] == [("ad", "content", "0.990", "v1")]


def test_flipped_examples_have_what_both_models_say(tmp_path: Path) -> None:
    scored = pictures([[0.9, 0.1], [0.6, 0.4]], [0, 1])
    flips = (Flip("content/1.jpg", "content", "content", "ad", False), Flip("ad/0.jpg", "ad", "content", "ad", True))
    compared = Comparison((), 2, 1, 1, 1, None, flips)
    found = mistakes(scored, PICTURES, tmp_path / "absent", compared)
    assert listed(found, WORSE) == ["content/1.jpg"] and listed(found, BETTER) == ["ad/0.jpg"]
    assert (found[1].label, found[1].before, found[1].said) == ("content", "content", "ad")


def test_a_label_is_suspect_if_models_that_did_not_learn_it_are_as_sure_as_usual_of_another_class(
    tmp_path: Path,
) -> None:
    sure = [[0.9, 0.1]] * 5 + [[0.1, 0.9]] * 5
    scored = pictures([[0.9, 0.1]], [0])
    folds = pictures([*sure, [0.05, 0.95], [0.4, 0.6], [0.92, 0.08]], [0] * 5 + [1] * 5 + [0, 0, 1])
    found = mistakes(scored, PICTURES, tmp_path / "absent", None, folds)
    assert listed(found, SUSPECT) == ["ad/10.jpg", "content/12.jpg"]  # of ad/11.jpg they are less sure than usual


def test_without_raw_data_the_mistakes_are_listed_and_say_how_to_get_it(tmp_path: Path) -> None:
    (one,) = mistakes(pictures([[0.1, 0.9]], [0]), PICTURES, tmp_path / "absent")
    assert one.shown == Shown(
        problem=f"{tmp_path}/absent is not here: run `dvc pull {tmp_path}/absent`, then the report again"
    )


def test_a_picture_that_cannot_be_read_does_not_hide_the_others(tmp_path: Path) -> None:
    (tmp_path / "ad").mkdir()
    (tmp_path / "ad/0.jpg").write_bytes(b"no picture")
    found = mistakes(pictures([[0.1, 0.9], [0.2, 0.8]], [0, 0]), PICTURES, tmp_path)
    assert [one.shown.picture for one in found] == [None, None]
    assert "<p>Not shown: " in view(found[0].shown)


@pytest.mark.parametrize("variant", guesses.SMALL)
def test_each_task_shows_its_examples(variant: str, tmp_path: Path) -> None:
    guesses.simulate(variant, tmp_path)
    found = mistakes(guesses.scored(variant, tmp_path), guesses.params(variant)["task"], tmp_path)
    assert 0 < len(found) <= MOST
    assert all(one.shown.problem is None for one in found)
    first = found[0].shown
    match variant:
        case "base-ad-detector":
            assert first.picture is not None and first.picture.shape == (144, 256, 3)
        case "wildlife-detector":
            assert first.picture is not None and len(first.picture) == 64
            assert first.sound is not None and first.sound[1] == 22050
            assert "data:audio/mpeg;base64," in view(first)
        case "handball-ball":
            assert {box.actual for one in found for box in one.shown.boxes} == {True, False}
        case "handball-pose":
            assert [pose.actual for pose in first.poses] == [True, False]
            assert found[0].why == FURTHEST and found[0].certainty.startswith("off by 0.")
        case "handball-context":
            assert {"x", "p1_event", "p3_dt"} <= first.row.keys()
        case "demand-predictor":
            assert {"timestamp", "place", "temperature", "visitors, a season before"} <= first.row.keys()
            assert found[0].why == FURTHEST


def test_a_forecast_of_quantiles_says_its_middle_and_its_interval(tmp_path: Path) -> None:
    data = {"target": "sales", "step": "1d", "quantiles": [0.1, 0.5, 0.9]}
    task = guesses.tasks.load("tabular_regression", data)
    times = pd.date_range("2026-01-01", periods=2, freq="D")
    examples = pd.DataFrame({"example": ["a", "b"], "label": [5.0, 9.0], "group": "s", "weekday": 1, "naive": 5.0})
    spec = {
        "outputs": ["low", "middle", "high"],
        "quantiles": [0.1, 0.5, 0.9],
        "places": ["s"],
        "objective": "regression",
    }
    predicted = np.array([[1.0, 2.0, 3.0], [1.0, 20.0, 1_234_567.0]])
    found = mistakes(
        Scored(task, spec, examples.assign(time=times), predicted, predicted), "tabular_regression", tmp_path / "absent"
    )
    assert [(one.example, one.said) for one in found] == [
        ("b", "20.00 (1.000 to 1,234,567)"),
        ("a", "2.000 (1.000 to 3.000)"),
    ]


def test_a_detector_is_sure_of_what_it_invents_and_of_what_it_does_not_find() -> None:
    ball, other = [0.5, 0.5, 0.2, 0.2], [0.1, 0.1, 0.1, 0.1]
    targets = np.array([[ball], [ball], [ball], [[np.nan] * 4]])
    found = np.array([[[*ball, 0.9]], [[*ball, 0.2]], [[*other, 0.7]], [[*other, 0.6]]])
    assert confidence(targets, found, {}).tolist() == pytest.approx([0.1, 0.8, 1.0, 0.6])


def test_a_detector_of_several_classes_is_wrong_about_an_object_that_it_calls_another() -> None:
    place = [0.5, 0.5, 0.2, 0.2]
    targets = np.array([[[*place, 0]], [[*place, 1]]])
    found = np.array([[[*place, 0.9, 0]], [[*place, 0.9, 0]]])
    assert confidence(targets, found, {}).tolist() == pytest.approx([0.1, 1.0])


def test_boxes_of_several_classes_are_named(tmp_path: Path) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    spec = {"outputs": ["head", "helmet"], "threshold": 0.5}
    targets = np.array([[[0.5, 0.5, 0.2, 0.2, 1], [np.nan] * 5]])
    found = np.array([[[0.5, 0.5, 0.2, 0.2, 0.75, 0], [0, 0, 0, 0, 0, 0]]])
    (one,) = shown(None, tmp_path, pd.DataFrame({"example": ["a.png"]}), targets, found, spec)
    assert [(box.text, box.actual) for box in one.boxes] == [("helmet", True), ("head 0.75", False)]


def test_files_with_several_labels_are_mistakes_by_their_worst_label(tmp_path: Path) -> None:
    """One decision is of two labels, so there is no confusion matrix, and no label is a class of its own."""
    names = ["rain", "wind"]
    data = {"height": 8, "width": 8, "classes": names}
    task = guesses.tasks.load("image_multilabel", data)
    spec = {"outputs": names, "classes": names, "threshold": [0.5, 0.5]}
    examples = pd.DataFrame({"example": list("abc"), "label": ["rain; wind", "", "wind"], "group": list("abc")})
    targets = np.array([[1, 1], [0, 0], [0, 1]], np.uint8)
    scored = Scored(task, spec, examples, targets, np.array([[0.9, 0.4], [0.8, 0.1], [0.1, 0.9]]))
    found = mistakes(scored, "image_multilabel", tmp_path / "absent")
    assert [(one.example, one.certainty) for one in found] == [("b", "0.800"), ("a", "0.600")]
    assert "Confusion matrix" not in [one.title for one in figures(scored, None, None, {})]
