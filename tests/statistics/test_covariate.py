"""CUPED: less variance by what was known before."""

import numpy as np
import pytest

from slipway.statistics.covariate import adjusted, slope
from slipway.statistics.effects import difference
from slipway.statistics.moments import PairedSums

RANDOM = np.random.default_rng(0)


def arm(units: int, effect: float, correlation: float, random: np.random.Generator = RANDOM) -> PairedSums:
    before = random.normal(10, 2, units)
    noise = random.normal(0, 2 * np.sqrt(1 - correlation**2), units)
    return PairedSums.of_values(3 + effect + correlation * before + noise, before)


def test_it_is_the_regression_on_the_covariate_over_both_arms() -> None:
    before, values = RANDOM.normal(5, 2, 90), RANDOM.normal(0, 1, 90)
    values += 0.7 * before
    control, treatment = (PairedSums.of_values(values[part], before[part]) for part in (slice(0, 30), slice(30, 90)))
    theta = np.polyfit(before, values, 1)[0]
    assert slope(control, treatment) == pytest.approx(theta)
    left = values - theta * (before - before.mean())
    for found, part in zip(adjusted(control, treatment), (left[:30], left[30:]), strict=True):
        assert found.mean == pytest.approx(part.mean())
        assert found.variance == pytest.approx(part.var(ddof=1))


def test_the_variance_falls_by_the_square_of_the_correlation() -> None:
    control, treatment = arm(20_000, 0, 0.8), arm(20_000, 0.1, 0.8)
    plain = difference(control.first.moments(), treatment.first.moments())
    after = difference(*adjusted(control, treatment))
    assert after.variance / plain.variance == pytest.approx(1 - 0.8**2, abs=0.02)


def test_the_effect_stays_without_bias() -> None:
    effects = []
    for seed in range(200):
        random = np.random.default_rng(seed)
        effects.append(difference(*adjusted(arm(200, 0, 0.6, random), arm(200, 0.5, 0.6, random))).value)
    assert np.mean(effects) == pytest.approx(0.5, abs=4 * np.std(effects) / np.sqrt(200))


def test_a_covariate_that_is_the_same_for_all_adjusts_nothing() -> None:
    values = RANDOM.normal(0, 1, 50)
    one = PairedSums.of_values(values, np.full(50, 3.0))
    assert slope(one, one) == 0
    assert adjusted(one, one)[0].mean == pytest.approx(values.mean())
    assert adjusted(one, one)[0].variance == pytest.approx(values.var(ddof=1))
