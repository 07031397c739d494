"""Draws of ratios of sums."""

import numpy as np
import pytest

from slipway.statistics.ratios import MOST_KEPT, ratio, resampled


@pytest.mark.parametrize("units", [MOST_KEPT, MOST_KEPT + 1])
def test_draws_keep_the_mean_and_repeat_by_their_seed(units: int) -> None:
    sums = np.stack([np.arange(units) % 5 == 0, np.ones(units)]).astype(float)
    drawn = resampled(sums, seed=3)
    assert np.array_equal(drawn, resampled(sums, seed=3))
    assert np.all(drawn[1] == units)
    assert ratio(drawn).mean() == pytest.approx(0.2, abs=0.002)
    assert ratio(drawn).std() == pytest.approx(np.sqrt(0.2 * 0.8 / units), rel=0.1)
