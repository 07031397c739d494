"""Fit the coefficients of the linear blends of `slipway_edge.tasks.tabular_regression` to training rows.

The fit minimises absolute deviations weighted by the level, and so the mean absolute error in the unit of demand, by
iteratively reweighted least squares (Schlossmacher, 1973, "An iterative technique for absolute deviations curve
fitting").
"""

from typing import Any

import numpy as np

from slipway_edge.tasks.tabular_regression import stepped
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
from slipway_edge.tasks.tabular_regression.grid import Features

_MOST_ROWS = 600_000
_LEAST_ROWS = 2000
_LEAST_KNOWN = 30
_SMALLEST_ERROR = 0.02
_ROUNDS = 12
_RIDGE, _PLACE_RIDGE = 5e-3, 3000.0


def fit(features: Features, ratio: np.ndarray, places: int) -> dict[str, Any]:
    """Return the coefficients of the blends of hours, as JSON values.

    Args:
        features: of the training rows, by `hourly.describe`.
        ratio: their demand over the level [n].
        places: how many places there are.
    """
    features, ratio, weight = _sample(features, ratio)
    kind = kind_of(features)
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
        days.append(_least_absolute(added, ratio[rows], weight[rows], _ridge(added, weight[rows])))
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


def fit_blend(features: Features, ratio: np.ndarray) -> dict[str, Any]:
    """Return the coefficients of the one blend of other steps; arguments as for `fit`, by `stepped.describe`.

    Rows without a value a season before are used only if there are few others: they show nothing of the past.
    """
    features, ratio, weight = _sample(features, ratio)
    known = ~np.isnan(features["naive"])
    rows = known if known.sum() >= _LEAST_KNOWN else np.ones(len(ratio), bool)
    added = stepped.terms(rows_of(features, rows))
    found = _least_absolute(added, ratio[rows], weight[rows], _ridge(added, weight[rows]))
    return {"blend": _plain(found)}


def _sample(features: Features, ratio: np.ndarray) -> tuple[Features, np.ndarray, np.ndarray]:
    """At most `_MOST_ROWS` of the rows and their ratios, and the weight of each [n]: its level, 1 on average."""
    if len(ratio) > _MOST_ROWS:
        rows = np.arange(0, len(ratio), len(ratio) // _MOST_ROWS + 1)
        features, ratio = rows_of(features, rows), ratio[rows]
    weight = features["level"].astype(float)
    return features, ratio, weight / weight.mean()


def _ridge(terms: np.ndarray, weight: np.ndarray) -> float:
    gram = terms.T @ (terms * weight[:, None])
    return float(_RIDGE * np.trace(gram) / len(gram))


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
