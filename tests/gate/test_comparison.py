"""Two models on the same examples: properties that hold for all pairs, and results of known methods."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slipway import tasks
from slipway.gate.comparison import Comparison, compare
from slipway.gate.contributions import Scored
from slipway.gate.rules import Baseline

NAMES = ("a", "b")
TASK = tasks.load("image_classification", {"height": 8, "width": 8})


def model(right: np.ndarray, groups: np.ndarray | None = None, targets: np.ndarray | None = None) -> Scored:
    """A model of two classes that is correct where `right` [n] is."""
    count = len(right)
    targets = np.arange(count) % 2 if targets is None else targets
    predictions = np.eye(2, dtype=np.float32)[np.where(right, targets, 1 - targets)] * 0.8 + 0.1
    examples = pd.DataFrame(
        {
            "example": [f"e{number}" for number in range(count)],
            "label": np.array(NAMES)[targets],
            "group": [f"g{one}" for one in (np.arange(count) if groups is None else groups)],
        }
    )
    spec = {"objective": "multiclass", "outputs": list(NAMES), "classes": list(NAMES)}
    return Scored(TASK, spec, examples, targets, predictions)


def against(old: Scored, new: Scored, most: float = 0.02, decide: Any = "interval", **rules: Any) -> Comparison:
    baseline = Baseline(**(rules or {"overall": {"accuracy": {"most": most}}}))
    return compare(baseline, old, new, decide, resamples=100, confidence=0.95, seed=1)


rights = st.integers(20, 80).flatmap(
    lambda count: st.tuples(*[st.lists(st.booleans(), min_size=count, max_size=count).map(np.array)] * 2)
)


@settings(max_examples=30)
@given(rights, st.floats(0, 0.5))
def test_an_identical_model_passes_every_rule(right: tuple[np.ndarray, np.ndarray], most: float) -> None:
    one = model(right[0])
    rules = {
        "overall": {"accuracy": {"most": most}, "f1": {"most": most}},
        "per_class": {"recall": {"most": most}},
        "per_group": {"group": {"accuracy": {"most": most}}},
    }
    found = against(one, model(right[0]), **rules)
    assert {rule.verdict for rule in found.rules if rule.value is not None} <= {"pass"}
    assert (found.worse, found.better, found.p) == (0, 0, 1.0)


@settings(max_examples=30)
@given(rights)
def test_swapped_models_mirror_the_loss(right: tuple[np.ndarray, np.ndarray]) -> None:
    old, new = model(right[0]), model(right[1])
    (there,), (back,) = against(old, new).rules, against(new, old).rules
    assert there.value == pytest.approx(-(back.value or 0))
    assert there.low == pytest.approx(-(back.high or 0), abs=1e-9)
    assert there.high == pytest.approx(-(back.low or 0), abs=1e-9)
    assert not (there.verdict == "fail" and back.verdict == "fail")


@settings(max_examples=30)
@given(rights, st.floats(0, 0.5), st.floats(0, 0.5))
def test_allowing_more_is_never_worse(right: tuple[np.ndarray, np.ndarray], most: float, more: float) -> None:
    rank = {"pass": 0, "hold": 1, "fail": 2}
    old, new = model(right[0]), model(right[1])
    strict, loose = against(old, new, most).rules[0], against(old, new, most + more).rules[0]
    assert rank[loose.verdict] <= rank[strict.verdict]


@settings(max_examples=30)
@given(rights)
def test_the_order_of_the_examples_does_not_matter(right: tuple[np.ndarray, np.ndarray]) -> None:
    count = len(right[0])
    order = np.random.default_rng(0).permutation(count)
    targets = np.arange(count) % 2
    straight = against(model(right[0]), model(right[1]))
    mixed = against(*(model(one[order], groups=np.arange(count)[order], targets=targets[order]) for one in right))
    assert mixed.rules[0].value == pytest.approx(straight.rules[0].value)
    assert (mixed.worse, mixed.better, mixed.p) == (straight.worse, straight.better, straight.p)


def test_a_clear_loss_fails_a_small_one_holds_and_a_gain_passes() -> None:
    full = np.ones(400, bool)
    lost = {count: np.arange(400) >= count for count in (10, 80)}
    assert against(model(full), model(lost[80])).rules[0].verdict == "fail"
    assert against(model(full), model(lost[10])).rules[0].verdict == "hold"
    assert against(model(lost[80]), model(full)).rules[0].verdict == "pass"


def test_a_rule_decided_on_the_point_never_holds() -> None:
    full, less = np.ones(400, bool), np.arange(400) >= 10
    assert against(model(full), model(less), 0.03, "point").rules[0].verdict == "pass"
    assert against(model(full), model(less), 0.02, "point").rules[0].verdict == "fail"


def test_few_groups_make_the_interval_wider() -> None:
    less = np.arange(400) % 10 > 0
    alone = against(model(np.ones(400, bool)), model(less)).rules[0]
    videos = np.arange(400) // 40
    bursts = np.arange(400) % 40 >= 4 * (videos % 3)
    grouped = against(model(np.ones(400, bool), videos), model(bursts, videos)).rules[0]
    assert (grouped.high or 0) - (grouped.low or 0) > (alone.high or 0) - (alone.low or 0)


def test_without_flips_the_interval_is_that_of_a_share_never_seen() -> None:
    old = model(np.ones(100, bool))
    new = replace(old, predictions=old.predictions * 0.99)
    rule = against(old, new).rules[0]
    assert rule.value == 0
    assert rule.high == pytest.approx(1 - 0.025 ** (1 / 100))
    assert rule.verdict == "hold"


def test_the_same_loss_in_every_group_holds() -> None:
    groups = np.arange(200) // 20
    old = np.arange(200) % 20 > 3
    new = old & (np.arange(200) % 20 != 7)
    (rule,) = against(model(old, groups), model(new, groups), 0.2).rules
    assert (rule.value, rule.low, rule.verdict) == (pytest.approx(0.05), None, "hold")


def test_more_rules_need_stronger_evidence_to_fail() -> None:
    full, less = model(np.ones(400, bool)), model(np.arange(400) >= 9)
    overall = {"accuracy": {"most": 0.009}}
    assert against(full, less, overall=overall).rules[0].verdict == "fail"
    others = {f"g{number}": {"accuracy": {"most": 1}} for number in range(9)}
    columns = {name: ["x"] * 400 for name in others}
    full, less = (replace(one, examples=one.examples.assign(**columns)) for one in (full, less))
    among = against(full, less, overall=overall, per_group=others).rules[0]
    assert among.verdict == "hold"
    assert "one of 10 rules may fail by chance" in among.reason


def test_a_loss_in_one_class_is_found_where_the_overall_score_hides_it() -> None:
    count = 600
    targets = np.arange(count) % 2
    new = model(~((targets == 0) & (np.arange(count) < 200)), targets=targets)
    rules = {"overall": {"accuracy": {"most": 0.3}}, "per_class": {"recall": {"most": 0.1}}}
    found = {(rule.metric, rule.of): rule.verdict for rule in against(model(np.ones(count, bool)), new, **rules).rules}
    assert found["accuracy", None] == "pass"
    assert found["recall", "a"] == "fail"


def test_a_loss_of_one_label_is_found_though_no_example_is_right_before_or_after() -> None:
    """The other label is wrong everywhere, so exact match does not change; McNemar's test counts the label itself."""
    targets = np.ones((60, 2), np.uint8)
    examples = pd.DataFrame({"example": [f"e{number:02d}" for number in range(60)], "label": "a, b"})
    examples["group"] = examples["example"]
    task = tasks.load("image_multilabel", {"height": 8, "width": 8})
    spec = {"objective": "multilabel", "outputs": list(NAMES), "classes": list(NAMES), "threshold": [0.5, 0.5]}
    before, after = (np.tile(np.array([0.1, b], np.float32), (60, 1)) for b in (0.9, 0.9))
    after[:30, 1] = 0.2
    old, new = (Scored(task, spec, examples, targets, one) for one in (before, after))
    rules = {"overall": {"exact_match": {"most": 0.02}}, "per_class": {"recall": {"most": 0.1}}}
    found = against(old, new, **rules)
    verdicts = {(rule.metric, rule.of): rule.verdict for rule in found.rules}
    assert verdicts["recall", "b"] == "fail" and verdicts["exact_match", None] != "fail"
    assert found.worse == found.better == 0


