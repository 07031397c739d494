"""Plans: how many units, which effect, how many days."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.power import TTestIndPower

from slipway.statistics.effects import difference
from slipway.statistics.moments import Sums
from slipway.statistics.planned_end import welch
from slipway.statistics.power import days_to_go, detectable, power, sample_size

EFFECTS = st.floats(0.02, 1)
SHARES_OF_TREATMENT = st.floats(0.05, 0.95)


def test_power_is_how_often_the_effect_is_found() -> None:
    random = np.random.default_rng(0)
    found = [
        float(
            welch(
                difference(
                    Sums.of_values(random.normal(0, 2, 320)).moments(),
                    Sums.of_values(random.normal(0.5, 2, 480)).moments(),
                ),
                alpha=0.04,
            ).p
        )
        < 0.04
        for _ in range(1_000)
    ]
    assert np.mean(found) == pytest.approx(power(0.5, 2, 800, share=0.6), abs=0.03)


@given(st.floats(0, 4), SHARES_OF_TREATMENT, st.integers(100, 1_000_000), st.floats(0.001, 0.2))
def test_power_equals_that_of_statsmodels(errors: float, share: float, units: int, alpha: float) -> None:
    effect = errors / np.sqrt(units * share * (1 - share))
    expected = TTestIndPower().power(effect, units * share, alpha, ratio=(1 - share) / share)
    assert power(effect * 3, 3, units, share=share, alpha=alpha) == pytest.approx(expected, abs=1e-7)


def test_the_sample_of_a_textbook() -> None:
    """Cohen, table 2.3.5: 64 in each arm find a medium effect, 0.5 standard deviations, at 0.05 with a power of 0.8."""
    assert sample_size(0.5, 1, alpha=0.05, wanted=0.8) == 128


@given(EFFECTS, SHARES_OF_TREATMENT, st.sampled_from([0.7, 0.8, 0.9]))
def test_the_sample_size_is_the_least_that_reaches_the_power(effect: float, share: float, wanted: float) -> None:
    units = sample_size(effect, 1, share=share, wanted=wanted)
    assert power(effect, 1, units, share=share) >= wanted - 1e-3
    if (units - 2) * min(share, 1 - share) > 2:
        assert power(effect, 1, units - 2, share=share) < wanted


@given(EFFECTS, SHARES_OF_TREATMENT, st.floats(0.1, 100))
def test_what_is_detectable_with_a_sample_needs_that_sample(effect: float, share: float, deviation: float) -> None:
    units = sample_size(effect * deviation, deviation, share=share)
    found = detectable(deviation, units, share=share)
    assert found <= effect * deviation * (1 + 1e-6)
    assert sample_size(found, deviation, share=share) == pytest.approx(units, abs=1)


def test_the_sign_of_the_effect_does_not_matter() -> None:
    assert power(-0.3, 1, 400) == power(0.3, 1, 400)
    assert sample_size(-0.3, 1) == sample_size(0.3, 1)


def test_an_effect_that_everyone_sees_needs_the_least_sample() -> None:
    assert sample_size(100, 1) == 4
    assert sample_size(100, 1, share=0.1) == 20


def test_days_to_go() -> None:
    assert days_to_go(10_000, 4_000, 1_500) == 4
    assert days_to_go(10_000, 12_000, 0) == 0
    assert days_to_go(10_000, 4_000, 0) is None


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sample_size(0, 1), "no sample finds an effect of 0"),
        (lambda: sample_size(1, 1, alpha=0), "alpha is 0"),
        (lambda: detectable(1, 100, wanted=0.01), r"the power 0\.01"),
        (lambda: sample_size(1, 0), "standard deviation is 0"),
        (lambda: power(1, 1, 100, share=1), "share of the treatment is 1"),
        (lambda: power(1, 1, 10, share=0.1), "fewer than 2 in an arm"),
        (lambda: days_to_go(-1, 0, 1), "negative"),
    ],
)
def test_what_is_no_plan_is_refused(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
