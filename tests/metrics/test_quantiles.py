"""Scores of quantiles."""

import numpy as np
import pytest

from slipway.metrics.quantiles import inside, pinball


def test_values_on_the_ends_are_inside() -> None:
    assert inside(np.array([1.0, 2, 3, 4]), np.array([1.0] * 4), np.array([3.0] * 4)).tolist() == [1, 1, 1, 0]


def test_a_quantile_that_is_too_low_costs_its_level_and_one_that_is_too_high_the_rest() -> None:
    losses = pinball(np.array([10.0, 10.0]), np.array([[8.0], [13.0]]), [0.9])
    assert losses == pytest.approx([0.9 * 2, 0.1 * 3])


def test_the_true_quantile_has_the_least_loss() -> None:
    actual = np.random.default_rng(0).normal(size=5000)
    loss = {at: pinball(actual, np.full((5000, 1), at), [0.9]).mean() for at in (0.8, 1.2816, 1.8)}
    assert min(loss, key=loss.__getitem__) == 1.2816
