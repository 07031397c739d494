"""What a place should see in an hour, by a linear blend of what it saw before: the forecast that trees correct.

Trees need many splits to add up a few lags, and they remember the noise of the past while at it. A linear blend does
it with some dozens of coefficients a kind of day: each weekday, the days around New Year, other public holidays, and
the days beside those, where the anniversary counts more than last week. A second, small blend for each place,
held near zero by a ridge, lets stations and parks differ.

In: the features of `hourly.describe`. Out: the expected ratio of demand to level. Coefficients are least absolute
deviations weighted by the level, so that they lower the mean absolute error in the unit of demand; found by iteratively
reweighted least squares (Schlossmacher, 1973, "An iterative technique for absolute deviations curve fitting").
"""

from typing import Any

import numpy as np
import pandas as pd

KINDS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun", "turn", "holiday", "beside")
SPECIAL = KINDS.index("turn")

_LAGS = tuple(f"lag_{24 * days}" for days in (1, 2, 3, 4, 5, 6, 7, 14, 21, 28))
_SIMILAR = ("similar_mean", "similar_last", "similar_median")
_PAST = ("then_1y", "share_1y", "then_2y", "share_2y", "city_then_1y")
# A name with a + is base times (the feature - 1): how far demand would be from base if the deviation lasted.
_LASTING = ("+dev_24", "+dev_6h", "+dev_1d", "+dev_3d", "+dev_7d", "+city_dev_24", "+city_dev_1d", "+city_dev_7d")
_SPECIAL_LASTING = ("+dev_1d", "+dev_7d", "+city_dev_24", "+dev_day_1y")
ORDINARY_TERMS = ("base", *_LAGS, *_SIMILAR, *_PAST, *_LASTING, "+dev_day_1y", "+city_dev_day_1y")
SPECIAL_TERMS = ("base", "lag_24", "lag_168", "similar_mean", *_PAST, "middle_1y", *_SPECIAL_LASTING)
PLACE_TERMS = ("base", "lag_24", "lag_48", "lag_168", "lag_336", "similar_mean")

_MOST_ROWS = 600_000
_LEAST_ROWS = 2000
_SMALLEST_ERROR = 0.02
_ROUNDS = 12
_RIDGE, _PLACE_RIDGE = 5e-3, 3000.0


