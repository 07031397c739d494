"""Fit the coefficients of the linear blend of `slipway_edge.tasks.tabular_regression.expectation` to training rows.

The fit minimises absolute deviations weighted by the level, and so the mean absolute error in the unit of demand, by
iteratively reweighted least squares (Schlossmacher, 1973, "An iterative technique for absolute deviations curve
fitting").
"""

from typing import Any

import numpy as np

from slipway_edge.tasks.tabular_regression.expectation import (
    KINDS,
    PLACE_TERMS,
    SPECIAL,
    blend,
    kind_of,
    place_terms,
    rows_of,
    terms,
)
from slipway_edge.tasks.tabular_regression.hourly import Features

_MOST_ROWS = 600_000
_LEAST_ROWS = 2000
_SMALLEST_ERROR = 0.02
_ROUNDS = 12
_RIDGE, _PLACE_RIDGE = 5e-3, 3000.0


def fit(features: Features, ratio: np.ndarray, places: int) -> dict[str, Any]:
    """Return the coefficients, as JSON values, for rows of features and their ratio [n] of demand to level."""
    if len(ratio) > _MOST_ROWS:
        rows = np.arange(0, len(ratio), len(ratio) // _MOST_ROWS + 1)
        features, ratio = rows_of(features, rows), ratio[rows]
    kind, weight = kind_of(features), features["level"].astype(float)
    weight = weight / weight.mean()
    remembered = ~np.isnan(features["dev_1y"])
    days = []
    for number in range(len(KINDS)):
        rows = kind == number
        if number >= SPECIAL and (rows & remembered).sum() >= _LEAST_ROWS:
            rows &= remembered
        if rows.sum() < _LEAST_ROWS:
            rows = (kind >= SPECIAL) == (number >= SPECIAL)
        if rows.sum() < _LEAST_ROWS:
            rows = np.ones(len(kind), dtype=bool)
        added = terms(rows_of(features, rows), number)
        gram = added.T @ (added * weight[rows, None])
        ridge = _RIDGE * np.trace(gram) / len(gram)
        days.append(_least_absolute(added, ratio[rows], weight[rows], ridge))
    expected = blend(features, kind, days)
    code = features["place"].astype(float)
    nearer = np.zeros((places, 2, len(PLACE_TERMS)))
    for place in range(places):
        for special in (0, 1):
            rows = (code == place) & ((kind >= SPECIAL) == bool(special))
            if rows.sum() >= _LEAST_ROWS // 2:
                added = place_terms(rows_of(features, rows), expected[rows])
                own = weight[rows] / weight[rows].mean()
                nearer[place, special] = _least_absolute(added, (ratio - expected)[rows], own, _PLACE_RIDGE)
    return {"days": [_plain(day) for day in days], "places": [[_plain(b) for b in place] for place in nearer]}


def _least_absolute(terms: np.ndarray, target: np.ndarray, weight: np.ndarray, ridge: float) -> np.ndarray:
    """Coefficients [k] of terms [n, k] that minimise the weighted absolute error with a ridge penalty."""
    scale = np.full(len(target), 1 / _SMALLEST_ERROR)
    coefficients = np.zeros(terms.shape[1])
    for _ in range(_ROUNDS):
        weighted = terms * (weight * scale)[:, None]
        gram = terms.T @ weighted + ridge * np.eye(terms.shape[1])
        coefficients = np.linalg.solve(gram, weighted.T @ target)
        scale = 1 / np.maximum(np.abs(target - terms @ coefficients), _SMALLEST_ERROR)
    return coefficients


def _plain(coefficients: np.ndarray) -> list[float]:
    """The coefficients rounded, so that they do not depend on the order in which a machine adds up."""
    return [round(float(value), 4) for value in coefficients]
