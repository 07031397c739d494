"""Floors and ceilings by class and by group."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slipway import tasks
from slipway.core.protocol import of_column
from slipway.gate import floors
from slipway.gate.contributions import Scored
from slipway.gate.rules import Gate
from slipway.records.verdict import Judgement

NAMES = ("a", "b")


def model(right: np.ndarray, videos: int | None = None) -> Scored:
    """A model of two alternating classes that is correct where `right` [n] is; `videos` groups of neighbours."""
    count = len(right)
    targets = np.arange(count) % 2
    predictions = np.eye(2, dtype=np.float32)[np.where(right, targets, 1 - targets)] * 0.8 + 0.1
    groups = np.arange(count) * (videos or count) // count
    examples = pd.DataFrame(
        {
            "example": [f"e{number}" for number in range(count)],
            "label": np.array(NAMES)[targets],
            "group": [f"g{one}" for one in groups],
        }
    )
    spec = {"objective": "multiclass", "outputs": list(NAMES), "classes": list(NAMES)}
    return Scored(tasks.load("image_classification", {"height": 8, "width": 8}), spec, examples, targets, predictions)


def judged(scored: Scored, **rules: Any) -> dict[str | None, Judgement]:
    gate = Gate(**{"rules": {}, **rules})
    return {one.of: one for one in floors.judge(gate, scored, resamples=200, confidence=0.95, seed=1)}


def recall(least: float, **more: Any) -> dict[str, Any]:
    return {"per_class": {"recall": {"min": least, **more}}}


def test_a_class_below_its_floor_fails_where_the_whole_hides_it() -> None:
    wrong = (np.arange(600) % 2 == 0) & (np.arange(600) < 200)
    found = judged(model(~wrong), **recall(0.8))
    assert (found["a"].verdict, found["b"].verdict) == ("fail", "pass")
    assert found["a"].value == pytest.approx(2 / 3, abs=1e-6)
    assert found["a"].reason.endswith("is below the floor 0.8")


def test_an_interval_that_straddles_the_floor_holds_unless_the_rule_decides_on_the_point() -> None:
    right = np.arange(100) % 10 > 0
    assert judged(model(right), **recall(0.79))["a"].verdict == "hold"
    assert judged(model(right), **recall(0.79, decide_on="point"))["a"].verdict == "pass"
    assert judged(model(right), decide_on="point", **recall(0.81))["a"].verdict == "fail"


def test_only_the_named_classes_are_judged_and_an_unknown_one_fails() -> None:
    found = judged(model(np.ones(100, bool)), **recall(0.5, classes=["b", "cat"]))
    assert {of: one.verdict for of, one in found.items()} == {"b": "pass", "cat": "fail"}


def test_a_class_without_an_error_has_an_interval_by_its_number_of_groups() -> None:
    few, many = (judged(model(np.ones(400, bool), count), **recall(0.9))["a"] for count in (10, 200))
    assert (few.value, few.verdict) == (1, "hold")
    assert few.low == pytest.approx(0.025 ** (1 / 10), abs=1e-6)
    assert (many.value, many.verdict) == (1, "pass")


def test_each_group_of_a_kind_is_judged_and_rare_groups_together() -> None:
    scored = model(np.ones(120, bool))
    place = ["north"] * 60 + ["south"] * 50 + [f"p{number}" for number in range(10)]
    scored = replace(scored, examples=scored.examples.assign(place=place))
    found = judged(scored, per_group={"place": {"accuracy": {"min": 0.5}, "f1": {"min": 0.5}}})
    assert set(found) == {"place north", "place south", "place (others)"}
    assert {one.verdict for one in found.values()} == {"pass"}


def test_a_metric_that_is_not_a_ratio_of_sums_is_bootstrapped() -> None:
    found = judged(model(np.arange(200) % 10 > 0), per_group={"group": {"log_loss": {"max": 1.0}}})
    (one,) = found.values()
    assert one.low is not None and one.value is not None and one.high is not None
    assert one.low < one.value < one.high < 1
    assert one.verdict == "pass"


def test_a_single_example_gives_no_interval_and_holds() -> None:
    scored = model(np.ones(1, bool))
    (one,) = judged(scored, per_group={"group": {"accuracy": {"min": 0.5}}}).values()
    assert (one.verdict, one.low) == ("hold", None)
    assert "without an interval: the test examples have one group" in one.reason


def test_a_class_with_the_same_score_in_every_group_holds() -> None:
    right = np.arange(400) % 10 > 1  # four of five of each class in each video
    one = judged(model(right, 20), **recall(0.5))["a"]
    assert (one.value, one.low, one.verdict) == (0.8, None, "hold")


def test_fewer_groups_of_a_class_than_a_verdict_needs_hold() -> None:
    right = np.arange(400) % 7 > 0
    for groups, verdict in ((4, "hold"), (5, "pass")):
        one = judged(model(right, groups), least={"groups_of_slice": 5}, **recall(0.5))["a"]
        assert one.verdict == verdict
    assert judged(model(~right, 4), least={"groups_of_slice": 5}, **recall(0.5))["a"].verdict == "hold"


def test_more_rules_need_stronger_evidence_to_fail() -> None:
    right = np.arange(400) % 20 > 2
    assert judged(model(right), per_group={"group": {"accuracy": {"min": 0.885}}})["group (others)"].verdict == "fail"
    columns = {f"k{number}": ["x"] * 400 for number in range(9)}
    scored = model(right)
    scored = replace(scored, examples=scored.examples.assign(**columns))
    others = {name: {"accuracy": {"min": 0.0}} for name in columns}
    among = judged(scored, per_group={"group": {"accuracy": {"min": 0.885}}, **others})["group (others)"]
    assert among.verdict == "hold"
    assert "one of 10 rules may fail by chance" in among.reason


@settings(max_examples=30)
@given(st.lists(st.booleans(), min_size=20, max_size=80), st.floats(0, 1), st.floats(0, 1))
def test_a_higher_floor_is_never_easier(right: list[bool], floor: float, other: float) -> None:
    low, high = sorted((floor, other))
    order = ["pass", "hold", "fail"]
    easy, hard = (judged(model(np.array(right)), **recall(least)) for least in (low, high))
    assert all(order.index(easy[name].verdict) <= order.index(hard[name].verdict) for name in NAMES)


def test_a_kind_of_group_is_the_raw_datas_column_of_that_name_where_there_is_one() -> None:
    examples = pd.DataFrame({"group": ["a", "b"], "column group": ["x", "y"], "hour": [1, 2]})
    assert of_column(examples, "group").tolist() == ["x", "y"] and of_column(examples, "hour").tolist() == [1, 2]