def test_a_class_that_the_model_does_not_know_fails() -> None:
    rules = {"per_class": {"recall": {"most": 0.5, "classes": ["cat"]}}}
    (rule,) = against(model(np.ones(50, bool)), model(np.ones(50, bool)), **rules).rules
    assert (rule.of, rule.verdict) == ("cat", "fail")


def renamed(one: Scored, *classes: str) -> Scored:
    return replace(one, spec=one.spec | {"outputs": list(classes), "classes": list(classes)})


def test_a_class_that_the_baseline_does_not_know_holds_also_where_a_first_release_passes() -> None:
    old = model(np.ones(50, bool))
    rules = {"first_release": "pass", "per_class": {"recall": {"most": 0.5, "first_release": "pass"}}}
    found = {rule.of: rule for rule in against(old, renamed(old, "a", "c"), **rules).rules}
    assert (found["a"].verdict, found["c"].verdict) == ("pass", "hold")
    assert found["c"].reason == "the baseline does not know this class"


def test_a_class_that_only_the_baseline_knows_fails_unless_the_rule_names_others() -> None:
    old = model(np.ones(50, bool))
    found = {
        rule.of: rule.verdict
        for rule in against(old, renamed(old, "a", "c"), per_class={"recall": {"most": 0.5}}).rules
    }
    assert found["b"] == "fail"
    (rule,) = against(old, renamed(old, "a", "c"), per_class={"recall": {"most": 0.5, "classes": ["a"]}}).rules
    assert (rule.of, rule.verdict) == ("a", "pass")


