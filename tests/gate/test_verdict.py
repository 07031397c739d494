import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.core.metric import Metric, named
from slipway.gate.rules import Baseline, BaselineLoss, Gate, Loss, Rule
from slipway.gate.verdict import judge
from slipway.records.verdict import worst

figures = st.floats(-1e6, 1e6)
outcomes = st.sampled_from(["pass", "hold", "fail"])
rank = {"pass": 0, "hold": 1, "fail": 2}

DECLARED = named(*(Metric(name, better, "", "", None) for name, better in (("accuracy", "higher"), ("mae", "lower"))))


def one(rule: Rule, **measured: float | None):
    return judge(Gate(rules={"accuracy": rule}), {"accuracy": measured}).rules[0]


def test_a_floor_passes_holds_and_fails_by_where_the_interval_lies():
    floor = Rule(min=0.9)
    assert one(floor, value=0.95, low=0.92, high=0.97).verdict == "pass"
    assert one(floor, value=0.91, low=0.88, high=0.94).verdict == "hold"
    assert one(floor, value=0.89, low=0.86, high=0.92).verdict == "hold"
    assert one(floor, value=0.80, low=0.75, high=0.85).verdict == "fail"


def test_a_ceiling_passes_holds_and_fails_by_where_the_interval_lies():
    ceiling = Rule(max=20.0)
    assert one(ceiling, value=15, low=14, high=16).verdict == "pass"
    assert one(ceiling, value=19, low=17, high=21).verdict == "hold"
    assert one(ceiling, value=30, low=28, high=32).verdict == "fail"


def test_the_value_decides_a_figure_measured_without_examples():
    for value, verdict in ((99, "pass"), (101, "fail")):
        size = judge(Gate(rules={"size_bytes": Rule(max=100)}), {"size_bytes": {"value": value}})
        assert size.verdict == verdict


@pytest.mark.parametrize("figures", [{}, {"low": None, "high": None}])
@pytest.mark.parametrize("rule", [Rule(min=0.5), Rule(min=0.95)])
def test_a_score_without_an_interval_holds(figures: dict[str, float | None], rule: Rule):
    judged = one(rule, value=0.9, **figures)
    assert (judged.verdict, judged.reason[:4]) == ("hold", "0.9,")
    assert one(rule.model_copy(update={"decide_on": "point"}), value=0.9, **figures).verdict != "hold"


def test_a_loss_without_an_interval_holds():
    assert lost(Loss(most=0.02), "accuracy", value=0.0).verdict == "hold"


@pytest.mark.parametrize(("examples", "groups", "verdict"), [(30, 8, "pass"), (29, 8, "hold"), (30, 7, "hold")])
def test_nothing_passes_on_fewer_test_examples_or_groups_than_a_verdict_needs(examples: int, groups: int, verdict: str):
    gate = Gate(rules={}, least={"examples": 30, "groups": 8})
    assert judge(gate, {}, counts={"examples": examples, "groups": groups}).verdict == verdict
    assert judge(gate, {}).verdict == "fail"  # nothing was counted


def test_a_figure_equal_to_the_bound_is_within_it():
    assert one(Rule(min=0.9, max=0.9, decide_on="point"), value=0.9).verdict == "pass"
    assert one(Rule(min=0.9), value=0.93, low=0.9, high=0.95).verdict == "pass"
    assert one(Rule(min=0.9), value=0.85, low=0.8, high=0.9).verdict == "hold"


def test_a_rule_on_something_that_was_not_measured_fails():
    verdict = judge(
        Gate(rules={"accuracy": Rule(min=0.9), "f1": Rule(min=0.1)}), {"f1": {"value": 0.9, "low": 0.8, "high": 1}}
    )
    assert verdict.verdict == "fail"
    assert [(rule.metric, rule.verdict, rule.reason) for rule in verdict.rules] == [
        ("accuracy", "fail", "accuracy was not measured"),
        ("f1", "pass", "0.9 (0.8 to 1) meets the floor 0.1"),
    ]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, None])
@pytest.mark.parametrize("end", ["value", "low", "high"])
def test_a_figure_that_is_not_finite_fails(bad: float | None, end: str):
    assert one(Rule(min=0.5), **({"value": 0.9, "low": 0.8, "high": 0.95} | {end: bad})).verdict == "fail"


def lost(rule: Loss, metric: str, **difference: float | None):
    figures = {metric: difference} if difference else {}
    gate = Gate(rules={}, conversion={metric: rule})
    return judge(gate, {}, {metric: {"value": 2.0}}, figures, metrics=DECLARED).rules[0]


def test_a_loss_in_conversion_is_judged_by_its_interval():
    most = Loss(most=0.02)
    assert lost(most, "accuracy", value=0.01, low=0.0, high=0.02).verdict == "pass"
    assert lost(most, "accuracy", value=0.01, low=0.0, high=0.03).verdict == "hold"
    assert lost(most, "accuracy", value=0.04, low=0.03, high=0.05).verdict == "fail"
    assert lost(most, "accuracy", value=-0.5, low=-0.6, high=-0.4).verdict == "pass"
    assert lost(most, "accuracy", value=0.01, low=0.0, high=0.02).reason == (
        "loses 0.01 (0 to 0.02), within the allowed 0.02"
    )


