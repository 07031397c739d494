"""A row that is decoded from features gives the same features."""

import datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.data.rows import decoding
from slipway_edge.rows import Rows

DATA = {"numeric": ["x", "y"], "dates": ["when"], "categorical": ["event", "half"], "derived": {"sum": "x + y"}}
CATEGORIES = {
    "event": {
        "names": ["duel", "other", "shot", "throw"],
        "positive": [0.25, 0.3, 0.3, 0.9],
        "common": [0.4, 0.1, 0.1, 0.4],
        "own": ["duel"],
    },
    "half": {"names": ["1H", "2H"], "positive": [[0.1, 0.2], [0.3, 0.2]], "common": [0.6, 0.4], "own": []},
}
SPEC = {"categories": CATEGORIES}
DERIVED = 2
"""The position of the derived feature, which is computed from decimals of the numbers and not from float32."""
NUMBERS = st.one_of(st.none(), st.integers(-(2**20), 2**20), st.floats(-1e6, 1e6, width=32))
WHEN = st.datetimes(datetime.datetime(1900, 1, 1), datetime.datetime(2199, 1, 1))
ROW = st.fixed_dictionaries(
    {
        "x": NUMBERS,
        "y": NUMBERS,
        "when": st.one_of(st.none(), WHEN, WHEN.map(lambda when: when.date())),
        "event": st.sampled_from([None, "duel", "other", "shot", "throw", "unheard of"]),
        "half": st.sampled_from([None, "1H", "2H", "3H"]),
    }
)


def encoded(row: dict[str, Any]) -> np.ndarray:
    (features,), _ = Rows(DATA).preprocess([row], SPEC)
    return features


def decoded(row: dict[str, Any]) -> dict[str, Any]:
    return decoding.row(encoded(row), ["x", "y"], 1, ["when"], ["event", "half"], SPEC)


@given(ROW)
def test_a_decoded_row_has_the_same_features(row: dict[str, Any]) -> None:
    own = np.arange(len(encoded(row))) != DERIVED
    np.testing.assert_array_equal(encoded(decoded(row))[own], encoded(row)[own])


def test_a_row_is_written_as_people_write_it() -> None:
    row = {"x": 0.1, "y": 7.0, "when": "2024-02-29 18:05", "event": "throw", "half": "2H"}
    assert decoded(row) == {**row, "y": 7}
    assert decoded({**row, "when": datetime.date(2024, 2, 29)})["when"] == "2024-02-29"
    assert decoded({"x": None, "y": float("nan"), "when": "", "event": "", "half": None}) == dict.fromkeys(row)


@pytest.mark.parametrize(("event", "shown"), [("unheard of", "other_"), ("shot", "other"), ("duel", "duel")])
def test_a_rare_category_has_a_name_that_no_category_has(event: str, shown: str) -> None:
    """`shot` and `other` give the same features, and a rare category gives those of a new one."""
    assert decoded({"x": 1, "y": 1, "when": None, "event": event, "half": "1H"})["event"] == shown