@pytest.mark.parametrize("videos", [12, 60])
def test_a_model_that_is_as_good_fails_no_more_often_than_stated(videos: int) -> None:
    """No loss is allowed, which is the worst case; the flips of one video are correlated."""
    random, draws, failed = np.random.default_rng(5), 200, 0
    group = np.arange(240) * videos // 240
    for _ in range(draws):
        hard = np.minimum(random.exponential(size=videos), 4)[group]
        old = random.random(240) < 0.9
        flips = random.random(240) < np.where(old, 0.03 / 0.9, 0.03 / 0.1) * hard
        judged = against(model(old, group), model(old ^ flips, group), most=0).rules[0]
        failed += judged.verdict == "fail"
    assert failed / draws <= 0.025 + 2 * (0.025 * 0.975 / draws) ** 0.5


def test_a_score_that_is_not_a_ratio_is_compared_on_the_same_draws() -> None:
    full, less = np.ones(300, bool), np.arange(300) >= 60
    (rule,) = against(model(full), model(less), overall={"f1": {"most": 0.02}}).rules
    assert rule.verdict == "fail"
    assert rule.low is not None and rule.low < (rule.value or 0) < (rule.high or 0)


def test_a_relative_loss_is_a_share_of_the_baseline() -> None:
    old, new = model(np.arange(400) < 200), model(np.arange(400) < 150)
    (rule,) = against(old, new, overall={"accuracy": {"most": 0.1, "relative": True}}).rules
    assert rule.value == pytest.approx(0.25)


def test_flips_are_listed_with_the_worse_first() -> None:
    old, new = model(np.array([1, 1, 0, 0] * 10, bool)), model(np.array([1, 0, 1, 0] * 10, bool))
    found = against(old, new)
    assert (found.worse, found.better) == (10, 10)
    assert [flip.better for flip in found.flips] == [False] * 10 + [True] * 10
    first = found.flips[0]
    assert (first.example, first.actual, first.old, first.new) == ("e1", "b", "b", "a")


def test_objects_of_a_class_are_no_decisions_about_their_picture() -> None:
    """Each picture shows two helmets; a model that finds one of them in most pictures has lost many."""

    def detector(found: np.ndarray) -> Scored:
        boxes = np.array([[0.3, 0.5, 0.2, 0.2], [0.7, 0.5, 0.2, 0.2]], np.float32)
        targets = np.tile(np.column_stack([boxes, [0, 0]]), (40, 1, 1)).astype(np.float32)
        predictions = np.tile(np.column_stack([boxes, [1, 1], [0, 0]]), (40, 1, 1)).astype(np.float32)
        predictions[..., 4] = np.arange(2) < found[:, None]
        names = [f"e{number}" for number in range(40)]
        examples = pd.DataFrame({"example": names, "label": "helmet", "group": names})
        task = tasks.load("object_detection", {"height": 96, "width": 96, "classes": ["helmet", "head"]})
        spec = {"outputs": ["helmet", "head"], "classes": ["helmet", "head"], "threshold": 0.5}
        return Scored(task, {**spec, "input": {"shape": [96, 96, 3]}}, examples, targets, predictions)

    rule = {"per_class": {"detection_rate": {"most": 0.1, "classes": ["helmet"]}}}
    both, most = detector(np.full(40, 2)), detector(np.where(np.arange(40) % 4, 1, 2))
    (lost,) = against(both, most, **rule).rules
    assert (lost.of, lost.value, lost.verdict) == ("helmet", 0.375, "fail")
    assert [one.verdict for one in against(most, both, **rule).rules] == ["pass"]
