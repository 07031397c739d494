"""Tables in which each row is an example: which rows can be used, and their features.

Input: tables (see `slipway.data.readers.tables`), or folders of a split with tables; the `data` section (`columns`)
names their columns. Output: a float32 row of features for each, missing values NaN (see `slipway_edge.rows.encoding`).
The tasks for such tables differ in what they predict, which is the column `target`.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from slipway.core.errors import DataError
from slipway.core.protocol import Column, Encoded, Index, Problem, Usage, column
from slipway.core.spec import Spec
from slipway.data.readers import tables
from slipway.data.readers.sides import side_of
from slipway.data.rows import decoding, encoding
from slipway.data.rows.columns import Columns
from slipway.data.rows.proposal import Proposal
from slipway.data.usage import dictionary, made_up, may_lack
from slipway_edge import rows as edge
from slipway_edge.rows import check_dates, check_numeric
from slipway_edge.rows.encoding import Columns as Values
from slipway_edge.rows.encoding import lacking
from slipway_edge.tables import Check, failures, some

ROWS = 65536
"""Number of rows encoded at a time."""

_REQUIRED = {
    "group": ("no group", "its group is empty or cannot be read"),
    "time": ("no time", "its time is empty or cannot be read"),
    "split": ("no side", "its side of the split is not train, val or test"),
    "example": ("no name", "its name is empty or cannot be read"),
}
"""The columns in which every row must have a value, and the kind and the message of a row that has none."""

_STEPS = (
    ("derived", "Further features are computed by the formulas in release.json (data.derived)."),
    ("dates", "A date becomes year, month, day, weekday, hour and days since 1970."),
    (
        "categorical",
        "A category becomes numbers that are learnt from its training rows: the share of each class or the mean value, "
        "and its frequency; a common one also has a feature that is 0 or 1.",
    ),
)
"""What happens to the columns of a key of the section `data`, if it has any."""


class Rows(edge.Rows, ABC):
    """A task whose examples are rows of a table; see `slipway.core.protocol.Task`."""

    data: Columns
    unlabelled: ClassVar[tuple[str, str]] = ("no class", "its class is empty or cannot be read")
    """The kind and the message of a row without a label."""

    @classmethod
    @abstractmethod
    def suits(cls, proposed: Proposal) -> bool:
        """Return whether the task predicts a target with these values."""

    @classmethod
    def sections(cls, proposed: Proposal) -> tuple[Proposal, dict[str, dict[str, Any]]]:
        """Return the columns as the task uses them, and the sections of the variant's file that depend on them."""
        return proposed, {"data": cls.section(proposed)}

    @classmethod
    def section(cls, proposed: Proposal) -> dict[str, Any]:
        """Return the section `data` for the proposed columns, without the keys that have their default value."""
        return proposed.data

    @abstractmethod
    def labels(self, target: pd.Series) -> pd.Series:
        """Return the label [n] of each row, given the target as text; missing where there is none."""

    @abstractmethod
    def check_labels(self, raw: Path, usable: pd.DataFrame) -> None:
        """Check the labels (columns `target` and `label`) of the usable rows.

        Raises:
            DataError: they cannot be learnt.
        """

    @abstractmethod
    def targets(self, labels: pd.Series, spec: Spec) -> np.ndarray:
        """Return the targets [n] of rows with these labels [n]."""

    @abstractmethod
    def indicators(self, labels: pd.Series) -> dict[str, np.ndarray]:
        """Return what encodes a category by its mean: by name, a value for each row [n], 1 and 0 for an event."""

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of slices: groups, and the values of each categorical column."""
        return frozenset({"group", *self.data.categorical})

    def index(self, raw: Path) -> Index:
        """List one example per row: its name, label and group, `time` and `split` if set, and the categorical columns.

        Repeated rows are kept, with a warning, if no column names the rows.

        Raises:
            DataError: there is no table, a table lacks a configured column, a feature has no value in any row, the
                labels cannot be learnt, or no row can be used.
        """
        table, problems = self._tables(raw)
        own = ["example", "label", "group", *(name for name in ("time", "split") if name in table)]
        warnings = [*self._repeated(table), *self._across(table)]
        return Index(table[[*own, *map(column, self.data.categorical)]], problems, warnings=warnings)

    def encoding(self, raw: Path, examples: pd.DataFrame) -> Spec:
        """Return the part of the spec that the features need, computed from the training examples.

        Raises:
            DataError: a feature has no value in any training example.
        """
        data, table = self.data, self._of(raw, examples)
        self._refuse_empty(f"{raw}, train", table)
        indicators = self.indicators(table["label"])
        categories = {
            name: encoding.vocabulary(table[column(name)], indicators, data.smoothing, data.rare, data.own)
            for name in data.categorical
        }
        missing, unseen = lacking(
            self._numbers(table), self.derived, self._dates_of(table), self._texts(table), categories
        )
        names = encoding.names(
            data.numeric, list(self.derived), data.dates, data.categorical, list(indicators), categories
        )
        return {
            "input": {"shape": [len(names)], "dtype": "float32", "names": names},
            "categories": categories,
            "gaps": {
                "missing": sorted(name for name, rows in missing.items() if rows.any()),
                "unseen": sorted(name for name, rows in unseen.items() if rows.any()),
            },
        }

    def encode(self, raw: Path, examples: pd.DataFrame, spec: Spec) -> Iterator[Encoded]:
        """Encode examples in order, `ROWS` at a time."""
        table = self._of(raw, examples)
        for start in range(0, len(table), ROWS):
            batch = table.iloc[start : start + ROWS]
            yield Encoded(
                np.arange(start, start + len(batch)),
                self.features(self._numbers(batch), self._dates_of(batch), self._texts(batch), spec),
                self.targets(batch["label"], spec),
            )

    def usage(self, spec: Spec, shown: int, golden: np.ndarray | None) -> Usage:
        """Return how the model is called: with rows by column; the example has the features `golden`."""
        data = self.data
        columns = [Column(name, "number", may_lack(name, spec)) for name in data.numeric]
        columns += [Column(name, "date", may_lack(name, spec), note="or date and time") for name in data.dates]
        for name in data.categorical:
            others = "gaps" not in spec or name in {*spec["gaps"]["missing"], *spec["gaps"]["unseen"]}
            names = tuple(sorted(spec["categories"][name]["names"]))
            columns.append(Column(name, "category", may_lack(name, spec), names, others))
        row, origin = made_up(columns), "The values of the row are made up."
        if golden is not None:
            row = decoding.row(golden, data.numeric, len(self.derived), data.dates, data.categorical, spec)
            origin = (
                "The row is one of the test split, as the model sees it, read from golden.npz: numbers have the digits "
                f'of float32, and "{decoding.OTHER}" stands for a category that is too rare to be learnt. None is a '
                "missing value."
            )
        return Usage(
            example=(
                "a row: a dictionary by column. One gives one prediction, a list of dictionaries or a DataFrame gives "
                "a list"
            ),
            code=f"example = {dictionary(row)}",
            origin=origin,
            file="rows.csv",
            steps=tuple(step for there, step in _STEPS if getattr(data, there)),
            columns=tuple(columns),
        )

    @property
    def _features(self) -> list[str]:
        """The raw columns from which the features are computed."""
        return [*self.data.numeric, *self.data.dates, *self.data.categorical]

    def _numbers(self, table: pd.DataFrame) -> Values:
        return {name: table[column(name)].to_numpy(np.float64) for name in self.data.numeric}

    def _dates_of(self, table: pd.DataFrame) -> Values:
        return {name: table[column(name)].to_numpy("datetime64[us]") for name in self.data.dates}

    def _texts(self, table: pd.DataFrame) -> Values:
        return {name: table[column(name)].to_numpy(object) for name in self.data.categorical}

    def _of(self, raw: Path, examples: pd.DataFrame) -> pd.DataFrame:
        """The rows of the examples, in their order."""
        table, _ = self._tables(raw)
        position = pd.Index(table["example"]).get_indexer(pd.Index(examples["example"]))
        rows: pd.DataFrame = table.iloc[position].reset_index(drop=True)
        return rows

    def _tables(self, raw: Path) -> tuple[pd.DataFrame, list[Problem]]:
        """Read the raw folder: the usable rows, sorted by example, and the problems of the others."""
        data = self.data
        roles = (data.target, data.example, data.group, data.time, data.split)
        wanted = [*(name for name in roles if name), *self._features]
        text = [name for name in wanted if name not in data.numeric]
        parsed = []
        for name, side, frame in tables.read_sides(raw, data.exclude, text, data.format):
            tables.require(name, frame, wanted)
            if side is not None and data.split is not None:
                raise DataError(f"{raw}: both its folders and column {data.split} (data.split) are a split; keep one")
            own = {} if side is None else {"split": side}
            parsed.append(self._parse(frame, name).assign(**self._metadata(frame, name), **own))
        table = pd.concat(parsed, ignore_index=True)
        if data.group is None:
            table["group"] = table["example"] if data.example else self._identical(table)
        self._refuse_empty(str(raw), table)
        checks = [
            *_incomplete(table, {"label": self.unlabelled, **_REQUIRED}),
            *check_numeric(self._numbers(table), given := _given(table)),
            *check_dates(self._dates_of(table), given),
            *self._duplicates(table),
        ]
        problems = _problems(table, checks)
        usable = table.drop(index=[row for row, _ in problems])
        if usable.empty:
            listed = some([f"{problem.where}: {problem.detail}" for _, problem in problems])
            raise DataError(f"{raw}: none of {len(table)} rows can be used; {listed}")
        self.check_labels(raw, usable)
        return usable.sort_values("example", ignore_index=True), [problem for _, problem in problems]

    def _duplicates(self, table: pd.DataFrame) -> list[Check]:
        """Checks for repeated rows and repeated names, if a column names the rows."""
        if self.data.example is None:
            return []
        repeated = table["fingerprint"].duplicated()
        named = table["example"].notna() & table["example"].duplicated() & ~repeated
        return [
            Check(repeated.to_numpy(), "duplicate row", "it repeats an earlier row"),
            Check(named.to_numpy(), "duplicate name", "a second row is called", table["example"].to_numpy()),
        ]

    def _repeated(self, table: pd.DataFrame) -> list[str]:
        """The warning about repeated rows, if no column names the rows."""
        count = int(table["fingerprint"].duplicated().sum()) if self.data.example is None else 0
        if not count:
            return []
        together = self.data.group is None and "split" not in table
        side = "; rows that are equal in all features stay on one side of the split" if together else ""
        return [
            f"{count:,} of {len(table):,} rows ({count / len(table):.1%}) repeat an earlier row; they may be copies "
            f"but are kept, since no column names the rows (data.example){side}"
        ]

    def _parse(self, frame: pd.DataFrame, file: str) -> pd.DataFrame:
        """The columns of the features: float64, datetime64 and text; with `file` and `row` (from 1).

        `given <column>` holds the original values of dates, and of a numeric column that are not all numbers.
        """
        columns: dict[str, Any] = {"file": file, "row": np.arange(1, len(frame) + 1)}
        for name in self.data.numeric:
            columns[column(name)] = tables.numbers(file, name, frame[name])
            if not pd.api.types.is_numeric_dtype(frame[name]):
                columns[f"given {name}"] = frame[name].astype(object)
        for name in self.data.dates:
            columns[column(name)] = _times(file, name, frame[name])
            columns[f"given {name}"] = tables.texts(frame[name])
        columns |= {column(name): tables.texts(frame[name]) for name in self.data.categorical}
        return pd.DataFrame(columns, index=frame.index).reset_index(drop=True)

    def _metadata(self, frame: pd.DataFrame, file: str) -> dict[str, Any]:
        """The rows' name, label, group, time and side, None where missing, and the hash of the whole row."""
        data, frame = self.data, frame.reset_index(drop=True)
        rows = pd.Series([f"{file} row {row:07d}" for row in range(1, len(frame) + 1)], dtype=object)
        target = tables.texts(frame[data.target])
        metadata: dict[str, Any] = {
            "example": rows if data.example is None else tables.texts(frame[data.example]),
            "label": self.labels(target),
            "target": target,
            "fingerprint": pd.util.hash_pandas_object(_hashable(frame), index=False),
        }
        if data.group is not None:
            metadata["group"] = tables.texts(frame[data.group])
        if data.time is not None:
            metadata["time"] = _times(file, data.time, frame[data.time])
        if data.split is not None:
            metadata["split"] = tables.texts(frame[data.split]).map(side_of, na_action="ignore").astype(object)
        return metadata

    def _across(self, table: pd.DataFrame) -> list[str]:
        """The warning about copies on several sides of the data's own split."""
        if "split" not in table:
            return []
        features = table.groupby([column(name) for name in self._features], dropna=False, sort=False)
        held_out = table["split"] != "train"
        copied = int((held_out & (features["split"].transform("nunique") > 1)).sum())
        if not copied:
            return []
        return [
            f"{copied:,} of {held_out.sum():,} rows of val and test are equal in all features to a row on another side "
            "of the data's own split: scores on them flatter the model"
        ]

    def _identical(self, table: pd.DataFrame) -> pd.Series:
        """For each row [n], the name of the first row that is equal in all features, on the same side of a split."""
        equal = [column(name) for name in self._features] + (["split"] if "split" in table else [])
        first: pd.Series = table.groupby(equal, dropna=False, sort=False)["example"].transform("first")
        return first

    def _refuse_empty(self, where: str, table: pd.DataFrame) -> None:
        empty = [name for name in self._features if table[column(name)].isna().all()]
        empty = [name for name in empty if f"given {name}" not in table or table[f"given {name}"].isna().all()]
        if empty:
            raise DataError(
                f"{where}: column {', '.join(empty)} has no value in any row; remove it from data.numeric, "
                "data.dates or data.categorical (and from data.derived), or fill it in"
            )


