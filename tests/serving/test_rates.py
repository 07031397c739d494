"""A token bucket lets through what a counted one would."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.serving.rates import Bucket

UNITS = {"s": 1, "min": 60, "h": 3600}
PAUSES = st.lists(st.just(0.0) | st.floats(0, 1), min_size=20, max_size=80)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("count", [1, 2, 50, 1000])
def test_as_many_as_the_rate_counts_may_come_at_once_and_then_one_by_one(count: int, unit: str) -> None:
    bucket, now, each = Bucket(f"{count}/{unit}"), 1e5, UNITS[unit] / count
    assert [bucket.take(now) for _ in range(count)] == [0] * count
    assert bucket.take(now) == pytest.approx(each, rel=1e-4)
    assert bucket.take(now + each) == 0
    assert bucket.take(now + each) == pytest.approx(each, rel=1e-4)
    assert [bucket.take(now + 1e5) for _ in range(count + 1)][:-1] == [0] * count


@given(st.integers(1, 12), st.sampled_from(sorted(UNITS)), PAUSES)
def test_it_lets_through_what_a_counted_bucket_would(count: int, unit: str, pauses: list[float]) -> None:
    bucket = Bucket(f"{count}/{unit}")
    level, now, each = float(count), 1e5, count / UNITS[unit]
    for pause in pauses:
        now += pause
        level = min(count, level + pause * each)
        wait = bucket.take(now)
        if abs(level - 1) < 0.02:  # at the edge either is right, since sums of floats are not exact
            level -= wait == 0
            continue
        assert (wait == 0) == (level >= 1)
        if wait:
            assert wait == pytest.approx((1 - level) / each, rel=1e-3)
        else:
            level -= 1
