"""An answer in the log says how sure the model is and which classes it names, whatever the kind of model."""

from typing import Any

import pytest

from slipway.traffic.answers import NOTHING, Said, read


@pytest.mark.parametrize(
    ("answer", "confidence", "classes"),
    [
        ({"ad": 0.25, "content": 0.75}, 0.75, ("content",)),
        ({"ad": 0.5, "content": 0.5}, 0.5, ("ad",)),
        ({"hand_ball": 0.7, "decision": True}, 0.7, ("hand_ball",)),
        ({"hand_ball": 0.2, "decision": False}, 0.8, ()),
        ({"hand_ball": 0.4, "decision": True}, 0.6, ("hand_ball",)),  # its threshold is below one half
        ({"labels": ["owl"], "probabilities": {"owl": 0.9, "hawk": 0.3}}, 0.8, ("owl",)),
        ({"labels": [], "probabilities": {"owl": 0.1, "hawk": 0.1}}, 0.9, ()),
        ([{"label": "ball", "x": 1.0, "score": 0.6}, {"label": "ball", "x": 2.0, "score": 0.4}], 0.6, ("ball",)),
        ([{"label": "cat", "score": 0.6}, {"label": "dog", "score": 0.9}], 0.9, ("cat", "dog")),
        ({"nose": {"x": 1.0, "y": 2.0, "score": 0.5}, "hand": {"x": 1.0, "y": 2.0, "score": 1.0}}, 0.75, ()),
    ],
)
def test_confidence_and_classes(answer: Any, confidence: float, classes: tuple[str, ...]) -> None:
    assert read(answer) == Said(pytest.approx(confidence), classes)


@pytest.mark.parametrize(
    "answer",
    [
        {"visitors": 312.0},
        {"share": 0.5},  # a forecast between 0 and 1 is no probability
        {"price": 0.4, "interval": [0.2, 0.6]},
        [],
        {},
        [{"x": 1.0}],
        {"a": 0.5, "b": "much"},
        {"a": 0.5, "b": 3},
        {"a": True, "b": False},
        {"labels": ["owl"], "probabilities": {}},
        {"a": 0.5, "b": 0.5, "decision": True},
        "text",
        None,
        0.5,
    ],
)
def test_other_forms_say_nothing(answer: Any) -> None:
    assert read(answer) == NOTHING
