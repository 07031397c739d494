"""Tables as callers have them, to arrays: a list of dictionaries by column, or columns by name (a DataFrame).

Values are read one by one and alike from every kind of table, text from a CSV file among them.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np

from slipway_edge.errors import DataError

Table = Sequence[Mapping[str, Any]] | Mapping[str, Iterable[Any]]
"""Rows by column, or columns by name; a DataFrame is the latter."""
TRUTH = {word: word.lower() for word in ("True", "TRUE", "False", "FALSE")}

_TIME = re.compile(
    r"(?P<date>\d{4}(?P<sep>[-/.])\d\d?(?P=sep)\d\d?|\d{8})"
    r"(?:[Tt ](?P<clock>\d\d?:\d\d(?::\d\d(?:[.,]\d+)?)?|\d\d(?:\d\d(?:\d\d(?:[.,]\d+)?)?)?)"
    r"\s?(?P<offset>[Zz]|[+-]\d\d(?::?\d\d)?)?)?"
)
"""A day, or a point in time, of ISO 8601: year, month and day, and hours at least; not its weeks or days of a year."""
_WHOLE = re.compile(r"(-?[0-9]+)\.0+")
_DATES = date | timedelta | np.datetime64 | np.timedelta64


def column(name: str) -> str:
    """What a column of the raw data is called beside columns of Slipway's own, none of which begins so."""
    return f"column {name}"


def columns(table: Table, names: Sequence[str], where: str = "the table") -> dict[str, list[Any]]:
    """The values [n] of the columns `names`, None where a row has none.

    Raises:
        DataError: it is no table, has no row with one of the columns, or two columns of a name.
    """
    if isinstance(table, Sequence):
        if not all(isinstance(row, Mapping) for row in table):
            raise DataError(f"{where}: give a list of dictionaries by column, or columns by name")
        there = list(dict.fromkeys(str(name) for row in table for name in row))
        require(where, there, names)
        return {name: [row.get(name) for row in table] for name in names}
    if not hasattr(table, "items"):
        raise DataError(f"{where}: give a list of dictionaries by column, or columns by name")
    given = [(str(name), values) for name, values in table.items()]
    require(where, [name for name, _ in given], names)
    found = {name: list(values) for name, values in given if name in names}
    if len({len(values) for values in found.values()}) > 1:
        raise DataError(f"{where}: its columns have {', '.join(str(len(one)) for one in found.values())} values")
    return found


def require(where: str, there: Sequence[str], names: Sequence[str]) -> None:
    """Refuse a table without one of the columns `names`, or with two of a name.

    Raises:
        DataError: a column is missing, or there twice; the message says which, and what there is.
    """
    if missing := [name for name in names if name not in there]:
        listed = ", ".join(name if name == name.strip() else repr(name) for name in there)
        raise DataError(
            f"{where}: no column {', '.join(missing)}; it has {listed}. "
            "Name the columns in data, or a file that is no table of rows in data.exclude"
        )
    if twice := [name for name in dict.fromkeys(names) if list(there).count(name) > 1]:
        raise DataError(f"{where}: several columns are called {', '.join(twice)}; give each a name of its own")


def missing(value: Any) -> bool:
    """Whether a value says that there is none: None, NaN, NaT, or pandas' NA."""
    try:
        return value is None or bool(value != value)
    except (TypeError, ValueError):
        return type(value).__name__ == "NAType"


def text(value: Any) -> str | None:
    """A value as text, None where it is missing or empty.

    Whole numbers have no fraction (`7.0` is `7`), truth is lower case (`True` and `TRUE` are `true`).
    """
    if missing(value):
        return None
    said = str(value)
    if match := _WHOLE.fullmatch(said):
        return match[1]
    return TRUTH.get(said, said) or None


def texts(values: Iterable[Any]) -> np.ndarray:
    """Values as text, objects [n], None where missing."""
    return as_objects([text(value) for value in values])


def as_objects(values: Sequence[Any]) -> np.ndarray:
    """Values as they are in an array of objects [n]."""
    found = np.empty(len(values), object)
    found[:] = values
    return found


def number(value: Any) -> float:
    """A value as a number, NaN where it is missing or text that is none.

    Raises:
        TypeError: it is no single value.
    """
    if missing(value) or (isinstance(value, str) and "_" in value):
        return float("nan")
    try:
        return float(value)
    except ValueError:
        if isinstance(value, str):
            return float("nan")
        raise TypeError(f"{value!r} is no number")


