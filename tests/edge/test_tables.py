"""Tables read without pandas give the same values as in the pipeline, which reads them with pandas."""

import datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.data.readers import tables as readers
from slipway_edge import tables
from slipway_edge.errors import DataError
from slipway_edge.tasks.tabular_classification import Task

PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**31), 2**31),
    st.floats(allow_infinity=False, width=32),
    st.sampled_from(["", "far", "1", "1.0", "-3.50", "1e3", " 2", "TRUE", "False", "01234", "NA", "a.0", "1_000"]),
)
"""Values that callers and files may have in a cell."""


def series(values: list[Any]) -> pd.Series:
    return pd.Series(values, dtype=object)


@given(st.lists(PLAIN, max_size=8))
def test_texts_and_numbers_are_the_same_as_in_the_pipeline(values: list[Any]) -> None:
    assert tables.texts(values).tolist() == readers.texts(series(values)).tolist()
    np.testing.assert_array_equal(tables.numbers("", "x", values), readers.numbers("", "x", series(values)))


DATA = {"numeric": ["x", "y"], "categorical": ["event"], "derived": {"sum": "x + y"}, "name": "foul"}
SPEC = {
    "categories": {"event": {"names": ["duel", "7"], "positive": [0.2, 0.6], "common": [0.5, 0.5], "own": ["duel"]}}
}
ROW = st.fixed_dictionaries(
    {
        "x": st.one_of(st.none(), st.integers(-9, 9), st.floats(-1e6, 1e6)),
        "y": st.one_of(st.none(), st.booleans(), st.floats(-1e300, 1e300)),
        "event": st.sampled_from([None, "duel", "7", 7, 7.0, "", "shot"]),
    }
)


@given(st.lists(ROW, min_size=1, max_size=6))
def test_rows_columns_and_a_frame_give_equal_inputs(rows: list[dict[str, Any]]) -> None:
    inputs, numbers = Task(DATA).preprocess(rows, SPEC)
    assert inputs.dtype == np.float32 and numbers.tolist() == list(range(len(rows)))
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    series = [pd.Series(row, dtype=object) for row in rows]
    for other in (columns, pd.DataFrame(rows), pd.DataFrame(rows).astype(object), series):
        np.testing.assert_array_equal(Task(DATA).preprocess(other, SPEC)[0], inputs)


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ([{"x": 1}], "no column y, event; it has x"),
        ([], "no column x, y, event"),
        ([{"x": 1}], "Give all columns that the model needs, with None where a value is not known"),
        ([{"x": 1, "y": 1, "event": "a"}, ("x", 1)], "the table row 2: not a row but tuple; give a dictionary"),
        (["rows.csv"], r"the table row 1: a file name \(rows.csv\); give .* `slipway predict` reads files"),
        (np.zeros((2, 3)), "the table: not a row but ndarray; give a dictionary by column, a list of them"),
        (7, "the table: not a row but int; give a dictionary by column"),
        ({"x": [1], "y": 2, "event": ["a"]}, "column y is 2; give one value in each column, or a list in each"),
        ({"x": [1], "y": [1, 2], "event": ["a"]}, "its columns have different lengths: x 1, y 2, event 1 values"),
        ([{"x": "far", "y": 1, "event": "a"}], "the table row 1: x is far, not a number; fix or remove"),
        ([{"x": datetime.date(2024, 5, 1), "y": 1, "event": "a"}], "column x holds dates or durations"),
        ([{"x": "2024-05-01", "y": 1, "event": "a"}], "column x holds dates or durations"),
        ([{"x": [1], "y": 1, "event": "a"}], "column x holds values that are not numbers, such as"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused_with_why(table: Any, why: str) -> None:
    with pytest.raises(DataError, match=why):
        Task(DATA).preprocess(table, SPEC)


def test_the_missing_values_of_python_numpy_and_pandas_are_missing() -> None:
    none = [None, float("nan"), np.nan, np.datetime64("NaT"), pd.NaT, pd.NA, Decimal("NaN")]
    assert all(map(tables.missing, none))
    assert not any(map(tables.missing, ["", 0, False, "nan", [], np.zeros(2)]))


@given(st.datetimes(datetime.datetime(1970, 1, 1), datetime.datetime(2199, 1, 1)), st.sampled_from([None, 0, 90, -300]))
def test_a_moment_is_read_in_the_same_way_from_every_type(when: datetime.datetime, minutes: int | None) -> None:
    zone = None if minutes is None else datetime.timezone(datetime.timedelta(minutes=minutes))
    moment, zoned = tables.moment(when.replace(tzinfo=zone))
    assert zoned == (zone is not None)
    assert moment == np.datetime64(when - datetime.timedelta(minutes=minutes or 0), "us")
    for other in (when.replace(tzinfo=zone).isoformat(), pd.Timestamp(when, tz=zone)):
        assert tables.moment(other) == (moment, zoned)
