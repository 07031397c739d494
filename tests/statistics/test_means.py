"""Means of a few scores."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.weightstats import DescrStatsW

from slipway.statistics.means import student


@given(st.lists(st.floats(0, 1), min_size=2, max_size=10).filter(lambda values: max(values) - min(values) > 1e-6))
def test_the_interval_equals_that_of_statsmodels(values: list[float]) -> None:
    mean, interval = student(values)
    assert mean == pytest.approx(sum(values) / len(values))
    assert interval == pytest.approx(DescrStatsW(values).tconfint_mean(), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("values", [[0.5], [0.5, 0.5, 0.5]])
def test_there_is_no_interval_for_one_value_or_for_equal_values(values: list[float]) -> None:
    assert student(values) == (0.5, None)
