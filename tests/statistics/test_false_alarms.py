"""The stated rates of false alarms and of what is found, in simulated traffic: a tenth of benchmarks/sequential.py."""

import numpy as np
import pytest

from slipway.statistics.guardrail import harm
from slipway.statistics.simulation import ended
from traffic import bandits, comparisons, rollouts, splits
from traffic.comparisons import KINDS, PLANNED, SHARES, effects

RUNS = 1_000
NOMINAL = 0.05
WITH_CHANCE = 0.0665
"""What 1,000 runs stay below, except for one time in a hundred, if the rate is `NOMINAL`. The seeds are fixed."""
EFFECT = 2.85 / np.sqrt(PLANNED / 4)
"""The effect that a fixed test at 0.05 finds with a probability of 0.81."""


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("kind", KINDS)
def test_equal_arms_keep_the_stated_rate_of_false_alarms_at_twenty_looks(kind: str, share: float) -> None:
    found = effects(kind, share, 300 if kind == "lognormal" else RUNS, seed=7)
    assert ended(comparisons.by_sequence(found)).found <= 0.025
    assert ended(comparisons.by_planned_end(found)).found <= 0.06
    assert ended(comparisons.by_z_at_every_look(found)).found >= 0.2


@pytest.mark.parametrize(("kind", "share", "alarms"), [("rate 0.005", 0.1, 0.2), ("rate 0.05", 0.05, 0.1)])
def test_without_the_pooled_variance_and_the_least_events_rare_events_would_alarm(
    kind: str, share: float, alarms: float
) -> None:
    assert ended(comparisons.by_welchs_variance_alone(effects(kind, share, RUNS, seed=7))).found > alarms


@pytest.mark.parametrize(("kind", "share"), [("normal", 0.5), ("rate 0.3", 0.5), ("rate 0.05", 0.05)])
def test_a_guardrail_without_harm_rarely_alarms_and_harm_at_the_margin_is_rarely_called_harmless(
    kind: str, share: float
) -> None:
    equal = harm(effects(kind, share, RUNS, seed=11), worse="higher", margin=0, alpha=0.05, planned=PLANNED)
    for p in (equal.p_harmful, equal.p_harmless):
        assert (np.asarray(p) < NOMINAL).any(axis=1).mean() <= 0.035


def test_a_guardrail_finds_harm() -> None:
    harmful = effects("normal", 0.5, RUNS, seed=12, effect=2 * EFFECT)
    found = harm(harmful, worse="higher", margin=0, alpha=0.05, planned=PLANNED)
    assert (np.asarray(found.p_harmful) < NOMINAL).any(axis=1).mean() > 0.99
    assert (np.asarray(found.p_harmless) < NOMINAL).any(axis=1).mean() < 0.001


def test_a_planned_end_finds_nearly_what_a_fixed_test_finds_and_ends_earlier() -> None:
    found, fixed = ([] for _ in range(2))
    for times in (1, 1.5, 2):
        effect = effects("normal", 0.5, RUNS, seed=8, effect=times * EFFECT)
        found.append(ended(comparisons.by_planned_end(effect)))
        fixed.append(ended(comparisons.by_fixed_test(effect)))
    assert found[0].found > max(0.75, fixed[0].found - 0.06)
    assert ended(comparisons.by_sequence(effects("normal", 0.5, RUNS, seed=8, effect=EFFECT))).found < 0.6
    assert [round(one.length, 1) for one in found] == [0.9, 0.7, 0.4]


def test_no_interval_of_any_look_misses_the_true_effect_more_often_than_stated() -> None:
    effect = effects("normal", 0.5, RUNS, seed=9, effect=3 * EFFECT)
    moved = comparisons.Effect(
        np.asarray(effect.value) - 3 * EFFECT,
        effect.variance,
        effect.pooled,
        effect.freedom,
        effect.units,
        effect.enough,
    )
    assert ended(comparisons.by_planned_end(moved)).found <= WITH_CHANCE
    assert ended(comparisons.by_sequence(moved)).found <= WITH_CHANCE


@pytest.mark.parametrize("share", [0.5, 0.1])
def test_a_sound_split_that_is_looked_at_after_every_unit_does_not_alarm(share: float) -> None:
    alarms = splits.first_alarms(splits.by_mixture, share, share, RUNS, seed=1) > 0
    assert alarms.mean() <= 0.004  # of 1,000 at 0.001, five or more once in 270 times


def test_a_split_that_is_3_points_off_is_found_before_10_000_units() -> None:
    """ssrm-test's prior alone, k = 10,000, finds fewer."""
    mixed, alone = (
        splits.first_alarms(one, 0.5, 0.53, RUNS, seed=2) for one in (splits.by_mixture, splits.by_one_concentration)
    )
    assert (mixed > 0).mean() > 0.93 > 0.85 > (alone > 0).mean()
    assert np.where(mixed, mixed, splits.UNITS).mean() < 5_600


@pytest.mark.parametrize("errors_drift", [False, True], ids=["constant errors", "drifting errors"])
def test_equal_versions_are_rarely_taken_back_under_drifting_traffic(errors_drift: bool) -> None:
    taken_back = rollouts.equal_versions(RUNS, 3, errors_drift)
    assert taken_back["e-value"] <= 0.035
    assert taken_back["z at every look"] > 0.3


@pytest.mark.parametrize(("rate", "most", "median"), [(0.02, 12_000, 1_000), (0.05, 2_000, 150), (0.2, 400, 40)])
def test_a_canary_with_more_errors_is_always_taken_back_soon(rate: float, most: int, median: int) -> None:
    requests = rollouts.requests_until_taken_back((rate, 0.01), 0.05, most, RUNS, seed=4)
    assert (requests > 0).all()
    assert np.median(requests) <= median


def test_a_canary_without_more_errors_is_not_taken_back() -> None:
    requests = rollouts.requests_until_taken_back((0.01, 0.01), 0.05, 4_000, RUNS, seed=5)
    assert (requests > 0).mean() <= NOMINAL


@pytest.mark.parametrize("correlation", [0.2, 0.9])
def test_users_who_are_alike_count_once_where_their_requests_would_take_good_versions_back(correlation: float) -> None:
    taken_back = rollouts.of_users(RUNS, 6, correlation=correlation)
    assert taken_back["units, drawn again"] <= 0.035
    assert taken_back["units once a step"] <= WITH_CHANCE
    assert taken_back["requests"] > 0.25


def test_with_many_steps_users_who_count_once_a_step_must_be_drawn_again() -> None:
    taken_back = rollouts.of_users(500, 6, correlation=0.9, steps=rollouts.TEN_STEPS, looks=2)
    assert taken_back["units, drawn again"] <= 0.03
    assert taken_back["units once a step"] > 0.1


def test_weighted_by_propensity_the_interval_of_a_bandit_covers_where_plain_means_do_not() -> None:
    covered = bandits.coverage(0.1, 400, seed=1)
    assert covered["weighted by propensity"] >= 0.93
    assert covered["plain means"] < 0.92
