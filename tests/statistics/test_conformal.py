"""The shift of a quantile by the errors of the validation split."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.statistics.conformal import shift


@pytest.mark.parametrize(("level", "expected"), [(0.1, 1), (0.9, 9), (0.01, 1), (0.99, 9)])
def test_it_is_the_error_at_the_rank_of_the_level_among_one_more(level: float, expected: int) -> None:
    assert shift(np.arange(9.0, 0, -1), level) == expected


@given(errors=st.lists(st.floats(-100, 100), min_size=20, max_size=60), by=st.floats(-50, 50))
def test_shifted_quantiles_hold_at_least_their_share_of_the_validation_split(errors: list[float], by: float) -> None:
    known = np.array(errors)
    assert (known <= shift(known, 0.9)).mean() >= 0.9
    assert (known >= shift(known, 0.1)).mean() >= 0.9
    assert shift(known + by, 0.9) == pytest.approx(shift(known, 0.9) + by, abs=1e-9)
