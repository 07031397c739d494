"""How a CSV file is written: separator, decimal mark, encoding and markers of missing values; and their detection."""

import codecs
import csv
import gzip
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Annotated, Literal, Self, TextIO

from pydantic import Field, field_validator, model_validator

from slipway.core.config import Section, unwritten
from slipway_edge.tables import local_date

SEPARATORS = (",", ";", "\t", "|")
MARKERS = ("NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "?", "-", "--", ".", "missing", "unknown")
"""Texts that may stand for a missing value. They do where all other values of a column are numbers."""
FAR = re.compile(r"-9{2,}([.,]0+)?")
"""Numbers that many programs write for a missing value."""
MONTHS = 12
ENCODINGS = ("utf-8", "utf-16", "cp1252")
"""Python's names of the encodings that are tried first."""
LINES = 10_000
"""The number of lines of a file from which the format is detected."""
_WITH_POINT, _WITH_COMMA = (re.compile(rf"[+-]?(\d+{mark}\d*|{mark}\d+)([eE][+-]?\d+)?") for mark in (r"\.", ","))
_WHOLE = re.compile(r"[+-]?\d+([eE][+-]?\d+)?")


class Format(Section):
    """How CSV files are written: the separator of fields, the decimal mark, the encoding, and texts for missing values.

    An empty field is always missing. `dates`: whether dates that end with the year, such as 3/4/2021, begin with the
    day or the month; null if there are none.
    """

    separator: Annotated[str, Field(min_length=1, max_length=1)] = ","
    decimal: Literal[".", ","] = "."
    encoding: str = "utf-8"
    missing: tuple[str, ...] = ()
    dates: Literal["day", "month"] | None = unwritten(None)

    @field_validator("encoding")
    @classmethod
    def _known(cls, encoding: str) -> str:
        try:
            codecs.lookup(encoding)
        except LookupError:
            raise ValueError(f"Python has no encoding {encoding!r}")
        return encoding

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if self.separator == self.decimal or self.separator in '"\r\n':
            raise ValueError("separator must differ from decimal, and be no quotation mark or line end")
        return self


def detect(paths: Sequence[Path]) -> Format:
    """Detect the format that CSV files (`*.csv` or `*.csv.gz`) share, from the first lines of each.

    The separator is the one with the most fields among those that give each line of a file as many fields as its
    header; without such a separator it is a comma, and reading a file fails with the line. The decimal mark is a comma
    if a column of numbers has one and none has a point. Dates that end with the year begin with the day if they have
    points or a first number above 12, and with the month if they have a second number above 12. The encoding is the
    first one in which all files can be read, of UTF-8, UTF-16 (if a file begins with a byte order mark), Windows-1252
    and Latin-1, in which any file can be read.

    Raises:
        OSError: a file cannot be read.
    """
    encoding = next((one for one in ENCODINGS if all(_is_encoded(path, one) for path in paths)), "latin-1")
    starts = []
    for path in paths:
        with opened(path, encoding) as file:
            starts.append(list(islice(file, LINES)))
    tables = {separator: [_fields(lines, separator) for lines in starts] for separator in SEPARATORS}
    separator = max(SEPARATORS, key=lambda one: sum(len(table[0]) for table in tables[one] if table and table[0][1:]))
    columns = [column for table in tables[separator] for column in zip(*table[1:], strict=True)]
    decimal = _decimal(columns) if separator != "," else "."
    return Format(
        separator=separator,
        decimal=decimal,
        encoding=encoding,
        missing=_markers(columns, decimal),
        dates=_dates(columns),
    )


def opened(path: Path, encoding: str) -> TextIO:
    """Open a CSV file, compressed or not, as text; a byte order mark is not part of it."""
    known = "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding
    if path.suffix.lower() == ".gz":
        return gzip.open(path, "rt", encoding=known, newline="")
    return path.open(encoding=known, newline="")


def is_number(value: str, decimal: str) -> bool:
    """Return whether a text is a number written with this decimal mark."""
    pattern = _WITH_COMMA if decimal == "," else _WITH_POINT
    return bool(_WHOLE.fullmatch(value) or pattern.fullmatch(value))


def _is_encoded(path: Path, encoding: str) -> bool:
    with opened(path, "latin-1") as file:
        marked = file.read(2) in ("\xff\xfe", "\xfe\xff")
    if (encoding == "utf-16") != marked:
        return False
    try:
        with opened(path, encoding) as file:
            for _ in iter(lambda: file.read(1 << 20), ""):
                pass
    except UnicodeError:
        return False
    return True


def _fields(lines: Sequence[str], separator: str) -> list[list[str]]:
    """The fields of the lines, the header first; nothing if a line has more or fewer than the header."""
    try:
        rows = [row for row in csv.reader(_plain(lines), delimiter=separator, strict=True) if row]
    except csv.Error:
        return []
    return rows if rows and all(len(row) == len(rows[0]) for row in rows) else []


def _plain(lines: Sequence[str]) -> Iterator[str]:
    """The lines without the NUL characters, with which reading the file fails later."""
    return (line.replace("\0", "") for line in lines)


def _decimal(columns: Sequence[Sequence[str]]) -> Literal[".", ","]:
    def some(pattern: re.Pattern[str], mark: str) -> bool:
        numbers = ([value for value in column if value and value not in MARKERS] for column in columns)
        return any(
            values and all(is_number(value, mark) for value in values) and any(map(pattern.fullmatch, values))
            for values in numbers
        )

    return "," if some(_WITH_COMMA, ",") and not some(_WITH_POINT, ".") else "."


def _dates(columns: Sequence[Sequence[str]]) -> Literal["day", "month"] | None:
    """What the dates that end with the year begin with, if the columns agree and one of them shows it."""
    found = set()
    for column in columns:
        dates = [local_date(value) for value in set(column) - {"", *MARKERS}]
        parts = [date for date in dates if date is not None]
        if not parts or len(parts) < len(dates):
            continue
        day = all(second <= MONTHS for _, second, _ in parts)
        month = all(first <= MONTHS and mark != "." for first, _, mark in parts)
        if day != month:
            found.add("day" if day else "month")
    return None if len(found) != 1 else "day" if "day" in found else "month"


def _markers(columns: Sequence[Sequence[str]], decimal: str) -> tuple[str, ...]:
    """The markers that occur in columns in which all other values are numbers, and numbers such as -999.

    Such a number stands for a missing value if it is repeated in a column whose other numbers are not negative, and in
    no column of numbers with other negative ones.
    """
    found, far, negative = set(), set(), set()
    for column in columns:
        counts = Counter(column)
        values = counts.keys() - {""}
        marked = values & set(MARKERS)
        others = values - marked
        if not others or not all(is_number(value, decimal) for value in others):
            continue
        found |= marked
        below = {value for value in others if value.startswith("-") and re.search("[1-9]", value)}
        if len(below) == 1 and len(others) > 2 and all(FAR.fullmatch(one) and counts[one] > 1 for one in below):
            far |= below
        else:
            negative |= below
    return (*(marker for marker in MARKERS if marker in found), *sorted(far - negative))
