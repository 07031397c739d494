"""Differences and relative differences of two arms."""

import numpy as np
import pytest
from scipy import stats

from slipway.statistics.effects import difference, lift
from slipway.statistics.moments import Moments, Sums


def test_the_difference_has_the_variance_and_the_freedom_of_welch() -> None:
    random = np.random.default_rng(0)
    control, treatment = random.normal(1, 1, 300), random.normal(1.2, 3, 150)
    effect = difference(Sums.of_values(control).moments(), Sums.of_values(treatment).moments())
    expected = stats.ttest_ind(treatment, control, equal_var=False)
    assert effect.value / np.sqrt(effect.variance) == pytest.approx(expected.statistic)
    assert effect.freedom == pytest.approx(expected.df)
    assert effect.units == 450


def test_an_arm_that_happens_to_have_no_events_does_not_have_a_small_variance() -> None:
    """By hand: 45 events of 10,000 and 0 of 1,000; the pooled rate is 45 / 11,000."""
    effect = difference(Sums.of_events(10_000, 45).moments(), Sums.of_events(1_000, 0).moments())
    rate = 45 / 11_000
    assert effect.variance == pytest.approx(0.0045 * 0.9955 / 9_999)
    assert effect.pooled == pytest.approx(rate * (1 - rate) * 11_000 / 10_999 * (1 / 10_000 + 1 / 1_000))
    assert effect.conservative == effect.pooled > 9 * effect.variance


@pytest.mark.parametrize(
    ("control", "treatment", "enough"),
    [
        (Sums(100, 5, 20), Sums(100, 5, 20), True),
        (Sums(10_000, 5, 20), Sums(99, 5, 20), False),
        (Sums.of_events(1_000, 10), Sums.of_events(500, 5), True),
        (Sums.of_events(1_000, 10), Sums.of_events(499, 4), False),
        (Sums.of_events(1_000, 990), Sums.of_events(499, 495), False),
        (Sums.of_events(0, 0), Sums.of_events(0, 0), False),
    ],
)
def test_an_effect_is_shown_from_100_units_and_5_expected_events_in_each_arm_on(
    control: Sums, treatment: Sums, enough: bool
) -> None:
    assert bool(difference(control.moments(), treatment.moments()).enough) is enough
    assert bool(difference(treatment.moments(), control.moments()).enough) is enough


def test_the_lift_has_the_variance_of_the_delta_method() -> None:
    """By hand: means 2 and 3 of 400 units with variance 4: 1/400 (4/4 + 9 × 4/16)."""
    effect = lift(Moments(400, 2.0, 4.0), Moments(400, 3.0, 4.0))
    assert effect.value == pytest.approx(0.5)
    assert effect.variance == pytest.approx((4 / 4 + 9 * 4 / 16) / 400)


def test_the_lift_varies_as_its_variance_says() -> None:
    random = np.random.default_rng(1)
    control, treatment = random.exponential(2, (2_000, 400)), random.exponential(3, (2_000, 400))
    found = treatment.mean(1) / control.mean(1) - 1
    effect = lift(Moments(400, 2.0, 4.0), Moments(400, 3.0, 9.0))
    assert found.std() == pytest.approx(np.sqrt(effect.variance), rel=0.05)


def test_no_lift_is_shown_on_a_control_that_may_be_zero() -> None:
    near = Moments(400, 0.9, 4.0)  # 9 standard errors
    assert not lift(near, Moments(400, 3.0, 4.0)).enough
    assert lift(Moments(400, 1.1, 4.0), near).enough
    assert not lift(Moments(400, 0.0, 0.0), near).enough
