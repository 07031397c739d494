"""Tests of two models on the same examples."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar as reference

from slipway.statistics.paired import mcnemar


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemars_test_equals_that_of_statsmodels(worse: int, better: int) -> None:
    table = [[5, worse], [better, 5]]
    assert mcnemar(worse, better, "two-sided") == pytest.approx(reference(table, exact=True).pvalue)
