"""Which metrics, classes and kinds of group a rule may name."""

from typing import Any

import pytest
from pydantic import ValidationError

from slipway import tasks
from slipway.gate.rules import Gate, Loss, refusals


def refused(task: str, data: dict[str, Any], **rules: Any) -> list[tuple[str, str, str]]:
    one = tasks.load(task, data)
    found = refusals(Gate(**{"rules": {}, **rules}), one.metrics, one.kinds, one.classes)
    return [(".".join(path), what, instead) for path, what, instead in found]


SIZE = {"height": 8, "width": 8}
PICTURES = ("image_classification", SIZE | {"classes": ["ad", "content"]})
FOULS = (
    "tabular_classification",
    {"target": "kind", "positive": "hand", "name": "hand_ball", "categorical": ["period"]},
)
DEMAND = ("tabular_regression", {})


def test_rules_on_what_a_task_has_are_accepted() -> None:
    lose = {"most": 0.1}
    baseline = {"overall": {"size_bytes": lose, "f1": lose}, "per_class": {"recall": lose | {"classes": ["ad"]}}}
    assert not refused(*PICTURES, conversion={"accuracy": lose}, baseline=baseline)
    assert not refused(*FOULS, baseline={"per_group": {"period": {"accuracy": lose}, "group": {"recall": lose}}})
    assert not refused(*DEMAND, baseline={"overall": {"mae": lose}, "per_group": {"hour": {"mae": lose}}})


def test_a_metric_that_the_task_does_not_have_is_refused() -> None:
    (one,) = refused(*PICTURES, rules={"mae": {"max": 1}})
    assert one[:2] == ("rules.mae", "no such metric")
    assert "accuracy" in one[2]
    assert refused(*PICTURES, conversion={"latency_p95_ms": {"most": 1}})[0][0] == "conversion.latency_p95_ms"
    assert refused(*DEMAND, baseline={"overall": {"accuracy": {"most": 1}}})[0][0] == "baseline.overall.accuracy"


def test_floors_by_class_and_by_group_are_checked_in_the_same_way() -> None:
    least = {"min": 0.5}
    assert not refused(*PICTURES, per_class={"recall": least}, per_group={"group": {"accuracy": least}})
    assert refused(*PICTURES, per_class={"f1": least})[0][:2] == ("per_class.f1", "no such metric of one class")
    assert refused(*PICTURES, per_class={"recall": least | {"classes": ["cat"]}})[0][0] == "per_class.recall.classes"
    assert refused(*DEMAND, per_class={"recall": least})[0][0] == "per_class.recall"
    assert refused(*PICTURES, per_group={"channel": {"accuracy": least}})[0][1] == "no such kind of group"
    assert refused(*PICTURES, per_group={"group": {"mae": least}})[0][0] == "per_group.group.mae"


def test_a_class_that_the_task_does_not_have_is_refused() -> None:
    rule = {"per_class": {"recall": {"most": 0.1, "classes": ["ad", "cat"]}}}
    assert refused(*PICTURES, baseline=rule) == [
        ("baseline.per_class.recall.classes", "no such class as 'cat'", "known: ad, content")
    ]
    assert refused(*FOULS, baseline=rule)[0][1] == "no such class as 'ad'"
    assert not refused("image_classification", SIZE, baseline=rule), "only the raw folders name the classes"


def test_classes_of_a_task_without_decisions_are_refused() -> None:
    found = refused(*DEMAND, baseline={"per_class": {"recall": {"most": 0.1}}})
    assert found == [("baseline.per_class.recall", "the task does not decide between classes", "remove per_class")]


def test_a_kind_of_group_that_the_task_does_not_have_is_refused() -> None:
    (one,) = refused(*FOULS, baseline={"per_group": {"hour": {"accuracy": {"most": 0.1}}}})
    assert one == ("baseline.per_group.hour", "no such kind of group", "known: group, period")


def test_an_allowed_loss_is_not_negative() -> None:
    with pytest.raises(ValidationError):
        Loss(most=-0.1)