def numbers(where: str, name: str, values: Sequence[Any]) -> np.ndarray:
    """Values of the column `name` as float64 [n], NaN where one is missing or no number.

    Raises:
        DataError: the column holds dates or durations, or what is no single value.
    """
    for value in values:
        if isinstance(value, _DATES) and not missing(value):
            raise DataError(no_numbers(where, name, value))
    try:
        found = np.array([number(value) for value in values], np.float64)
    except (TypeError, OverflowError):
        raise DataError(f"{where}: column {name} holds what is no number, such as {_first(values)}")
    given = [value for value in values if not missing(value)]
    if given and np.isnan(found).all() and all(not np.isnat(moment(value)[0]) for value in given):
        raise DataError(no_numbers(where, name, given[0]))
    return found


def no_numbers(where: str, name: str, first: Any) -> str:
    """What is said of a column of dates or durations that should hold numbers."""
    return (
        f"{where}: column {name} holds dates or durations, such as {first}, and no numbers; write what of "
        "them the model should see as a number (days since an event, the hour of the day), or take the column out"
    )


def moment(value: Any) -> tuple[np.datetime64, bool]:
    """A point in time as datetime64[us] without a zone, and whether it was given with an offset or a zone.

    One that was given with it is in UTC, another as it stands. NaT is what is missing or cannot be read for certain:
    all but a date, or a date and a time, in the order year, month, day, hour.
    """
    nothing = np.datetime64("NaT", "us")
    if missing(value):
        return nothing, False
    if isinstance(value, np.datetime64):
        return value.astype("datetime64[us]"), False
    if isinstance(value, datetime):
        zoned = value.tzinfo is not None
        return np.datetime64((value.astimezone(UTC) if zoned else value).replace(tzinfo=None), "us"), zoned
    match = _TIME.fullmatch(str(value).strip())
    try:
        return (nothing, False) if match is None else (_of(match), match["offset"] is not None)
    except (ValueError, OverflowError):  # no such day or hour
        return nothing, False


def _of(match: re.Match[str]) -> np.datetime64:
    """The point in time that text says, in UTC where it says an offset.

    Raises:
        ValueError, OverflowError: there is none.
    """
    said, clock = match["date"], (match["clock"] or "0").replace(",", ".")
    days = re.split("[-/.]", said) if match["sep"] else (said[:4], said[4:6], said[6:])
    whole, _, fraction = clock.partition(".")
    parts = whole.split(":") if ":" in whole else [whole[at : at + 2] for at in range(0, len(whole), 2)]
    year, month, day = map(int, days)
    hour, minute, second = map(int, [*parts, 0, 0][:3])
    local = datetime(year, month, day, hour, minute, second, int(f"{fraction:0<6}"[:6]))
    return np.datetime64(local - timedelta(minutes=_offset(match["offset"])), "us")


def _offset(said: str | None) -> int:
    """Minutes before UTC."""
    if not said or said in "Zz":
        return 0
    digits = said[1:].replace(":", "")
    return int(f"{said[0]}1") * (60 * int(digits[:2]) + int(digits[2:] or 0))


def positions(values: Iterable[Any], names: Sequence[str]) -> np.ndarray:
    """Where in `names` each value stands, int64 [n], -1 where it does not."""
    place = {name: position for position, name in enumerate(names)}
    return np.array([place.get(value, -1) for value in values], np.int64)


class Check(NamedTuple):
    """Rows [n] that something is wrong with, and what: `said`, the row's value where there are `values`, `why`."""

    wrong: np.ndarray
    kind: str
    said: str
    values: Sequence[Any] | np.ndarray | None = None
    why: str = ""

    def told(self, row: int) -> str:
        """What is wrong with the row at a position."""
        return self.said if self.values is None else f"{self.said} {self.values[row]}{self.why}"


class Failure(NamedTuple):
    """The position of a row that cannot be used, the kind of what is first wrong with it, and all in words."""

    row: int
    kind: str
    detail: str


def failures(checks: Iterable[Check]) -> Iterator[Failure]:
    """The rows that a check says are wrong, each once, in order."""
    found: dict[int, list[tuple[str, str]]] = {}
    for check in checks:
        for row in np.flatnonzero(check.wrong).tolist():
            found.setdefault(row, []).append((check.kind, check.told(row)))
    for row, told in sorted(found.items()):
        yield Failure(row, told[0][0], "; ".join(dict.fromkeys(detail for _, detail in told)))


def some(problems: Sequence[str], most: int = 3) -> str:
    """The first few problems in words, and how many more there are."""
    more = len(problems) - most
    return "; ".join(problems[:most]) + (f"; and {more} more" if more > 0 else "")


def refuse(checks: Iterable[Check], advice: str) -> None:
    """Refuse a caller's table for rows of which a check says that they are wrong.

    Raises:
        DataError: there are such rows; the message says which, and ends with the advice.
    """
    if told := [f"the table row {row + 1}: {detail}" for row, _, detail in failures(checks)]:
        raise DataError(f"{some(told)}; {advice}")


def _first(values: Sequence[Any]) -> Any:
    return next((value for value in values if not missing(value)), None)
