"""Confidence sequences: intervals that hold at any number of looks."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.statistics.confidence_sequence import Interval, bound, interval
from slipway.statistics.e_values import p_value
from slipway.statistics.effects import Effect, difference
from slipway.statistics.moments import Moments, Sums

COUNTS = st.integers(200, 5_000)
MEANS = st.floats(-1, 1)
VARIANCES = st.floats(0.1, 10)
ARMS = st.builds(Moments, COUNTS, MEANS, VARIANCES)
ALPHA = 0.05


def test_the_interval_is_that_of_the_formula() -> None:
    """By hand: V = 0.002 (pooled the same), n = 2,000, planned 2,000; rho² = (5.9915 + ln 6.9915) / 1,000."""
    effect = Effect(0.1, 0.002, 0.002, 1_998.0, 2_000, True)
    rho2 = (-2 * math.log(0.05) + math.log(1 - 2 * math.log(0.05))) / 1_000
    spread = 2_000 * rho2 + 1
    half = math.sqrt(2_000 * 0.002) * math.sqrt(
        2 * spread / (2_000 * math.sqrt(rho2)) ** 2 * math.log(math.sqrt(spread) / 0.05)
    )
    found = interval(effect, alpha=0.05, planned=2_000)
    assert (found.low, found.high) == pytest.approx((0.1 - half, 0.1 + half))
    assert half == pytest.approx(0.1369, abs=1e-4)


@given(ARMS, ARMS, st.floats(0.001, 0.3), st.integers(500, 20_000))
def test_the_p_value_is_below_alpha_exactly_where_the_interval_leaves_the_null_out(
    control: Moments, treatment: Moments, alpha: float, planned: int
) -> None:
    effect = difference(control, treatment)
    at_alpha = interval(effect, alpha=alpha, planned=planned)
    for end in (at_alpha.low, at_alpha.high):
        assert interval(effect, alpha=alpha, planned=planned, null=float(end)).p == pytest.approx(alpha, rel=1e-6)
    assert (at_alpha.p < alpha) == (not at_alpha.low <= 0 <= at_alpha.high)


@given(ARMS, ARMS, st.floats(0.001, 0.3), st.sampled_from(["lower", "upper"]))
def test_the_p_value_of_a_one_sided_bound_is_alpha_at_the_bound(
    control: Moments, treatment: Moments, alpha: float, side: str
) -> None:
    effect = difference(control, treatment)
    found = bound(effect, side, alpha=alpha, planned=4_000)  # type: ignore[arg-type]
    end = float(found.low if side == "lower" else found.high)
    again = bound(effect, side, alpha=alpha, planned=4_000, null=end)  # type: ignore[arg-type]
    assert again.p == pytest.approx(alpha, rel=1e-6)


@given(ARMS, ARMS)
def test_a_one_sided_bound_is_nearer_than_the_end_of_the_two_sided_interval(
    control: Moments, treatment: Moments
) -> None:
    effect = difference(control, treatment)
    both = interval(effect, alpha=ALPHA, planned=8_000)
    assert both.low < bound(effect, "lower", alpha=ALPHA, planned=8_000).low < effect.value
    assert effect.value < bound(effect, "upper", alpha=ALPHA, planned=8_000).high < both.high


@given(ARMS, ARMS)
def test_arms_are_symmetric(control: Moments, treatment: Moments) -> None:
    there = interval(difference(control, treatment), alpha=ALPHA, planned=4_000)
    back = interval(difference(treatment, control), alpha=ALPHA, planned=4_000)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))
    assert there.p == pytest.approx(back.p)


@given(ARMS, ARMS, st.floats(0.01, 100))
def test_the_unit_of_the_metric_does_not_matter(control: Moments, treatment: Moments, scale: float) -> None:
    scaled = [Moments(one.units, one.mean * scale, one.variance * scale**2) for one in (control, treatment)]
    one = interval(difference(control, treatment), alpha=ALPHA, planned=4_000)
    other = interval(difference(*scaled), alpha=ALPHA, planned=4_000)
    assert other.p == pytest.approx(one.p, rel=1e-6)
    assert other.low == pytest.approx(one.low * scale, rel=1e-6, abs=1e-9)


@given(ARMS, st.floats(0.01, 1), st.floats(1.1, 3))
def test_a_larger_effect_has_a_smaller_p_value(arm: Moments, effect: float, times: float) -> None:
    def p(value: float) -> float:
        found = interval(Effect(value, 0.01, 0.01, 999.0, arm.units, True), alpha=ALPHA, planned=4_000).p
        return float(found)

    assert p(effect * times) <= p(effect)
    assert p(-effect) == p(effect)


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), min_size=1, max_size=20), st.randoms())
def test_the_order_of_the_units_does_not_matter(batches: list[tuple[int, int]], random) -> None:
    def sums(parts: list[tuple[int, int]]) -> Sums:
        return sum((Sums.of_events(100, count) for count, _ in parts), start=Sums.of_events(0, 0))

    shuffled = random.sample(batches, len(batches))
    other = Sums.of_events(1_000, 300).moments()
    one, two = (difference(other, sums(parts).moments()) for parts in (batches, shuffled))
    assert interval(one, alpha=ALPHA, planned=4_000) == interval(two, alpha=ALPHA, planned=4_000)


@given(st.lists(st.floats(-50, 50), min_size=2, max_size=20))
def test_the_least_p_value_never_rises(evidence: list[float]) -> None:
    p = 1.0
    for log_e in evidence:
        before, p = p, float(p_value(log_e, p))
        assert 0 <= p <= before
    assert p == pytest.approx(min(1.0, math.exp(-max(evidence))))


@given(st.lists(st.tuples(ARMS, ARMS), min_size=2, max_size=6), st.randoms())
def test_what_all_looks_say_never_widens_and_does_not_depend_on_their_order(looks, random) -> None:
    intervals = [interval(difference(*arms), alpha=ALPHA, planned=4_000) for arms in looks]

    def together(ordered: list[Interval]) -> Interval:
        found = ordered[0]
        for one in ordered[1:]:
            narrower = one.narrowed(found)
            assert found.low <= narrower.low
            assert narrower.high <= found.high
            assert narrower.p <= found.p
            assert narrower.excludes() or not found.excludes()
            found = narrower
        return found

    one, other = together(intervals), together(random.sample(intervals, len(intervals)))
    assert (one.low, one.high, one.p) == (other.low, other.high, other.p)


@pytest.mark.parametrize(
    "effect",
    [
        Effect(9.0, 0.1, 0.1, 10.0, 12, False),
        Effect(9.0, 0.0, 0.0, 10.0, 1_000, True),
        difference(Sums(0, 0, 0).moments(), Sums(0, 0, 0).moments()),
        difference(Sums.of_events(1_000, 0).moments(), Sums.of_events(1_000, 0).moments()),
    ],
)
def test_nothing_follows_from_too_few_units_or_from_equal_values(effect: Effect) -> None:
    found = interval(effect, alpha=ALPHA, planned=1_000)
    assert (found.low, found.high, found.p) == (-math.inf, math.inf, 1.0)
    assert bound(effect, "lower", alpha=ALPHA, planned=1_000).low == -math.inf
    assert bound(effect, "upper", alpha=ALPHA, planned=1_000).p == 1.0


@pytest.mark.parametrize(
    ("alpha", "planned", "message"),
    [(0, 100, "alpha is 0"), (1, 100, "alpha is 1"), (0.05, 0, "planned number of units is 0")],
)
def test_what_is_no_probability_or_no_plan_is_refused(alpha: float, planned: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        interval(Effect(0.0, 1.0, 1.0, 9.0, 10, True), alpha=alpha, planned=planned)


def test_it_is_narrowest_for_its_number_of_units_at_half_the_planned_sample() -> None:
    """By hand: n rho² = 7.936, and half the width is sqrt(2 × 8.936 / 7.936 × ln(sqrt(8.936) / 0.05)) errors."""

    def width(planned: float) -> float:
        found = interval(Effect(0.0, 1 / 5_000, 1 / 5_000, 4_998.0, 5_000, True), alpha=ALPHA, planned=planned)
        return float(found.high)

    assert width(10_000) < min(width(5_000), width(20_000))
    assert width(10_000) * math.sqrt(5_000) == pytest.approx(3.035, abs=0.001)


def test_arrays_give_an_interval_for_each_run() -> None:
    runs = difference(
        Sums.of_events(np.array([1_000, 50]), np.array([100, 5])).moments(),
        Sums.of_events(np.array([1_000, 50]), np.array([200, 30])).moments(),
    )
    found = interval(runs, alpha=ALPHA, planned=2_000)
    one = interval(
        difference(Sums.of_events(1_000, 100).moments(), Sums.of_events(1_000, 200).moments()),
        alpha=ALPHA,
        planned=2_000,
    )
    assert np.asarray(found.low).tolist() == [one.low, -math.inf]
    assert np.asarray(found.p).tolist() == [one.p, 1.0]
