"""Propose the section `data` of a table: sort its columns by what they hold, and detect how its files are written."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from slipway.core.errors import DataError
from slipway.data.readers import table_format, tables
from slipway.data.readers.sides import above_tables, side_of
from slipway.data.readers.table_format import Format, is_number
from slipway.data.rows import series
from slipway.data.rows.series import Series
from slipway_edge.tables import local_date, moment

Kind = Literal[
    "target",
    "group",
    "split",
    "numeric",
    "categorical",
    "dates",
    "id",
    "constant",
    "empty",
    "text",
    "time",
    "series",
    "not known ahead",
]
LEFT_OUT: tuple[Kind, ...] = ("id", "constant", "empty", "text", "not known ahead")
UNREAD: tuple[Kind, ...] = ("categorical", "id", "text")
"""The kinds of columns that may hold numbers or dates in a form that is not read."""
FEATURES: tuple[Kind, ...] = ("numeric", "dates", "categorical")
TARGETS = ("target", "label", "class", "y")
"""The names of a column that is the target unless another is given."""
SPLITS = ("split", "set", "subset", "partition")
"""The names of a column that is the table's own split if its values are train, val and test."""
FEW, SHARE = 20, 0.5
"""A column of texts has categories if it has at most `FEW` of them, or at most this share of its rows."""
WORDS = 4
"""Texts with at least this many words on average are sentences."""
CLASSES = 20
"""Whole numbers are classes if there are at most this many of them, and a number to predict otherwise."""
_ID = re.compile(r"(^|[^a-z])(id|ids|uuid|guid|key|index|idx|rowid|row|no|nr|number)$|(?<=[a-z])(Id|ID|No|Nr)$")
_MONTH = r"(jan|feb|mar|apr|ma[yi]|jun|jul|aug|sep|o[ck]t|nov|de[cz])[a-z]*"
_DATE = re.compile(rf"^\d\d?([./-])\d\d?\1\d\d\b|^({_MONTH}\.? \d|\d\d?[. -]+{_MONTH}\b).*\d", re.IGNORECASE)
_AMOUNT = re.compile(r"[^\w.,+-]{0,2}[+-]?\d{1,3}(?:\d*|(?:[.,' ]\d{3})+)(?:[.,]\d+)?\s?(?:%|[^\w\s]|[A-Z]{3})?")
SHOWN = 3
"""The number of values of a column that are shown."""


@dataclass(frozen=True)
class Column:
    """A column of the tables: its name, its role, and what was seen of its values, in words."""

    name: str
    kind: Kind
    seen: str


@dataclass(frozen=True)
class Proposal:
    """The proposed columns, in the order of the table; the target's values [n] as text; and the format of the files.

    `series`: the series that the rows are values of, if they are.
    """

    columns: tuple[Column, ...]
    target: str
    values: pd.Series
    written: Format
    series: Series | None = None

    @property
    def numeric(self) -> bool:
        """Whether the target is a number to predict, rather than a class."""
        values = self.values.dropna().unique()
        numbers = all(is_number(value, self.written.decimal) for value in values)
        whole = numbers and all(float(value.replace(",", ".")).is_integer() for value in values)
        return numbers and (not whole or len(values) > CLASSES)

    @property
    def forecast(self) -> bool:
        """Whether the rows are values of series, the target is a number, and so its next values are to be forecast."""
        return self.numeric and self.series is not None

    def as_series(self) -> "Proposal":
        """Return the columns as a forecast uses them, which knows only the past of the target of a row to come."""
        assert self.series is not None
        roles: dict[str | None, Kind] = {self.series.place: "series", self.series.time: "time", self.target: "target"}
        columns = [replace(one, kind=roles.get(one.name, "not known ahead")) for one in self.columns]
        return replace(self, columns=tuple(columns))

    @property
    def data(self) -> dict[str, Any]:
        """The section `data` that all tasks for rows share, without the keys that have their default value."""
        named = {kind: [one.name for one in self.columns if one.kind == kind] for kind in FEATURES}
        single = {one.kind: one.name for one in self.columns if one.kind in ("group", "split")}
        written = self.written.model_dump(mode="json", exclude_defaults=True)
        return {
            "target": self.target,
            **dict(sorted(single.items())),
            **{kind: names for kind, names in named.items() if names},
            **({"format": written} if written else {}),
        }


