"""The verdict of an experiment."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.experiments.verdict import (
    ExperimentVerdict,
    Finding,
    of_crossed,
    of_goal,
    of_guardrail,
    of_sample,
    of_split,
)
from slipway.statistics.confidence_sequence import Interval
from slipway.statistics.guardrail import Harm

UNKNOWN = Interval(0.3, -math.inf, math.inf, 1.0)
GAIN = Interval(0.3, 0.1, 0.5, 0.001)
LOSS = Interval(-0.3, -0.5, -0.1, 0.001)


@pytest.mark.parametrize(
    ("found", "better", "margin", "outcome"),
    [
        (GAIN, "higher", 0.0, "pass"),
        (LOSS, "higher", 0.0, "fail"),
        (GAIN, "lower", 0.0, "fail"),
        (LOSS, "lower", 0.0, "pass"),
        (UNKNOWN, "higher", 0.0, "hold"),
        (Interval(0.3, -0.1, 0.7, 0.2), "higher", 0.0, "hold"),
        (GAIN, "higher", 0.6, "fail"),
        (GAIN, "higher", 0.3, "hold"),
        (Interval(0.0, 0.2, -0.1, 0.001), "higher", 0.0, "hold"),
        (Interval(0.3, -0.1, 0.7, 0.001), "higher", 0.0, "hold"),
        (Interval(-0.02, -0.03, -0.01, 0.001), "higher", -0.05, "pass"),
        (Interval(0.02, 0.01, 0.03, 0.001), "lower", -0.05, "pass"),
    ],
)
def test_a_goal_passes_on_the_good_side_of_its_margin_and_fails_on_the_other(
    found: Interval, better: str, margin: float, outcome: str
) -> None:
    assert of_goal("sales", found, better=better, margin=margin, reached=True).outcome == outcome  # type: ignore[arg-type]


@pytest.mark.parametrize("found", [GAIN, LOSS])
def test_a_goal_does_not_decide_before_the_minimum_sample(found: Interval) -> None:
    judged = of_goal("sales", found, better="higher", reached=False)
    assert judged.outcome == "hold"
    assert "the minimum sample is not reached" in judged.reason


def test_the_adjusted_p_value_decides() -> None:
    assert of_goal("sales", GAIN, better="higher", p=0.06, reached=True).outcome == "hold"
    assert of_goal("sales", UNKNOWN, better="higher", reached=True).reason.count("no interval yet") == 1


@pytest.mark.parametrize(
    ("harm", "outcome", "reason"),
    [
        (Harm(0.3, 0.2, 0.4, 0.001, 1.0), "fail", "harm beyond the margin is shown"),
        (Harm(0.0, -0.05, 0.05, 1.0, 0.01), "pass", "no harm beyond the margin is shown"),
        (Harm(0.1, -0.05, 0.25, 0.5, 0.5), "pass", "no harm is shown so far"),
        (Harm(9.0, -math.inf, math.inf, 1.0, 1.0), "hold", "too few units"),
        (Harm(math.nan, -math.inf, math.inf, 1.0, 1.0), "hold", "too few units"),
    ],
)
def test_a_guardrail_fails_only_on_harm_that_is_shown_and_holds_where_nothing_is_known(
    harm: Harm, outcome: str, reason: str
) -> None:
    judged = of_guardrail("latency", harm, margin=0.1)
    assert judged.outcome == outcome
    assert reason in judged.reason


@pytest.mark.parametrize(
    ("finding", "outcome"),
    [
        (of_split(0.0005, 400), "fail"),
        (of_split(0.001, 400), "pass"),
        (of_split(1.0, 0), "hold"),
        (of_crossed(5, 500), "pass"),
        (of_crossed(6, 500), "fail"),
        (of_crossed(0, 0), "hold"),
        (of_sample(1_000, 1_000, 0.0), "pass"),
        (of_sample(999, 1_000, 2.5), "hold"),
    ],
)
def test_the_health_of_an_experiment(finding: Finding, outcome: str) -> None:
    assert finding.outcome == outcome


def test_a_sample_that_is_not_reached_says_how_long_it_takes() -> None:
    assert of_sample(400, 1_000, 2.5).reason == "400 of at least 1,000 units in the smallest arm; about 2.5 days to go"
    assert of_sample(400, 1_000, None).reason.endswith("no units arrive")


@given(st.lists(st.sampled_from(["pass", "hold", "fail"]), min_size=1, max_size=6))
def test_the_verdict_is_the_worst_finding(outcomes: list) -> None:
    verdict = ExperimentVerdict.of([Finding("one", outcome, "") for outcome in outcomes])
    assert verdict.outcome == next(one for one in ("fail", "hold", "pass") if one in outcomes)


def test_without_a_finding_nothing_is_known() -> None:
    assert ExperimentVerdict.of([]).outcome == "hold"
