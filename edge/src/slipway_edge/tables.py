"""Convert a caller's table to arrays: a list of rows (dictionaries by column), or columns by name (a DataFrame).

Every value is read in the same way from every kind of table, including text from a CSV file.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from numbers import Real
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from slipway_edge.errors import DataError

Table = Sequence[Mapping[str, Any]] | Mapping[str, Iterable[Any]]
"""Rows as dictionaries by column, or columns by name, such as a DataFrame."""
ROWS = "give a dictionary by column, a list of them, or a DataFrame; `slipway predict` reads files"
TRUTH = {word: word.lower() for word in ("True", "TRUE", "False", "FALSE")}

_TIME = re.compile(
    r"(?P<date>\d{4}(?P<sep>[-/.])\d\d?(?P=sep)\d\d?|\d{8})"
    r"(?:[Tt ](?P<clock>\d\d?:\d\d(?::\d\d(?:[.,]\d+)?)?|\d\d(?:\d\d(?:\d\d(?:[.,]\d+)?)?)?)"
    r"\s?(?P<offset>[Zz]|[+-]\d\d(?::?\d\d)?)?)?"
)
"""A date, or a date with at least the hour, in ISO 8601; week dates and ordinal dates are not supported."""
_LOCAL = re.compile(
    r"(?P<one>\d\d?)(?P<sep>[./-])(?P<two>\d\d?)(?P=sep)(?P<year>\d{4})"
    r"(?:,?[ T](?P<hour>\d\d?)(?P<rest>:\d\d(?::\d\d)?)(?: ?(?P<half>[AaPp])\.?[Mm]\.?)?)?"
)
"""A date that ends with the year, or such a date with a time."""
_WHOLE = re.compile(r"(-?[0-9]+)\.0+")
_DATES = date | timedelta | np.datetime64 | np.timedelta64


def column(name: str) -> str:
    """Return the name of a raw column in tables that also have Slipway's columns, none of which begins like this."""
    return f"column {name}"


def columns(table: Table, names: Sequence[str], where: str = "the table") -> dict[str, list[Any]]:
    """Return the values [n] of the columns `names`, None where a row has no value.

    Raises:
        DataError: `table` is not a table, a column is missing in all rows, or two columns have the same name.
    """
    advice = "Give all columns that the model needs, with None where a value is not known"
    if isinstance(table, Sequence) and not isinstance(table, str):
        for position, row in enumerate(table, start=1):
            if not hasattr(row, "items"):
                raise DataError(f"{where} row {position}: {_kind(row)}; {ROWS}")
        there = list(dict.fromkeys(str(name) for row in table for name, _ in row.items()))
        require(where, there, names, advice)
        return {name: [row.get(name) for row in table] for name in names}
    if not hasattr(table, "items"):
        raise DataError(f"{where}: {_kind(table)}; {ROWS}")
    given = [(str(name), values) for name, values in table.items()]
    require(where, [name for name, _ in given], names, advice)
    for name, values in given:
        if name in names and (isinstance(values, str) or not isinstance(values, Iterable)):
            raise DataError(f"{where}: column {name} is {values!r}; give one value in each column, or a list in each")
    found = {name: list(values) for name, values in given if name in names}
    if len({len(values) for values in found.values()}) > 1:
        lengths = ", ".join(f"{name} {len(values)}" for name, values in found.items())
        raise DataError(f"{where}: its columns have different lengths: {lengths} values")
    return found


def _kind(value: Any) -> str:
    """A value that is not a row or a table, for a message."""
    return f"a file name ({value})" if isinstance(value, str | Path) else f"not a row but {type(value).__name__}"


def require(where: str, there: Sequence[str], names: Sequence[str], advice: str) -> None:
    """Check that a table with the columns `there` has each of the columns `names` exactly once.

    Raises:
        DataError: a column is missing or duplicated; the message says which one, and lists the columns. If one is
            missing, it ends with the advice.
    """
    if missing := [name for name in names if name not in there]:
        listed = ", ".join(name if name == name.strip() else repr(name) for name in there) or "none"
        raise DataError(f"{where}: no column {', '.join(missing)}; it has {listed}. {advice}")
    if twice := [name for name in dict.fromkeys(names) if list(there).count(name) > 1]:
        raise DataError(f"{where}: several columns are called {', '.join(twice)}; give each a different name")