def propose(raw: Path, target: str | None, group: str | None) -> Proposal:
    """Propose what each column of a table, or of a folder of tables, is.

    Args:
        raw: the folder, or the file.
        target: the column to predict; None for the only column with a name of `TARGETS`.
        group: the column whose equal values stay on one side of a split.

    Raises:
        DataError: there is no table, a file is not a table, the files have different columns, there is no target or
            no such column, or no column is left to learn from.
    """
    paths = [path for top in above_tables(raw) for path in tables.files(raw / top)]
    written = table_format.detect([path for path in paths if path.suffix.lower() != ".parquet"])
    named = [(name, frame) for name, _, frame in tables.read_sides(raw, text=None, written=written)]
    first, frame = named[0]
    for name, other in named[1:]:
        if list(other.columns) != list(frame.columns):
            raise DataError(
                f"{name}: its columns are {', '.join(map(str, other.columns))}, and those of {first} are "
                f"{', '.join(map(str, frame.columns))}; give tables with the same columns"
            )
    names = [str(name) for name in frame.columns]
    target = _target(raw, names, target)
    tables.require(first, frame, names)
    for role, wanted in (("target", target), ("group", group)):
        if wanted is not None and wanted not in names:
            raise DataError(f"{raw}: no column {wanted} for --{role}; it has {', '.join(names)}")
    whole = pd.concat([one.set_axis(names, axis=1) for _, one in named], ignore_index=True)
    given: dict[str | None, Kind] = {group: "group", target: "target"}
    columns = []
    for name in names:
        values = tables.texts(whole[name])
        kind = given.get(name) or _kind(name, values, written.decimal)
        columns.append(Column(name, kind, _seen(values) + (_unread(values) if kind in UNREAD else "")))
    if not any(one.kind in FEATURES for one in columns):
        left = "; ".join(f"{one.name} ({one.kind})" for one in columns)
        raise DataError(f"{raw}: no column is left to learn from: {left}")
    of_kind = {
        kind: [one.name for one in columns if one.kind == kind] for kind in ("dates", "categorical", "id", "numeric")
    }
    values = tables.texts(whole[target])
    point = values.str.replace(written.decimal, ".", regex=False)
    found = series.find(
        whole,
        of_kind.pop("dates"),
        [name for names in of_kind.values() for name in names],
        pd.to_numeric(point, errors="coerce"),
        group,
    )
    return Proposal(tuple(columns), target, values, written, found)


def _target(raw: Path, names: Sequence[str], given: str | None) -> str:
    if given is not None:
        return given
    likely = [name for name in names if name.casefold() in TARGETS]
    if len(likely) == 1:
        return likely[0]
    raise DataError(f"{raw}: name the column to predict with --target; it has {', '.join(names)}")


def _kind(name: str, values: pd.Series, decimal: str) -> Kind:
    known = values.dropna()
    distinct = known.unique().tolist()
    if len(distinct) < 2:
        return "constant" if distinct else "empty"
    if _are_sides(name, distinct):
        return "split"
    if _are_dates(distinct):
        return "dates"
    if all(is_number(value, decimal) and not _leading_zero(value) for value in distinct):
        unique = len(distinct) == len(values)
        return "id" if unique and (_ID.search(name.strip()) or _counts(distinct)) else "numeric"
    if len(distinct) > FEW and len(distinct) > SHARE * len(known):
        return "text" if known.map(lambda text: len(text.split())).mean() >= WORDS else "id"
    return "categorical"


def _are_sides(name: str, distinct: Sequence[str]) -> bool:
    """Whether a column is the table's own split: it is called so, and each value is train, val or test."""
    return name.strip().casefold() in SPLITS and all(side_of(value) is not None for value in distinct)


def _leading_zero(value: str) -> bool:
    """Whether a text such as 01234 is a code rather than a number."""
    return len(value) > 1 and value[0] == "0" and value.isdigit()


def _are_dates(values: Iterable[str]) -> bool:
    found = (moment(value)[0] for value in values)
    return all(not np.isnat(one) and 1900 <= one.astype("datetime64[Y]").astype(int) + 1970 < 2100 for one in found)


def _counts(values: Sequence[str]) -> bool:
    """Whether the values are consecutive whole numbers in order, like the numbers of rows."""
    return all(value.isdigit() for value in values) and all(
        int(after) == int(before) + 1 for before, after in pairwise(values)
    )


def _unread(values: pd.Series) -> str:
    """What would make the values of a column of texts numbers or dates, in words; "" if they are neither."""
    known = values.dropna().unique().tolist()
    if all(map(local_date, known)):
        return "; dates: set data.format.dates to what they begin with, day or month, and list the column in data.dates"
    if all(map(_DATE.search, known)):
        return "; if these are dates, write them as 2024-03-01"
    if all(map(_AMOUNT.fullmatch, known)) and not all(value.isdigit() for value in known):
        return "; if these are numbers, write them without separators of thousands, % or a currency"
    return ""


def _seen(values: pd.Series) -> str:
    known = values.dropna()
    common = known.value_counts(sort=True)
    shown = ", ".join(str(value)[:30] for value in common.index[:SHOWN]) + (", ..." if len(common) > SHOWN else "")
    missing = len(values) - len(known)
    return f"{len(common):,} values: {shown}" + (f"; {missing:,} missing" if missing else "")
