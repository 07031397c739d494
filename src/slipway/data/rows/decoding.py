"""Decode features to rows of a table: the inverse of `slipway_edge.rows.encoding`.

The row that is found gives the same features as the original one, derived ones up to rounding. It need not be the
original row: features are float32, of which the shortest decimal is taken, a time of day is rounded, and of a category
that is too rare to be encoded only that is known.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from slipway.core.spec import Spec
from slipway.data.usage import shortest
from slipway_edge.rows.encoding import PARTS, Vocabulary

ROUND = (3600, 1800, 900, 300, 60)
"""Times of the day that people write are multiples of these, in seconds; the largest first."""
OTHER = "other"
"""Stands for a category that is not in the vocabulary, followed by as many _ as make it differ from all that are."""


def row(
    features: np.ndarray,
    numeric: Sequence[str],
    derived: int,
    dates: Sequence[str],
    categorical: Sequence[str],
    spec: Spec,
) -> dict[str, Any]:
    """Return a row, by column, that has the given features [f]; None where a value is missing.

    `derived` is the number of derived features, which are left out; `spec` has the `categories`.
    """
    read = iter(np.asarray(features, np.float32))
    found: dict[str, Any] = {name: shortest(next(read)) for name in numeric}
    for _ in range(derived):
        next(read)
    found |= {name: _date(dict(zip(PARTS, _take(read, len(PARTS)), strict=True))) for name in dates}
    for name in categorical:
        known = spec["categories"][name]
        shares = np.atleast_2d(np.array(known["positive"], np.float32))
        found[name] = _category(_take(read, len(shares)), next(read), _take(read, len(known["own"])), known, shares)
    return found


def _take(read: Iterator[np.float32], count: int) -> np.ndarray:
    return np.array([next(read) for _ in range(count)], np.float32)


def _date(parts: Mapping[str, np.float32]) -> str | None:
    """The roundest date and time with these parts; float32 leaves a few minutes to choose from."""
    if np.isnan(parts["days"]):
        return None
    day = np.datetime64(f"{int(parts['year']):04}-{int(parts['month']):02}-{int(parts['day']):02}", "s")
    seconds = int(parts["hour"]) * 3600 + np.arange(3600)
    alike = seconds[((day.astype(np.int64) + seconds) / 86400).astype(np.float32) == parts["days"]]
    roundest = min(alike.tolist(), key=lambda second: [second % unit > 0 for unit in ROUND], default=int(seconds[0]))
    written = str(day + np.timedelta64(roundest, "s")).replace("T", " ")
    return written.removesuffix(":00").removesuffix(" 00:00")


def _category(
    share: np.ndarray, common: np.float32, own: np.ndarray, known: Vocabulary, shares: np.ndarray
) -> str | None:
    """The category with these features: its `share` of each class, its frequency `common`, and the one-hot ones."""
    if np.isnan(common):
        return None
    for name, one in zip(known["own"], own, strict=True):
        if one == 1:
            return str(name)
    alike = (np.array(known["common"], np.float32) == common) & (shares == share[:, None]).all(axis=0)
    names = [str(name) for name, same in zip(known["names"], alike, strict=True) if same and name not in known["own"]]
    other = OTHER
    while other in known["names"]:
        other += "_"
    return names[0] if names else other
