"""What follows from the evidence: a step, a pause, back to production, or waiting. What is not known is a hold."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from slipway.rollouts.decision import Decision, decide, hours_to_go
from slipway.rollouts.evidence import CANARY, PRODUCTION, Counting, Event, Evidence, Exposure, Step
from slipway.rollouts.plan import Plan

PLAN = Plan.model_validate({"minimum_units": 100, "minimum_hours": 1, "canary_duration_hours": 24, "maximum_hours": 48})


def evidence(**changes: Any) -> Evidence:
    """A sound rollout at 5 %."""
    sound = Evidence(
        hours=(2.0, 2.0),
        steps=(Step(5.0, 200, 3_800),),
        errors=Event(((0.05, 1, 20),), (1, 200)),
        slow=Event((), (0, 200)),
    )
    return replace(sound, **changes)


def decided(share: float = 5, plan: Plan = PLAN, **changes: Any) -> Decision:
    return decide(plan, evidence(**changes), share)


def with_rules(**rules: Any) -> Plan:
    return Plan.model_validate({**PLAN.model_dump(exclude_none=True), "rules": rules, "outcomes": ["clicks"]})


def test_a_sound_version_goes_on() -> None:
    assert decided().action == "step"
    assert {one.outcome for one in decided().findings} == {"pass"}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"steps": (Step(5.0, 99, 3_800),)}, "99 of at least 100 units"),
        ({"steps": ()}, "0 of at least 100 units"),
        ({"hours": (0.5, 0.5)}, "0.50 of at least 1 hours at 5 %"),
        ({"errors": Event((), (0, 0))}, "no values yet"),
        ({"errors": Event(((0.05, 1, 100),), (12, 200))}, "188 of 200, at least 0.95"),
        ({"steps": (Step(5.0, 200, 0),)}, "no units of both versions yet"),
    ],
)
def test_what_is_not_known_is_waited_for(changes: dict[str, Any], told: str) -> None:
    found = decided(**changes)
    assert found.action == "wait"
    assert told in found.why


def test_no_traffic_for_long_is_a_pause_and_never_a_step() -> None:
    found = decided(hours=(49.0, 49.0), steps=(), errors=Event((), (0, 0)), slow=Event((), (0, 0)))
    assert found.action == "pause"


def test_the_last_step_needs_the_hours_over_all() -> None:
    assert decided(80, steps=(Step(80.0, 200, 50),), hours=(2, 20)).action == "wait"
    assert decided(80, steps=(Step(80.0, 200, 50),), hours=(2, 25)).action == "step"


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"errors": Event(((0.05, 8, 10),), (1, 200))}, "errors beside production"),
        ({"errors": Event((), (60, 200))}, "error rate"),
        ({"errors": Event((), (40, 200))}, "success"),
        ({"slow": Event(((0.05, 10, 10),), (1, 200))}, "slow answers beside production"),
        ({"slow": Event((), (40, 200))}, "answers slower than 1 s"),
    ],
)
def test_harm_takes_it_back_whatever_else_is_waited_for(changes: dict[str, Any], rule: str) -> None:
    found = decided(hours=(0.1, 0.1), **changes)
    assert found.action == "take back"
    assert f"{rule}: " in found.why
    assert found.e_values[rule] > 40


def test_at_100_percent_it_is_judged_by_itself_and_makes_no_step() -> None:
    assert decided(100).action == "wait"
    assert decided(100, errors=Event((), (60, 200))).action == "take back"
    assert decided(100, errors=Event(((0.8, 50, 0),), (0, 200))).action == "wait"


def test_parity_on_golden_inputs() -> None:
    plan = with_rules(parity={"most": 0.02})
    assert [decided(plan=plan, parity=one).action for one in (None, 0.01, 0.03)] == ["wait", "step", "take back"]


def test_disagreement_with_production() -> None:
    plan = with_rules(disagreement={"most": 0.1})
    found = [decided(plan=plan, disagreements=one).action for one in ((0, 0), (5, 100), (60, 100))]
    assert found == ["wait", "step", "take back"]


def test_a_goal_that_got_worse_beyond_its_margin() -> None:
    plan = with_rules(goal={"metric": "clicks", "better": "higher", "margin": 0.05})
    units = 2_000.0

    def at(rate: float) -> str:
        sums = [(int(units), units * one, units * one) for one in (0.5, rate)]
        return decided(plan=plan, goal=((sums[0], sums[1]),)).action

    assert [at(0.5), at(0.48), at(0.3)] == ["step", "step", "take back"]
    assert decided(plan=plan, goal=()).action == "wait"


def test_the_hours_to_go() -> None:
    assert hours_to_go(PLAN, evidence(), 5) == 22  # the 24 hours as canary
    assert hours_to_go(PLAN, evidence(hours=(2, 30), steps=(Step(80.0, 200, 50),)), 80) == 0
    slow = evidence(steps=(Step(5.0, 10, 190),), hours=(10.0, 10.0))
    assert hours_to_go(PLAN, slow, 5) == pytest.approx(90 + 100 / 4 + 100 / 10 + 100 / 16)
    assert hours_to_go(PLAN, evidence(steps=()), 5) is None


def simulated(random: np.random.Generator, rates: tuple[float, float]) -> str:
    """A rollout of versions with these error rates, by users who ask several times, looked at after each round."""
    plan = Plan.model_validate({"minimum_units": 1, "minimum_hours": 0, "canary_duration_hours": 0})
    counting, users = Counting(plan), 200
    places, weight = random.random(users), 4.0  # a correlation of 0.2 between requests of a user
    tendency = random.beta(weight * 0.02, weight * 0.98, users) / 0.02
    for share in (5, 20, 50, 80):
        for _ in range(4):
            asked = random.random(users) < 0.5
            for user in np.flatnonzero(asked):
                inside = places[user] < share / 100
                fails = random.random() < min(rates[not inside] * tendency[user], 1.0)
                arm, probability = (CANARY, share / 100) if inside else (PRODUCTION, 1 - share / 100)
                counting.expose(Exposure(f"{user}", f"{user}", arm, probability, 500 if fails else 200, 0.01))
            if decide(plan, counting.evidence((1, 1), None), share).action == "take back":
                return "taken back"
    return "kept"


def test_equal_versions_are_rarely_taken_back_and_bad_ones_are() -> None:
    random = np.random.default_rng(11)
    equal = [simulated(random, (0.02, 0.02)) for _ in range(40)]
    assert equal.count("taken back") <= 5  # at most 0.05 of them, but for chance (P < 0.02 at 0.05)
    worse = [simulated(random, (0.4, 0.02)) for _ in range(5)]
    assert worse.count("taken back") == 5
