"""Rows with a place, an hour and a value, and the checks that they must pass."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from slipway_edge import tables
from slipway_edge.tables import Check
from slipway_edge.tasks.tabular_regression import hourly

HOURS = np.datetime64("1970-01-01", "s"), np.datetime64("2200-01-01", "s")
"""Times outside this range are treated as mistakes."""


@dataclass(frozen=True)
class Rows:
    """Rows [n] as arrays; a value that is absent or cannot be read is missing.

    `place`: text or None; `time`: local, datetime64[s] or NaT; `target`: float64 or NaN; `numeric`: float64 or NaN
    by column, `categorical`: text or None by column. `given` [n] holds the original values of the time, the target and
    each numeric column, by name; `where` returns the location of a row for messages.
    """

    place: np.ndarray
    time: np.ndarray
    target: np.ndarray
    numeric: Mapping[str, np.ndarray]
    categorical: Mapping[str, np.ndarray]
    given: Mapping[str, Sequence[Any] | np.ndarray]
    where: Callable[[int], str]


def read(
    table: tables.Table, place: str, time: str, target: str, numeric: Sequence[str], categorical: Sequence[str]
) -> Rows:
    """Return the rows of a caller's table, given the names of its columns.

    Raises:
        DataError: a column is missing, or a numeric column holds something that is not a number.
    """
    given = tables.columns(table, [place, time, target, *numeric, *categorical])
    moments = [tables.moment(value) for value in given[time]]
    return Rows(
        tables.texts(given[place]),
        local(
            np.array([moment for moment, _ in moments], "datetime64[us]"), np.array([zone for _, zone in moments], bool)
        ),
        tables.numbers("the table", target, given[target]),
        {name: tables.numbers("the table", name, given[name]) for name in numeric},
        {name: tables.texts(given[name]) for name in categorical},
        given,
        lambda row: f"the table row {row + 1}",
    )


def local(times: np.ndarray, zoned: np.ndarray) -> np.ndarray:
    """Return local times [n] as datetime64[s]; NaT if a time has an offset or zone (`zoned`), or is outside `HOURS`."""
    with np.errstate(invalid="ignore"):
        usual = (times >= HOURS[0]) & (times < HOURS[1]) & ~zoned
    return np.where(usual, times.astype("datetime64[s]"), np.datetime64("NaT", "s"))


def wrong(rows: Rows, time: str, target: str, place: str, ahead: bool = False) -> Iterator[Check]:
    """Yield the checks of rows, given the names of their columns; with `ahead`, rows may have no target."""
    clock = [str(moment).replace("T", " ") for moment in rows.time]
    twice = [f"{name} at {moment}" for name, moment in zip(rows.place, clock, strict=True)]
    yield Check(_repeated(rows), "duplicate row", "a second row for", twice)
    yield Check(np.array([name is None for name in rows.place], bool), "no place", f"{place} is empty")
    no_hour = ", which is not a local hour like 2024-05-01 13:00 (without an offset)"
    unread, given = np.isnat(rows.time), rows.given
    yield Check(unread, "no time", f"{time} is", given[time], no_hour)
    off = ~unread & (rows.time != rows.time.astype("datetime64[h]"))
    yield Check(off, "not on the hour", f"{time} is", given[time], no_hour)
    yield Check(
        _far(rows.time), "far from the rest", f"{time} is", given[time], ", more than two years from the other hours"
    )
    if not ahead:
        yield Check(np.isnan(rows.target), "no target", f"{target} is", given[target])
    yield Check(rows.target == np.inf, "infinite target", f"{target} is", given[target])
    yield Check(rows.target < 0, "negative target", f"{target} is", given[target])
    for name, values in rows.numeric.items():
        present = np.array([not tables.missing(value) and value != "" for value in given[name]], bool)
        yield Check(present & ~np.isfinite(values), "not a number", f"{name} is", given[name])


def _repeated(rows: Rows) -> np.ndarray:
    """Which rows [n] have the same place and hour as an earlier row."""
    names: dict[Any, int] = {}
    place = np.array([names.setdefault(name, len(names)) for name in rows.place], np.int64)
    keys = np.stack([place, rows.time.astype(np.int64)], axis=1)
    _, first = np.unique(keys, axis=0, return_index=True)
    repeated = np.ones(len(keys), bool)
    repeated[first] = False
    return repeated


def _far(time: np.ndarray) -> np.ndarray:
    """Which hours [n] are separated from most others by a gap longer than `RECALL`, and fewer than the days of the gap.

    They are mistakes (1970 for an empty time), and the grid would have to hold every hour in between.
    """
    far = np.zeros(len(time), bool)
    read = ~np.isnat(time)
    hours = time[read].astype("datetime64[h]").astype(np.int64)
    if not len(hours):
        return far
    known = np.unique(hours)
    ends = np.flatnonzero(np.diff(known) > hourly.RECALL)
    part = np.searchsorted(known[ends], hours, side="left")
    counts = np.bincount(part, minlength=len(ends) + 1)
    first, last = known[np.append(0, ends + 1)], known[np.append(ends, len(known) - 1)]
    most = counts.argmax()
    gap = np.maximum(first[most] - last, first - last[most])
    far[read] = (counts * hourly.DAY < gap)[part]
    return far
