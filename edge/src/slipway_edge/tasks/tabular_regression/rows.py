"""Rows with a place, a time and a value, and the checks that they must pass."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from slipway_edge import tables
from slipway_edge.errors import DataError
from slipway_edge.tables import Check
from slipway_edge.tasks.tabular_regression import steps
from slipway_edge.tasks.tabular_regression.steps import Step

TIMES = np.datetime64("1970-01-01", "s"), np.datetime64("2200-01-01", "s")
"""Times outside this range are treated as mistakes."""
RECALL = 2 * 366 + 7 * 7
"""Days of history that a feature can use: two anniversaries and the weeks that they are compared with."""
FEW = 24
"""Rows beyond a gap are mistakes if there is fewer than one of them for this many steps of the gap."""


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
    table: tables.Table,
    place: str | None,
    time: str,
    target: str,
    numeric: Sequence[str],
    categorical: Sequence[str],
    written: tables.Written,
) -> Rows:
    """Return the rows of a caller's table, given the names of its columns; without `place`, they are of one series.

    Raises:
        DataError: a column is missing, or a numeric column holds something that is not a number.
    """
    read = tables.columns(table, [*([place] if place else []), time, target, *numeric, *categorical])
    given = {name: written.known(values) for name, values in read.items()}
    given |= {name: written.with_point(given[name]) for name in (target, *numeric)}
    moments = [tables.moment(value) for value in given[time]]
    return Rows(
        one_series(target, len(moments)) if place is None else tables.texts(given[place]),
        local(
            np.array([moment for moment, _ in moments], "datetime64[us]"), np.array([zone for _, zone in moments], bool)
        ),
        tables.numbers("the table", target, given[target]),
        {name: tables.numbers("the table", name, given[name]) for name in numeric},
        {name: tables.texts(given[name]) for name in categorical},
        given,
        lambda row: f"the table row {row + 1}",
    )


def one_series(target: str, rows: int) -> np.ndarray:
    """Return the place of each row, objects [n], of a table without a column for it: the name of the target."""
    return np.full(rows, target, object)


def local(times: np.ndarray, zoned: np.ndarray) -> np.ndarray:
    """Return local times [n] as datetime64[s]; NaT if a time has an offset or zone (`zoned`), or is outside `TIMES`."""
    with np.errstate(invalid="ignore"):
        usual = (times >= TIMES[0]) & (times < TIMES[1]) & ~zoned
    return np.where(usual, times.astype("datetime64[s]"), np.datetime64("NaT", "s"))


def check_step(rows: Rows, step: Step) -> None:
    """Check that no series has another step; gaps are allowed.

    Raises:
        DataError: at least half of the rows of a series are another step apart; the message names the series and rows.
    """
    known = ~np.isnat(rows.time) & np.array([name is not None for name in rows.place], bool)
    names, codes = np.unique(rows.place[known].astype(str), return_inverse=True)
    order = np.flatnonzero(known)[np.argsort(codes, kind="stable")]
    ends = np.cumsum(np.bincount(codes, minlength=len(names)))
    for name, row in zip(names, np.split(order, ends[:-1]), strict=True):
        found = steps.detect(rows.time[row])
        if found is not None and found != step:
            one, other = (row[at] for at in steps.neighbours(rows.time[row], found))
            times = " and ".join(str(rows.time[at]).replace("T", " ") for at in (one, other))
            raise DataError(
                f"{rows.where(int(one))}: the series {name} has a row every {found.words} ({times} in "
                f"{rows.where(int(other))}), and data.step is {step}; set data.step to {found} in the variant's conf/ "
                "file if this is its step, or give one row for each step"
            )


def wrong(rows: Rows, time: str, target: str, place: str | None, step: Step, ahead: bool = False) -> Iterator[Check]:
    """Yield the checks of rows, given the names of their columns; with `ahead`, rows may have no target."""
    clock = [str(moment).replace("T", " ") for moment in rows.time]
    twice = [f"{name} at {moment}" for name, moment in zip(rows.place, clock, strict=True)]
    yield Check(_repeated(rows, step), "duplicate row", "a second row for", twice)
    yield Check(np.array([name is None for name in rows.place], bool), "no place", f"{place} is empty")
    what = f"a local {step.words}" if " " not in step.words else f"a local time in steps of {step.words},"
    no_step = f", which is not {what} like {step.example} (without an offset)"
    unread, given = np.isnat(rows.time), rows.given
    yield Check(unread, "no time", f"{time} is", given[time], no_step)
    off = np.zeros(len(unread), bool)
    off[~unread] = ~step.aligned(rows.time[~unread])
    yield Check(off, f"not on the {step.words}", f"{time} is", given[time], no_step)
    far = _far(rows.time, step)
    yield Check(far, "far from the rest", f"{time} is", given[time], ", more than two years from the other rows")
    if not ahead:
        yield Check(np.isnan(rows.target), "no target", f"{target} is", given[target])
    yield Check(rows.target == np.inf, "infinite target", f"{target} is", given[target])
    yield Check(rows.target < 0, "negative target", f"{target} is", given[target])
    for name, values in rows.numeric.items():
        present = np.array([not tables.missing(value) and value != "" for value in given[name]], bool)
        yield Check(present & ~np.isfinite(values), "not a number", f"{name} is", given[name])


def _repeated(rows: Rows, step: Step) -> np.ndarray:
    """Which rows [n] have the same place and step as an earlier row."""
    names: dict[Any, int] = {}
    place = np.array([names.setdefault(name, len(names)) for name in rows.place], np.int64)
    time = rows.time.astype("datetime64[M]") if step.minutes is None else rows.time
    keys = np.stack([place, time.astype(np.int64)], axis=1)
    _, first = np.unique(keys, axis=0, return_index=True)
    repeated = np.ones(len(keys), bool)
    repeated[first] = False
    return repeated


def _far(time: np.ndarray, step: Step) -> np.ndarray:
    """Which times [n] are separated from most others by a gap longer than `RECALL`, and few for its length.

    They are mistakes (1970 for an empty time), and the grid would have to hold every step in between.
    """
    far = np.zeros(len(time), bool)
    read = ~np.isnat(time)
    if not read.any():
        return far
    at = step.between(TIMES[0], time[read])
    known = np.unique(at)
    ends = np.flatnonzero(np.diff(known) > step.span(RECALL))
    part = np.searchsorted(known[ends], at, side="left")
    counts = np.bincount(part, minlength=len(ends) + 1)
    first, last = known[np.append(0, ends + 1)], known[np.append(ends, len(known) - 1)]
    most = counts.argmax()
    gap = np.maximum(first[most] - last, first - last[most])
    far[read] = (counts * FEW < gap)[part]
    return far