def _given(table: pd.DataFrame) -> dict[str, np.ndarray]:
    """The original values of dates, and of the numeric columns that are not all numbers."""
    begin = "given "
    return {
        name.removeprefix(begin): table[name].to_numpy(object)
        for name in table.columns.astype(str)
        if name.startswith(begin)
    }


def _incomplete(table: pd.DataFrame, required: Mapping[str, tuple[str, str]]) -> Iterator[Check]:
    for name, (kind, detail) in required.items():
        if name in table:
            yield Check(table[name].isna().to_numpy(), kind, detail)


def _problems(table: pd.DataFrame, checks: Iterable[Check]) -> list[tuple[int, Problem]]:
    """The positions of rows that cannot be used, each once, with the problem."""
    where = table["file"] + " row " + table["row"].astype(str)
    return [(row, Problem(where.iloc[row], kind, detail)) for row, kind, detail in failures(checks)]


def _times(file: str, name: str, given: pd.Series) -> pd.Series:
    """Points in time, in UTC if they have an offset; either all of them must have one, or none."""
    times, zoned = tables.times(given)
    if zoned.any() and not zoned[times.notna()].all():
        with_one, without = (int(np.flatnonzero(rows)[0]) + 1 for rows in (zoned, times.notna() & ~zoned))
        raise DataError(
            f"{file}: {name} has an offset from UTC in row {with_one} and none in row {without}; give one in every row "
            "or in none"
        )
    seconds: pd.Series = times.dt.as_unit("s")
    return seconds


def _hashable(frame: pd.DataFrame) -> pd.DataFrame:
    """The table with columns of objects, which may hold lists or several types, converted to text."""
    return frame.astype({name: "str" for name in frame if frame[name].dtype == object})