def missing(value: Any) -> bool:
    """Return whether a value stands for a missing one: None, NaN, NaT, or pandas' NA."""
    try:
        return value is None or bool(value != value)
    except (TypeError, ValueError):
        return type(value).__name__ == "NAType"


def text(value: Any) -> str | None:
    """Return a value as text, None if it is missing or empty.

    Whole numbers have no fraction (`7.0` becomes `7`), booleans are lower case (`True` and `TRUE` become `true`).
    """
    if missing(value):
        return None
    written = str(value)
    if match := _WHOLE.fullmatch(written):
        return match[1]
    return TRUTH.get(written, written) or None


def texts(values: Iterable[Any]) -> np.ndarray:
    """Return the values as text, objects [n], None where missing."""
    return as_objects([text(value) for value in values])


def as_objects(values: Sequence[Any]) -> np.ndarray:
    """Return the values unchanged in an array of objects [n]."""
    found = np.empty(len(values), object)
    found[:] = values
    return found


def number(value: Any) -> float:
    """Return a value as a number, NaN if it is missing or text that is not a number.

    Raises:
        TypeError: it is not a single value.
    """
    if missing(value) or (isinstance(value, str) and "_" in value):
        return float("nan")
    try:
        return float(value)
    except ValueError:
        if isinstance(value, str):
            return float("nan")
        raise TypeError(f"{value!r} is not a number")


def numbers(where: str, name: str, values: Sequence[Any]) -> np.ndarray:
    """Return the values of the column `name` as float64 [n], NaN where one is missing or not a number.

    Raises:
        DataError: the column holds dates or durations, or something that is not a single value.
    """
    for value in values:
        if isinstance(value, _DATES) and not missing(value):
            raise DataError(no_numbers(where, name, value))
    try:
        found = np.array([number(value) for value in values], np.float64)
    except (TypeError, OverflowError):
        raise DataError(f"{where}: column {name} holds values that are not numbers, such as {_first(values)}")
    given = [value for value in values if not missing(value)]
    if given and np.isnan(found).all() and all(not np.isnat(moment(value)[0]) for value in given):
        raise DataError(no_numbers(where, name, given[0]))
    return found


def no_numbers(where: str, name: str, first: Any) -> str:
    """Return the message for a column of dates or durations that should hold numbers."""
    return (
        f"{where}: column {name} holds dates or durations, such as {first}, not numbers; convert them to a "
        "number that the model can use (days since an event, the hour of the day), or remove the column"
    )


