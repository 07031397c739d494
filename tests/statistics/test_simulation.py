"""Plans that are tried on observed values."""

import numpy as np
import pytest

from slipway.statistics.power import sample_size
from slipway.statistics.simulation import ended, simulate

HEAVY = np.random.default_rng(0).lognormal(0, 1.2, 3_000)


@pytest.mark.parametrize("share", [0.5, 0.1])
def test_equal_arms_of_observed_values_keep_the_stated_rate_of_false_alarms(share: float) -> None:
    assert simulate(HEAVY, planned=4_000, share=share, runs=600).found <= 0.06


def test_the_planned_effect_is_found_as_often_as_planned() -> None:
    values = np.random.default_rng(1).normal(10, 3, 2_000)
    deviation = float(values.std())
    planned = sample_size(0.5, deviation, wanted=0.8)
    found = simulate(values, planned=planned, effect=0.5, runs=1_000)
    assert found.found == pytest.approx(0.8, abs=0.04)
    assert found.length < 0.95
    assert simulate(values, planned=planned, effect=-0.5, runs=1_000).found == pytest.approx(0.8, abs=0.04)


def test_an_effect_on_a_rate_is_added_to_the_rate() -> None:
    clicked = np.repeat([1.0, 0.0], [100, 900])
    planned = sample_size(0.03, np.sqrt(0.115 * 0.885))
    assert simulate(clicked, planned=planned, effect=0.03, events=True).found == pytest.approx(0.8, abs=0.04)
    assert simulate(clicked, planned=planned, events=True).found <= 0.06


def test_the_same_seed_gives_the_same_figures() -> None:
    one, again, other = (simulate(HEAVY, planned=2_000, effect=0.3, runs=300, seed=seed) for seed in (1, 1, 2))
    assert one == again != other


def test_comparisons_end_at_the_first_look_that_shows_a_difference_or_at_the_last() -> None:
    found = ended(np.array([[False, True, False, True], [False, False, False, False]]))
    assert (found.found, found.length) == (0.5, (2 + 4) / 8)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: simulate(np.array([]), planned=100), "no observed values"),
        (lambda: simulate(np.array([np.nan]), planned=100), "not finite"),
        (lambda: simulate(HEAVY, planned=100, share=1), "no plan"),
        (lambda: simulate(HEAVY, planned=10, looks=20), "no plan"),
        (lambda: simulate(HEAVY, planned=100, events=True), "0 or 1"),
        (lambda: simulate(np.array([0, 1.0]), planned=100, effect=0.6, events=True), "rate with the effect is 1.1"),
    ],
)
def test_what_is_no_plan_is_refused(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
