"""Propose the section `data` of a table: sort its columns by what they hold, and detect how its files are written."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from slipway.core.errors import DataError
from slipway.data.readers import table_format, tables
from slipway.data.readers.sides import above_tables, side_of
from slipway.data.readers.table_format import Format, is_number
from slipway_edge.tables import moment

Kind = Literal["target", "group", "split", "numeric", "categorical", "dates", "id", "constant", "empty", "text"]
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
    """The proposed columns, in the order of the table; the target's values [n] as text; and the format of the files."""

    columns: tuple[Column, ...]
    target: str
    values: pd.Series
    written: Format

    @property
    def numeric(self) -> bool:
        """Whether the target is a number to predict, rather than a class."""
        values = self.values.dropna().unique()
        numbers = all(is_number(value, self.written.decimal) for value in values)
        whole = numbers and all(float(value.replace(",", ".")).is_integer() for value in values)
        return numbers and (not whole or len(values) > CLASSES)

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
        columns.append(Column(name, kind, _seen(values)))
    if not any(one.kind in FEATURES for one in columns):
        left = "; ".join(f"{one.name} ({one.kind})" for one in columns)
        raise DataError(f"{raw}: no column is left to learn from: {left}")
    return Proposal(tuple(columns), target, tables.texts(whole[target]), written)


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


def _seen(values: pd.Series) -> str:
    known = values.dropna()
    common = known.value_counts(sort=True)
    shown = ", ".join(str(value)[:30] for value in common.index[:SHOWN]) + (", ..." if len(common) > SHOWN else "")
    missing = len(values) - len(known)
    return f"{len(common):,} values: {shown}" + (f"; {missing:,} missing" if missing else "")
