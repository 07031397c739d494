"""Units count, not requests: at their first event of a step, and once they are the canary's, no more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.rollouts import evidence
from slipway.rollouts.evidence import CANARY, PRODUCTION, Counting, Exposure
from slipway.rollouts.plan import Goal, Plan, Rules
from slipway.statistics.rare_events import share_of_rest

FAILS, WORKS = 500, 200


def exposed(unit: str, arm: str, share: float, status: int = WORKS, seconds: float = 0.01, number: int = 0) -> Exposure:
    probability = share / 100 if arm == CANARY else 1 - share / 100
    return Exposure(f"{unit}-{share:g}-{number}", unit, arm, probability, status, seconds)


def counted(*exposures: Exposure, plan: Plan | None = None) -> evidence.Evidence:
    counting = Counting(plan or Plan())
    for one in exposures:
        counting.expose(one)
    return counting.evidence((1, 2), None)


def test_a_hundred_errors_of_a_unit_are_one() -> None:
    found = counted(*(exposed("u", CANARY, 5, FAILS, number=number) for number in range(100)))
    assert found.errors.cells == ((0.05, 1, 0),)
    assert found.errors.first == (1, 1)
    assert [(one.share, one.canary, one.production) for one in found.steps] == [(5, 1, 0)]


def test_a_unit_of_production_counts_again_at_a_larger_share_in_a_cell_of_its_own() -> None:
    found = counted(
        exposed("moves", PRODUCTION, 5, FAILS),
        exposed("stays", PRODUCTION, 5, FAILS),
        exposed("new", PRODUCTION, 20, FAILS),
        exposed("moves", CANARY, 20, FAILS),
        exposed("stays", PRODUCTION, 20, FAILS),
        exposed("moves", CANARY, 50, FAILS),  # it cannot be anywhere else
    )
    again = share_of_rest(0.2, 0.05)
    assert found.errors.cells == ((0.05, 0, 2), (0.2, 0, 1), (pytest.approx(again), 1, 1))


def test_what_is_slow_is_slower_than_the_limit() -> None:
    plan = Plan.model_validate({"rules": {"latency": {"limit": 0.1}}})
    found = counted(
        exposed("a", CANARY, 5, seconds=0.1),
        exposed("b", CANARY, 5, seconds=0.11),
        exposed("c", PRODUCTION, 5),
        plan=plan,
    )
    assert (found.slow.cells, found.slow.first) == (((0.05, 1, 0),), (1, 2))


def test_the_share_of_failures_is_that_of_first_requests() -> None:
    found = counted(
        exposed("a", CANARY, 5),
        *(exposed("a", CANARY, 5, FAILS, number=n) for n in range(1, 9)),
        exposed("b", CANARY, 5),
    )
    assert found.errors.first == (0, 2)
    assert found.errors.cells == ((0.05, 1, 0),)


def test_a_record_of_an_earlier_step_that_comes_late_does_not_count() -> None:
    found = counted(
        exposed("a", PRODUCTION, 20), exposed("a", PRODUCTION, 5, FAILS), exposed("b", PRODUCTION, 5, FAILS)
    )
    assert found.errors.cells == ()


def test_a_goal_is_the_mean_of_a_unit_in_the_arm_that_saw_it_first() -> None:
    plan = Plan(rules=Rules(goal=Goal(metric="clicks", better="higher")), outcomes=("clicks",))
    counting = Counting(plan)
    for unit, arm in (("a", CANARY), ("b", PRODUCTION), ("c", PRODUCTION)):
        counting.expose(exposed(unit, arm, 5))
    counting.expose(exposed("b", CANARY, 20))
    for unit, value in (("a", 1.0), ("a", 0.0), ("b", 1.0), ("nobody", 1.0)):
        counting.report("clicks", value, None, unit)
    counting.report("clicks", 0.5, "c-5-0", None)
    counting.report("views", 7.0, None, "a")
    assert counting.evidence((1, 2), None).goal == (((2, 1.5, 1.25), (1, 0.5, 0.25)), ((0, 0.0, 0.0), (0, 0.0, 0.0)))


def test_shadowed_units_that_disagree() -> None:
    counting = Counting(Plan())
    for unit in "abc":
        counting.expose(exposed(unit, CANARY, 5))
    for unit, value in (("a", 1.0), ("b", 0.0), ("b", 1.0)):
        counting.report("agreement", value, f"{unit}-5-0", None)
    assert counting.evidence((1, 2), None).disagreements == (1, 2)


@given(
    st.lists(
        st.tuples(st.integers(0, 20), st.sampled_from([0, 1, 2]), st.booleans(), st.booleans()), min_size=1, max_size=60
    )
)
def test_evidence_is_the_same_after_a_tag_and_no_unit_counts_twice(
    events: list[tuple[int, int, bool, bool]],
) -> None:
    counting, shares = Counting(Plan()), (5, 20, 50)
    for at, (unit, step, fails, slow) in enumerate(sorted(events, key=lambda one: one[1])):
        arm = CANARY if unit * 5 < shares[step] else PRODUCTION
        counting.expose(
            exposed(f"u{unit}", arm, shares[step], FAILS if fails else WORKS, 2.0 if slow else 0.1, number=at)
        )
    found = counting.evidence((0.5, 1.5), 0.01)
    assert evidence.parse(found.to_json()) == found
    units = {unit for unit, _, fails, _ in events if fails}
    assert sum(canary for _, canary, _ in found.errors.cells) <= len(units)
    assert sum(one.canary + one.production for one in found.steps) >= len({unit for unit, *_ in events})