def fit(features: pd.DataFrame, ratio: np.ndarray, places: int) -> dict[str, Any]:
    """Coefficients, in JSON values, from rows of features and their ratio [n] of demand to level."""
    if len(features) > _MOST_ROWS:
        rows = np.arange(0, len(features), len(features) // _MOST_ROWS + 1)
        features, ratio = features.iloc[rows].reset_index(drop=True), ratio[rows]
    kind, weight = _kind(features), features["level"].to_numpy(dtype=float)
    weight = weight / weight.mean()
    remembered = features["dev_1y"].notna().to_numpy()
    days = []
    for number in range(len(KINDS)):
        rows = kind == number
        if number >= SPECIAL and (rows & remembered).sum() >= _LEAST_ROWS:
            rows &= remembered
        if rows.sum() < _LEAST_ROWS:
            rows = (kind >= SPECIAL) == (number >= SPECIAL)
        if rows.sum() < _LEAST_ROWS:
            rows = np.ones(len(kind), dtype=bool)
        terms = _terms(features[rows], number)
        gram = terms.T @ (terms * weight[rows, None])
        ridge = _RIDGE * np.trace(gram) / len(gram)
        days.append(_least_absolute(terms, ratio[rows], weight[rows], ridge))
    expected = _blend(features, kind, days)
    code = features["place"].to_numpy(dtype=float)
    nearer = np.zeros((places, 2, len(PLACE_TERMS)))
    for place in range(places):
        for special in (0, 1):
            rows = (code == place) & ((kind >= SPECIAL) == bool(special))
            if rows.sum() >= _LEAST_ROWS // 2:
                terms = _place_terms(features[rows], expected[rows])
                own = weight[rows] / weight[rows].mean()
                nearer[place, special] = _least_absolute(terms, (ratio - expected)[rows], own, _PLACE_RIDGE)
    return {"days": [_plain(day) for day in days], "places": [[_plain(b) for b in place] for place in nearer]}


def expect(features: pd.DataFrame, coefficients: dict[str, Any]) -> np.ndarray:
    """The expected ratio [n] of demand to level, 0 or more."""
    kind = _kind(features)
    expected = _blend(features, kind, [np.array(day) for day in coefficients["days"]])
    code = features["place"].to_numpy(dtype=float)
    known = ~np.isnan(code)
    nearer = np.array(coefficients["places"])[code[known].astype(int), (kind[known] >= SPECIAL).astype(int)]
    expected[known] += (_place_terms(features[known], expected[known]) * nearer).sum(axis=1)
    ratio: np.ndarray = np.maximum(expected, 0)
    return ratio


def _kind(features: pd.DataFrame) -> np.ndarray:
    """The kind of day of each row, as a position in `KINDS`."""
    kind: np.ndarray = features["weekday"].to_numpy(dtype=int)
    beside = (features["holiday_before"] == 1) | (features["holiday_after"] == 1)
    kind = np.where(beside, KINDS.index("beside"), kind)
    kind = np.where(features["from_new_year"].between(-8, 4), KINDS.index("turn"), kind)
    holiday = features["holiday"].to_numpy() == 1
    kinds: np.ndarray = np.where(holiday, KINDS.index("holiday"), kind)
    return kinds


def _blend(features: pd.DataFrame, kind: np.ndarray, days: list[np.ndarray]) -> np.ndarray:
    expected = np.zeros(len(features))
    for number, coefficients in enumerate(days):
        rows = kind == number
        expected[rows] = _terms(features[rows], number) @ coefficients
    np.maximum(expected, 0, out=expected)
    return expected


def _terms(features: pd.DataFrame, kind: int) -> np.ndarray:
    return _named(features, SPECIAL_TERMS if kind >= SPECIAL else ORDINARY_TERMS)


def _place_terms(features: pd.DataFrame, expected: np.ndarray) -> np.ndarray:
    terms: np.ndarray = _named(features, PLACE_TERMS) - expected[:, None]
    return terms


def _named(features: pd.DataFrame, names: tuple[str, ...]) -> np.ndarray:
    """The terms [n, k]; what is unknown falls back on a coarser figure, at last on base."""
    base = _or(_column(features, "base"), _column(features, "hour_mean_7d"), _column(features, "lag_24"))
    base = _or(base, np.ones(len(base)))
    then_1y = base * _or(_column(features, "dev_1y"), _column(features, "city_dev_1y"), np.ones(len(base)))
    share_1y = _or(_column(features, "share_1y"), then_1y)
    values = {
        "base": base,
        "then_1y": then_1y,
        "share_1y": share_1y,
        "then_2y": _or(base * _column(features, "dev_2y"), then_1y),
        "share_2y": _or(_column(features, "share_2y"), share_1y),
        "city_then_1y": base * _or(_column(features, "city_dev_1y"), np.ones(len(base))),
        "middle_1y": np.sqrt(then_1y * base),
    }
    columns = []
    for name in names:
        if name.startswith("+"):
            columns.append(base * np.nan_to_num(_column(features, name[1:]) - 1))
        else:
            columns.append(values[name] if name in values else _or(_column(features, name), base))
    return np.stack(columns, axis=1)


def _column(features: pd.DataFrame, name: str) -> np.ndarray:
    return features[name].to_numpy(dtype=float)


def _or(values: np.ndarray, *others: np.ndarray) -> np.ndarray:
    for other in others:
        values = np.where(np.isnan(values), other, values)
    return values


def _least_absolute(terms: np.ndarray, target: np.ndarray, weight: np.ndarray, ridge: float) -> np.ndarray:
    """Coefficients [k] of terms [n, k] that minimise the weighted absolute error, held small by a ridge."""
    scale = np.full(len(target), 1 / _SMALLEST_ERROR)
    coefficients = np.zeros(terms.shape[1])
    for _ in range(_ROUNDS):
        weighted = terms * (weight * scale)[:, None]
        gram = terms.T @ weighted + ridge * np.eye(terms.shape[1])
        coefficients = np.linalg.solve(gram, weighted.T @ target)
        scale = 1 / np.maximum(np.abs(target - terms @ coefficients), _SMALLEST_ERROR)
    return coefficients


def _plain(coefficients: np.ndarray) -> list[float]:
    """Rounded, so that the order in which a machine adds up does not show."""
    return [round(float(value), 4) for value in coefficients]
