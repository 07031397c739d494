"""The expected demand of a place in an hour, a linear blend of its past demand: the forecast that the trees correct.

Trees need many splits to add up a few lags, and they learn the noise of the past in doing so. A linear blend needs only
some dozens of coefficients for each kind of day: each weekday, the days around New Year, other public holidays, and
the days next to those, for which the anniversary matters more than last week. A second, small blend for each place,
kept near zero by a ridge penalty, lets stations and parks differ.

Input: the features of `hourly.describe`. Output: the expected ratio of demand to level. The coefficients are fitted in
training.
"""

from typing import Any

import numpy as np

from slipway_edge.tasks.tabular_regression.grid import Features, first_known

KINDS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun", "new_year", "holiday", "next_to_holiday")
SPECIAL = KINDS.index("new_year")

_LAGS = tuple(f"lag_{24 * days}" for days in (1, 2, 3, 4, 5, 6, 7, 14, 21, 28))
_SIMILAR = ("similar_mean", "similar_last", "similar_median")
_PAST = ("then_1y", "share_1y", "then_2y", "share_2y", "city_then_1y")
# A name with a + stands for base * (feature - 1): the distance of demand from base if the deviation persists.
_LASTING = ("+dev_24", "+dev_6h", "+dev_1d", "+dev_3d", "+dev_7d", "+city_dev_24", "+city_dev_1d", "+city_dev_7d")
_SPECIAL_LASTING = ("+dev_1d", "+dev_7d", "+city_dev_24", "+dev_day_1y")
ORDINARY_TERMS = ("base", *_LAGS, *_SIMILAR, *_PAST, *_LASTING, "+dev_day_1y", "+city_dev_day_1y")
SPECIAL_TERMS = ("base", "lag_24", "lag_168", "similar_mean", *_PAST, "middle_1y", *_SPECIAL_LASTING)
PLACE_TERMS = ("base", "lag_24", "lag_48", "lag_168", "lag_336", "similar_mean")


def expect(features: Features, coefficients: dict[str, Any]) -> np.ndarray:
    """Return the expected ratio [n] of demand to level, 0 or more."""
    kind = kind_of(features)
    expected = blend(features, kind, [np.array(day) for day in coefficients["days"]])
    code = features["place"].astype(float)
    known = ~np.isnan(code)
    nearer = np.array(coefficients["places"])[code[known].astype(int), (kind[known] >= SPECIAL).astype(int)]
    expected[known] += (place_terms(rows_of(features, known), expected[known]) * nearer).sum(axis=1)
    ratio: np.ndarray = np.maximum(expected, 0)
    return ratio


def kind_of(features: Features) -> np.ndarray:
    """Return the kind of day of each row, as a position in `KINDS`."""
    kind: np.ndarray = features["weekday"].astype(int)
    next_to_holiday = (features["holiday_before"] == 1) | (features["holiday_after"] == 1)
    kind = np.where(next_to_holiday, KINDS.index("next_to_holiday"), kind)
    new_year = (features["from_new_year"] >= -8) & (features["from_new_year"] <= 4)
    kind = np.where(new_year, KINDS.index("new_year"), kind)
    kinds: np.ndarray = np.where(features["holiday"] == 1, KINDS.index("holiday"), kind)
    return kinds


def blend(features: Features, kind: np.ndarray, days: list[np.ndarray]) -> np.ndarray:
    """Return the ratio [n] by the blends for all places, 0 or more; `days` are the coefficients of each kind of day."""
    expected = np.zeros(len(kind))
    for number, coefficients in enumerate(days):
        rows = kind == number
        expected[rows] = terms(rows_of(features, rows), number) @ coefficients
    np.maximum(expected, 0, out=expected)
    return expected


def terms(features: Features, kind: int) -> np.ndarray:
    """Return the terms [n, k] of the blend of a kind of day."""
    return _named(features, SPECIAL_TERMS if kind >= SPECIAL else ORDINARY_TERMS)


def place_terms(features: Features, expected: np.ndarray) -> np.ndarray:
    """Return the terms [n, k] of the blend of a place: the distance of each from the expected ratio."""
    apart: np.ndarray = _named(features, PLACE_TERMS) - expected[:, None]
    return apart


def rows_of(features: Features, rows: np.ndarray) -> Features:
    """Return the features of the rows that a mask or positions select."""
    return {name: values[rows] for name, values in features.items()}


def _named(features: Features, names: tuple[str, ...]) -> np.ndarray:
    """The terms [n, k] by name; an unknown value is replaced by a coarser one, in the end by base."""
    base = first_known(_column(features, "base"), _column(features, "hour_mean_7d"), _column(features, "lag_24"))
    base = first_known(base, np.ones(len(base)))
    then_1y = base * first_known(_column(features, "dev_1y"), _column(features, "city_dev_1y"), np.ones(len(base)))
    share_1y = first_known(_column(features, "share_1y"), then_1y)
    values = {
        "base": base,
        "then_1y": then_1y,
        "share_1y": share_1y,
        "then_2y": first_known(base * _column(features, "dev_2y"), then_1y),
        "share_2y": first_known(_column(features, "share_2y"), share_1y),
        "city_then_1y": base * first_known(_column(features, "city_dev_1y"), np.ones(len(base))),
        "middle_1y": np.sqrt(then_1y * base),
    }
    columns = []
    for name in names:
        if name.startswith("+"):
            columns.append(base * np.nan_to_num(_column(features, name[1:]) - 1))
        else:
            columns.append(values[name] if name in values else first_known(_column(features, name), base))
    return np.stack(columns, axis=1)


def _column(features: Features, name: str) -> np.ndarray:
    return features[name].astype(float)
