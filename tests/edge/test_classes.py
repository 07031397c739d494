"""What classification tasks return for a prediction."""

import numpy as np
import pytest

from slipway_edge.classes import MultiLabel, decide, text
from slipway_edge.errors import ModelError
from slipway_edge.fields import check

SPEC = {"outputs": ["bird", "rain", "wind"], "threshold": [0.5, 0.25, 0.75]}


def test_labels_are_those_at_or_above_their_thresholds_with_all_probabilities() -> None:
    predictions = np.array([[0.5, 0.5, 0.5], [0.25, 0.125, 0.0]], np.float32)
    assert MultiLabel().present(predictions, ["a.jpg", "b.jpg"], SPEC) == [
        {"labels": ["bird", "rain"], "probabilities": {"bird": 0.5, "rain": 0.5, "wind": 0.5}},
        {"labels": [], "probabilities": {"bird": 0.25, "rain": 0.125, "wind": 0.0}},
    ]
    assert decide(predictions, SPEC["threshold"]).tolist() == [[True, True, False], [False, False, False]]


def test_labels_in_words() -> None:
    assert [text(of) for of in ([], ["bird"], ["bird", "rain"])] == ["no label", "bird", "bird, rain"]


def test_a_record_without_a_threshold_for_each_label_is_refused() -> None:
    with pytest.raises(ModelError, match="spec has no threshold"):
        check({}, MultiLabel.spec_fields, "spec")
    with pytest.raises(ModelError, match="not of type list"):
        check({"threshold": 0.5}, MultiLabel.spec_fields, "spec")