def moment(value: Any) -> tuple[np.datetime64, bool]:
    """Return a point in time as datetime64[us] without a zone, and whether it was given with an offset or a zone.

    A time with an offset or a zone is converted to UTC, any other is returned as given. A missing or ambiguous value
    becomes NaT: only a date, or a date and a time, in the order year, month, day, hour, is read.
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
        return (nothing, False) if match is None else (_parsed(match), match["offset"] is not None)
    except (ValueError, OverflowError):  # no such day or hour
        return nothing, False


def local_date(text: str) -> tuple[int, int, str] | None:
    """Return the first two numbers of a date that ends with the year, and the mark after them; None for other texts."""
    match = _LOCAL.fullmatch(text.strip())
    return None if match is None else (int(match["one"]), int(match["two"]), match["sep"])


def year_first(text: str, first: str) -> str:
    """Return a date that ends with the year (3/4/2021, 3.4.2021 14:30, 3/4/2021 2:30 PM) in the order of ISO 8601.

    `first` is `day` or `month`, what such a date begins with. Any other text is returned as it is.
    """
    match = _LOCAL.fullmatch(text.strip())
    if match is None:
        return text
    day, month = (match["one"], match["two"]) if first == "day" else (match["two"], match["one"])
    written = f"{match['year']}-{int(month):02}-{int(day):02}"
    if match["hour"] is None:
        return written
    hour = int(match["hour"])
    if match["half"] is not None:
        hour = hour % 12 + (12 if match["half"] in "pP" else 0)
    return f"{written} {hour:02}{match['rest']}"


def moments(values: Iterable[Any]) -> np.ndarray:
    """Return points in time as datetime64[us] [n], in UTC if they have an offset; NaT where missing or not a time."""
    return np.array([moment(value)[0] for value in values], "datetime64[us]")


def _parsed(match: re.Match[str]) -> np.datetime64:
    """The point in time of a matched text, in UTC if the text has an offset.

    Raises:
        ValueError, OverflowError: there is no such day or hour.
    """
    date_text, clock = match["date"], (match["clock"] or "0").replace(",", ".")
    days = re.split("[-/.]", date_text) if match["sep"] else (date_text[:4], date_text[4:6], date_text[6:])
    whole, _, fraction = clock.partition(".")
    parts = whole.split(":") if ":" in whole else [whole[at : at + 2] for at in range(0, len(whole), 2)]
    year, month, day = map(int, days)
    hour, minute, second = map(int, [*parts, 0, 0][:3])
    local = datetime(year, month, day, hour, minute, second, int(f"{fraction:0<6}"[:6]))
    return np.datetime64(local - timedelta(minutes=_offset(match["offset"])), "us")


def _offset(written: str | None) -> int:
    """An offset from UTC in minutes, 0 without one."""
    if not written or written in "Zz":
        return 0
    digits = written[1:].replace(":", "")
    return int(f"{written[0]}1") * (60 * int(digits[:2]) + int(digits[2:] or 0))


def positions(values: Iterable[Any], names: Sequence[str]) -> np.ndarray:
    """Return the position in `names` of each value, int64 [n], -1 for values that are not in it."""
    place = {name: position for position, name in enumerate(names)}
    return np.array([place.get(value, -1) for value in values], np.int64)


class Written(NamedTuple):
    """How the tables of the training data are written: the decimal mark, texts and numbers that stand for a missing
    value, and whether dates that end with the year begin with the `day` or the `month` (None if there are none)."""

    decimal: str = "."
    markers: frozenset[str] = frozenset()
    numbers: frozenset[float] = frozenset()
    dates: str | None = None

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "Written":
        """Return it for the section `data` of a variant, in which `format` may be absent."""
        written = data.get("format", {})
        decimal, markers = written.get("decimal", "."), frozenset(map(str, written.get("missing", ())))
        found = {number(marker.replace(decimal, ".")) for marker in markers}
        return cls(decimal, markers, frozenset(one for one in found if one == one), written.get("dates"))

    def known(self, values: Iterable[Any]) -> list[Any]:
        """Return the values: None for each that stands for a missing value, and the year first in dates."""
        return [self._known(value) for value in values]

    def _known(self, value: Any) -> Any:
        if isinstance(value, str):
            return None if value in self.markers else value if self.dates is None else year_first(value, self.dates)
        return None if self.numbers and isinstance(value, Real) and float(value) in self.numbers else value

    def with_point(self, values: Iterable[Any]) -> list[Any]:
        """Return the values with a decimal point in the texts."""
        return [
            value.replace(self.decimal, ".") if isinstance(value, str) and self.decimal != "." else value
            for value in values
        ]


class Check(NamedTuple):
    """The result of a check of rows: which rows [n] are `wrong`, and the parts of the message about each of them.

    The message is `text`, followed by the row's value and `why` if there are `values`.
    """

    wrong: np.ndarray
    kind: str
    text: str
    values: Sequence[Any] | np.ndarray | None = None
    why: str = ""

    def message(self, row: int) -> str:
        """Return what is wrong with the row at a position."""
        return self.text if self.values is None else f"{self.text} {self.values[row]}{self.why}"


class Failure(NamedTuple):
    """The position of a row that cannot be used, the kind of its first problem, and a message with all its problems."""

    row: int
    kind: str
    detail: str


def failures(checks: Iterable[Check]) -> Iterator[Failure]:
    """Yield each row that fails a check, once, in order."""
    found: dict[int, list[tuple[str, str]]] = {}
    for check in checks:
        for row in np.flatnonzero(check.wrong).tolist():
            found.setdefault(row, []).append((check.kind, check.message(row)))
    for row, problems in sorted(found.items()):
        yield Failure(row, problems[0][0], "; ".join(dict.fromkeys(detail for _, detail in problems)))


def some(problems: Sequence[str], most: int = 3) -> str:
    """Return the first few problems as text, and how many more there are."""
    more = len(problems) - most
    return "; ".join(problems[:most]) + (f"; and {more} more" if more > 0 else "")


def refuse(checks: Iterable[Check], advice: str) -> None:
    """Raise an error if a row of a caller's table fails a check.

    Raises:
        DataError: rows fail a check; the message says which ones, and ends with the advice.
    """
    if problems := [f"the table row {row + 1}: {detail}" for row, _, detail in failures(checks)]:
        raise DataError(f"{some(problems)}; {advice}")


def _first(values: Sequence[Any]) -> Any:
    return next((value for value in values if not missing(value)), None)
