"""Several goals and arms at once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from slipway.statistics.multiplicity import holm


def test_holms_method_by_hand() -> None:
    """Sorted: 0.01 × 4, then 0.02 × 3, then 0.03 × 2, which is not below the one before, then 0.5."""
    found = holm({"b": 0.02, "a": 0.01, "d": 0.5, "c": 0.03})
    assert found == pytest.approx({"b": 0.06, "a": 0.04, "d": 0.5, "c": 0.06})
    assert list(found) == ["b", "a", "d", "c"]


@given(st.dictionaries(st.text(max_size=3), st.floats(0, 1), min_size=1, max_size=8))
def test_an_adjusted_p_value_is_no_smaller_and_keeps_the_order(p_values: dict[str, float]) -> None:
    found = holm(p_values)
    for one in p_values:
        assert p_values[one] <= found[one] <= 1
        assert all(found[one] <= found[other] for other in p_values if p_values[one] <= p_values[other])


def test_any_false_alarm_among_ten_equal_goals_keeps_its_probability() -> None:
    random = np.random.default_rng(0)
    runs = random.uniform(size=(1_000, 10))
    adjusted = np.array([min(holm(dict(enumerate(map(float, one)))).values()) for one in runs])  # type: ignore[arg-type]
    assert (runs.min(axis=1) < 0.05).mean() > 0.35
    assert (adjusted < 0.05).mean() <= 0.06


def test_it_is_the_method_of_statsmodels() -> None:
    random = np.random.default_rng(1)
    for size in (1, 2, 5, 30):
        values = random.uniform(size=size).round(1)  # some are equal
        expected = multipletests(values, method="holm")[1]
        found = holm({str(number): float(value) for number, value in enumerate(values)})
        assert list(found.values()) == pytest.approx(expected.tolist(), abs=1e-12)


def test_nothing_to_adjust() -> None:
    assert holm({}) == {}
    assert holm({"only": 0.04}) == {"only": 0.04}