def test_a_larger_error_is_a_loss():
    worse = lost(Loss(most=0.02), "mae", value=-0.5, low=-0.6, high=-0.4)
    assert (worse.value, worse.low, worse.high, worse.verdict) == (0.5, 0.4, 0.6, "fail")


def test_a_relative_loss_is_a_share_of_the_native_models_score():
    assert lost(Loss(most=0.3, relative=True), "accuracy", value=0.5, low=0.4, high=0.6).value == 0.25


def test_a_loss_that_was_not_measured_fails():
    assert lost(Loss(most=1), "accuracy").verdict == "fail"
    assert lost(Loss(most=1), "accuracy", value=math.nan).verdict == "fail"


def test_a_rule_decided_on_the_point_never_holds():
    gate = Gate(rules={"accuracy": Rule(min=0.9)}, decide_on="point")
    assert judge(gate, {"accuracy": {"value": 0.91, "low": 0.8, "high": 0.95}}).verdict == "pass"
    assert judge(gate, {"accuracy": {"value": 0.89, "low": 0.8, "high": 0.95}}).verdict == "fail"
    own = Gate(rules={"accuracy": Rule(min=0.9, decide_on="interval")}, decide_on="point")
    assert judge(own, {"accuracy": {"value": 0.91, "low": 0.8, "high": 0.95}}).verdict == "hold"


def test_rules_of_the_machine_and_of_the_model_are_separated():
    gate = Gate(
        rules={"accuracy": Rule(min=0.9), "latency_p95_ms": Rule(max=9)},
        conversion={"accuracy": Loss(most=1)},
        baseline=Baseline(overall={"accuracy": BaselineLoss(most=1)}),
    )
    assert set(gate.of_machine.rules) == {"latency_p95_ms"} and not gate.of_machine.conversion
    assert set(gate.of_model.rules) == {"accuracy"} and gate.of_model.conversion
    assert gate.baseline and not gate.of_machine.baseline and not gate.of_model.baseline


def test_no_rules_is_a_pass():
    assert judge(Gate(rules={}), {"accuracy": {"value": 0.1}}).verdict == "pass"


def test_the_reason_names_value_interval_and_bound():
    assert one(Rule(min=0.9), value=0.91, low=0.88, high=0.94).reason == "0.91 (0.88 to 0.94) straddles the floor 0.9"
    assert one(Rule(max=2, decide_on="point"), value=3).reason == "3 is above the ceiling 2"
    assert one(Rule(max=5e6, decide_on="point"), value=4_012_345).reason == "4,012,345 meets the ceiling 5,000,000"


def test_plain_values_are_json_even_where_nan_was_measured():
    verdict = judge(Gate(rules={"accuracy": Rule(min=0.9)}), {"accuracy": {"value": math.nan}})
    text = json.dumps(verdict.to_json(), allow_nan=False)
    assert json.loads(text)["rules"][0]["value"] is None


@given(st.lists(outcomes))
def test_the_verdict_is_the_worst_of_its_rules(given_outcomes: list):
    assert rank[worst(given_outcomes)] == max((rank[outcome] for outcome in given_outcomes), default=0)


@given(st.dictionaries(st.sampled_from("abcdef"), st.tuples(figures, figures)))
def test_an_additional_rule_never_improves_the_verdict(pairs: dict):
    rules = {name: Rule(min=bound) for name, (bound, _) in pairs.items()}
    measured = {name: {"value": value} for name, (_, value) in pairs.items()}
    whole = judge(Gate(rules=rules), measured)
    for name in rules:
        fewer = judge(Gate(rules={other: rules[other] for other in rules if other != name}), measured)
        assert rank[fewer.verdict] <= rank[whole.verdict]


@given(bound=figures, value=figures, below=st.floats(0, 1e5), above=st.floats(0, 1e5), rise=st.floats(0, 1e6))
def test_a_higher_figure_is_never_worse_for_a_floor_and_never_better_for_a_ceiling(
    bound: float, value: float, below: float, above: float, rise: float
):
    ends = {"value": value, "low": value - below, "high": value + above}
    raised = {name: figure + rise for name, figure in ends.items()}
    assert rank[one(Rule(min=bound), **raised).verdict] <= rank[one(Rule(min=bound), **ends).verdict]
    assert rank[one(Rule(max=bound), **raised).verdict] >= rank[one(Rule(max=bound), **ends).verdict]


@given(bound=figures, value=figures, spread=st.floats(0, 1e5), wider=st.floats(0, 1e5))
def test_a_wider_interval_only_ever_moves_the_verdict_to_hold(bound: float, value: float, spread: float, wider: float):
    narrow = one(Rule(min=bound), value=value, low=value - spread, high=value + spread).verdict
    wide = one(Rule(min=bound), value=value, low=value - spread - wider, high=value + spread + wider).verdict
    assert wide in (narrow, "hold")


@given(bound=figures, value=figures, spread=st.floats(0, 1e5))
def test_floor_and_ceiling_mirror_each_other(bound: float, value: float, spread: float):
    floor = one(Rule(min=bound), value=value, low=value - spread, high=value + spread).verdict
    ceiling = one(Rule(max=-bound), value=-value, low=-value - spread, high=-value + spread).verdict
    assert floor == ceiling
