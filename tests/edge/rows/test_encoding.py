"""The features of dates and of categories with several classes."""

from datetime import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway_edge.rows.encoding import PARTS, encode, parts


@given(st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)))
def test_the_parts_of_a_date_are_those_of_the_calendar(when: datetime) -> None:
    found = dict(zip(PARTS, [float(one[0]) for one in parts(np.array([when], "datetime64[us]"))], strict=True))
    days = found.pop("days")
    assert found == {
        "year": when.year,
        "month": when.month,
        "day": when.day,
        "weekday": when.weekday(),
        "hour": when.hour,
    }
    assert days == pytest.approx((when - datetime(1970, 1, 1)).total_seconds() / 86400, abs=2e-5)


def test_a_missing_date_has_no_parts() -> None:
    assert all(np.isnan(one).tolist() == [True] for one in parts(np.array(["NaT"], "datetime64[us]")))


def test_a_category_has_the_share_of_each_class() -> None:
    known = {"names": ["a", "b"], "positive": [[0.1, 0.2], [0.3, 0.4], [0.6, 0.4]], "common": [0.5, 0.5], "own": ["b"]}
    values = np.array(["b", "new", None], object)
    found = encode({}, {}, {}, {"kind": values}, {"kind": known})
    np.testing.assert_allclose(found[0], [0.2, 0.4, 0.4, 0.5, 1], rtol=1e-6)
    assert np.isnan(found[1][:3]).all() and found[1][3:].tolist() == [0, 0]
    assert np.isnan(found[2]).all()


def test_a_column_without_a_common_category_has_all_its_features() -> None:
    values = np.array(["a"], object)
    empty = {"names": [], "positive": [], "common": [], "own": []}
    assert encode({}, {}, {}, {"kind": values}, {"kind": empty}).shape == (1, 2)
    assert encode({}, {}, {}, {"kind": values}, {"kind": {**empty, "positive": [[], [], []]}}).shape == (1, 4)
