"""A record must judge every rule of the gate, and no verdict may be better than its figures."""

from dataclasses import replace

import pytest

from slipway.core.errors import ModelError
from slipway.gate.completeness import check
from slipway.gate.rules import Gate
from slipway.gate.verdict import judge, judge_bound
from slipway.metrics.classification import METRICS
from slipway.records.verdict import Judgement, Verdict

GATE = Gate(
    least={"groups": 8},
    rules={"accuracy": {"min": 0.8}},
    per_class={"recall": {"min": 0.5}},
    per_group={"group": {"accuracy": {"min": 0.5}, "f1": {"min": 0.5}}},
    conversion={"accuracy": {"most": 0.02, "relative": True}},
)
GOOD = {"value": 0.9, "low": 0.85, "high": 0.95}
RULES = [
    *judge(
        GATE,
        {"accuracy": GOOD},
        {"accuracy": GOOD},
        {"accuracy": {"value": 0.0, "low": 0.0, "high": 0.0}},
        {"examples": 100, "groups": 50},
        METRICS,
    ).rules,
    *(judge_bound("recall", 0.5, None, GOOD, "interval", name) for name in ("a", "b")),
    *(
        judge_bound(metric, 0.5, None, GOOD, "interval", f"group {one}")
        for metric in ("accuracy", "f1")
        for one in "xy"
    ),
]


def read(rules: list[Judgement], gate: Gate = GATE) -> list[Judgement]:
    check(Verdict.of(rules), gate, ["a", "b"], "release.json")
    return rules


def test_a_record_that_judges_every_rule_is_accepted() -> None:
    assert read(RULES) == RULES


@pytest.mark.parametrize("number", range(len(RULES)))
def test_each_removed_rule_is_detected(number: int) -> None:
    with pytest.raises(ModelError, match=r"^release.json: the rule .* was not judged$"):
        read(RULES[:number] + RULES[number + 1 :])


def test_removing_all_rules_on_groups_is_detected() -> None:
    with pytest.raises(ModelError, match=r"the rule accuracy of each group ≥ 0\.5 was not judged"):
        read([rule for rule in RULES if not (rule.of or "").startswith("group ")])


def test_a_rule_with_another_bound_is_another_rule() -> None:
    with pytest.raises(ModelError, match=r"the rule accuracy ≥ 0\.8 was not judged"):
        read([RULES[0], replace(RULES[1], min=0.1), *RULES[2:]])


@pytest.mark.parametrize("number", range(len(RULES)))
def test_a_verdict_is_no_better_than_its_figures(number: int) -> None:
    rule = RULES[number]
    bad = -0.5 if rule.kind == "bound" else 0.5
    edited = replace(rule, value=bad, low=bad, high=bad)
    with pytest.raises(ModelError, match="says pass, but its figures do not support that"):
        read([*RULES[:number], edited, *RULES[number + 1 :]])


def test_a_rule_on_one_of_many_classes_may_hold_where_its_figures_fail() -> None:
    at = next(number for number, rule in enumerate(RULES) if rule.of == "a")
    held = replace(RULES[at], value=0.3, low=0.2, high=0.4, verdict="hold")
    assert held in read([*RULES[:at], held, *RULES[at + 1 :]])
