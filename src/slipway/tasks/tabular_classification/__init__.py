"""Tabular classification with two classes: whether a row of a table is positive.

Input: tables (`*.csv`, `*.csv.gz`, `*.parquet`) with one row per example; the `data` section names the columns. Output:
a float32 row of features for each, missing values NaN (see `encoding`). Targets: int64, 1 where the target column has
the positive value. Predictions: the probability of the positive class [n, 1]. The operating point is a threshold on it,
chosen on the validation split for a required precision (see `slipway.metrics.binary`).
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

import numpy as np
import pandas as pd
from pydantic import Field, field_validator, model_validator

from slipway.core.config import Section, Share
from slipway.core.errors import DataError
from slipway.core.metric import Metric
from slipway.core.protocol import Encoded, Index, Problem, Words, column
from slipway.core.spec import Spec
from slipway.data.readers import tables
from slipway.metrics import binary, parity
from slipway.tasks.tabular_classification import encoding
from slipway_edge.tables import Check, failures, some, text
from slipway_edge.tasks import tabular_classification as edge
from slipway_edge.tasks.tabular_classification import DECISION, check_numeric, expressions
from slipway_edge.tasks.tabular_classification.encoding import Columns as Values
from slipway_edge.tasks.tabular_classification.encoding import lacking

ROWS = 65536
"""Number of rows encoded at a time."""
SHOWN = 20
"""Number of values of the target column that are listed if none is the positive one."""

_REQUIRED = {"label": "class", "group": "group", "time": "time", "example": "name"}
"""The columns in which every row must have a value, and the name of the value in messages."""
_YAML_TRUTH = {"true": ("yes", "Yes", "YES", "on", "On", "ON"), "false": ("no", "No", "NO", "off", "Off", "OFF")}
"""Words that YAML reads as true and false if they are not in quotation marks."""


class Columns(Section):
    """The meaning of the columns of the raw tables, and how they become features.

    A row is positive, class `name`, if the column `target` is `positive`; with any other value its class is `not name`.
    `example` is a column with the names of the rows; without it, rows are numbered by file. Rows of one `group` stay on
    one side of a split. Without `group`, each row is a group; without `group` and `example`, rows that are equal in all
    features are one group, since they may be copies. `time` is for splits by time.

    `derived` are numeric features computed by formulas (see `expressions`) from `numeric` columns and from each other.
    A category with fewer than `rare` training rows is encoded like an unseen one. `smoothing` rows at the overall share
    of positives are added to each category. A category with at least the share `own` of the rows has a one-hot feature.
    Files that match a pattern of `exclude` are not read.

    The threshold is the one with the highest recall whose precision is at least `precision`, with that `confidence`.
    """

    target: str
    positive: str
    name: str
    example: str | None = None
    group: str | None = None
    time: str | None = None
    numeric: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    derived: dict[str, str] = Field(default_factory=dict)
    smoothing: Annotated[float, Field(ge=0)] = 20.0
    rare: Annotated[int, Field(ge=1)] = 10
    own: Annotated[float, Field(gt=0, le=1)] = 0.01
    exclude: tuple[str, ...] = ()
    precision: Share = 0.80
    confidence: Annotated[float, Field(ge=0.5, lt=1)] = 0.95

    @field_validator("positive", mode="before")
    @classmethod
    def _as_text(cls, positive: object) -> object:
        return text(positive) if isinstance(positive, int | float | str) else positive

    @model_validator(mode="after")
    def _usable(self) -> Self:
        features = [*self.numeric, *self.categorical, *self.derived]
        if not features:
            raise ValueError("there is no feature; list columns in numeric or categorical")
        names = [self.target, *(name for name in (self.example, self.group) if name), *features]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"column {', '.join(twice)} has two roles")
        if self.name == DECISION:
            raise ValueError(f"name cannot be {DECISION}: the Predictor uses this name for the decision")
        expressions.in_order(self.derived, self.numeric)
        return self


class Task(edge.Task):
    """Classification of the rows of a table into two classes; see `slipway.core.protocol.Task`."""

    Data: ClassVar[type[Section]] = Columns
    objective: ClassVar[str] = "binary"
    metrics: ClassVar[Mapping[str, Metric]] = binary.METRICS
    headline: ClassVar[tuple[str, ...]] = ("average_precision", "roc_auc", "precision", "recall")
    curves: ClassVar[frozenset[str]] = frozenset({binary.TENTHS})

    def __init__(self, data: Columns) -> None:
        super().__init__(data.model_dump())
        self.data = data

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of slices: groups, and the values of each categorical column."""
        return frozenset({"group", *self.data.categorical})

    @property
    def classes(self) -> tuple[str, str]:
        """The two classes, the positive one first."""
        return self.data.name, f"not {self.data.name}"

    def index(self, raw: Path) -> Index:
        """List one example per row: its name, class and group, its `time` if there is one, and the categorical columns.

        Repeated rows are kept, with a warning, if no column names the rows.

        Raises:
            DataError: there is no table, a table lacks a configured column, a feature has no value in any row, a class
                has no usable row, or no row can be used.
        """
        table, problems = self._tables(raw)
        own = ["example", "label", "group", *(["time"] if self.data.time else [])]
        return Index(table[[*own, *map(column, self.data.categorical)]], problems, warnings=self._repeated(table))

    def specify(self, raw: Path, examples: pd.DataFrame) -> Spec:
        """Compute the categories of each column from the training examples.

        Raises:
            DataError: a feature has no value in any training example.
        """
        data, table = self.data, self._of(raw, examples)
        self._refuse_empty(f"{raw}, train", table)
        positive = (table["label"] == data.name).to_numpy()
        categories = {
            name: encoding.vocabulary(table[column(name)], positive, data.smoothing, data.rare, data.own)
            for name in data.categorical
        }
        missing, unseen = lacking(self._numbers(table), self.derived, self._texts(table), categories)
        names = encoding.names(data.numeric, list(self.derived), data.categorical, categories)
        return {
            "objective": self.objective,
            "input": {"shape": [len(names)], "dtype": "float32", "names": names},
            "outputs": [data.name],
            "classes": list(self.classes),
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
            targets = (batch["label"] == self.data.name).to_numpy(np.int64)
            yield Encoded(
                np.arange(start, start + len(batch)),
                self.features(self._numbers(batch), self._texts(batch), spec),
                targets,
            )

    def choose_threshold(
        self, examples: pd.DataFrame, targets: np.ndarray, predictions: np.ndarray, spec: Spec
    ) -> Mapping[str, Any]:
        """Return `threshold`, and how it was chosen; see `slipway.metrics.binary.operating_point`.

        If no threshold has the required precision, it is the one with the highest F1, and `chosen_by` says so.
        """
        point = binary.operating_point(targets, predictions[:, 0], self.data.precision, self.data.confidence)
        chosen = "recall at the least precision" if point.pop("reached") else "f1: no threshold has the least precision"
        return {"threshold": point.pop("threshold"), "operating_point": {"chosen_by": chosen, **point}}

    def agreement(self, native: np.ndarray, converted: np.ndarray, spec: Spec) -> dict[str, float]:
        """Return the agreement of the decisions at the threshold, and the differences of probabilities."""
        threshold = spec["threshold"]
        return parity.differences(native, converted, ((native >= threshold) == (converted >= threshold)).all(axis=1))

    def scores(self, examples: pd.DataFrame, targets: np.ndarray, predictions: np.ndarray, spec: Spec) -> binary.Scores:
        """Return the scores of the probability and of the decisions at the threshold."""
        columns = self.data.categorical
        return binary.Scores(examples, targets, predictions[:, 0], spec["threshold"], spec["classes"], columns)

    def words(self, spec: Spec) -> Words:
        """Return the description of predictions: a probability, and the decision if the threshold is chosen."""
        chosen = spec.get("threshold")
        from_on = f"positive from {chosen:.4g} on, a threshold chosen on the validation split"
        return Words("the probability of {outputs}", None if chosen is None else from_on)

    @property
    def _features(self) -> list[str]:
        """The raw columns from which the features are computed."""
        return [*self.data.numeric, *self.data.categorical]

    def _numbers(self, table: pd.DataFrame) -> Values:
        return {name: table[column(name)].to_numpy(np.float64) for name in self.data.numeric}

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
        wanted = [*(name for name in (data.target, data.example, data.group, data.time) if name), *self._features]
        text = [name for name in wanted if name not in data.numeric]
        parsed = []
        for name, frame in tables.read_tables(raw, data.exclude, text):
            tables.require(name, frame, wanted)
            parsed.append(self._parse(frame, name).assign(**self._metadata(frame, name)))
        table = pd.concat(parsed, ignore_index=True)
        if data.group is None:
            table["group"] = table["example"] if data.example else self._identical(table)
        self._refuse_empty(str(raw), table)
        problems = _problems(
            table, [*_incomplete(table), *check_numeric(self._numbers(table), _given(table)), *self._duplicates(table)]
        )
        good = table.drop(index=[row for row, _ in problems])
        if good.empty:
            listed = some([f"{problem.where}: {problem.detail}" for _, problem in problems])
            raise DataError(f"{raw}: none of {len(table)} rows can be used; {listed}")
        for name, kind in zip(self.classes, ("is", "is not"), strict=True):
            if name not in set(good["label"]):
                raise DataError(f"{raw}: in no usable row {data.target} {kind} {data.positive}{self._hint(good)}")
        return good.sort_values("example", ignore_index=True), [problem for _, problem in problems]

    def _hint(self, good: pd.DataFrame) -> str:
        """The values of the target column, and which one is probably the positive value."""
        values = good["target"].value_counts().index.tolist()
        shown = ", ".join(sorted(values[:SHOWN])) + (", ..." if len(values) > SHOWN else "")
        hint = f"; it has {shown}. Set data.target and data.positive"
        if meant := sorted(set(_YAML_TRUTH.get(self.data.positive, ())) & set(values)):
            return f'{hint}, in quotation marks: "{meant[0]}". Without them {meant[0]} is {self.data.positive} in YAML'
        return f"{hint}, in quotation marks if YAML would read another value (01 as 1, 1e3 as 1000)"

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
        side = "" if self.data.group else "; rows that are equal in all features stay on one side of the split"
        return [
            f"{count:,} of {len(table):,} rows ({count / len(table):.1%}) repeat an earlier row; they may be copies "
            f"but are kept, since no column names the rows (data.example){side}"
        ]

    def _parse(self, frame: pd.DataFrame, file: str) -> pd.DataFrame:
        """The columns of the features: numbers as float64, categories as text; with `file` and `row` (from 1).

        `given <column>` holds the original values of a numeric column that are not all numbers.
        """
        columns: dict[str, Any] = {"file": file, "row": np.arange(1, len(frame) + 1)}
        for name in self.data.numeric:
            columns[column(name)] = tables.numbers(file, name, frame[name])
            if not pd.api.types.is_numeric_dtype(frame[name]):
                columns[f"given {name}"] = frame[name].astype(object)
        columns |= {column(name): tables.texts(frame[name]) for name in self.data.categorical}
        return pd.DataFrame(columns, index=frame.index).reset_index(drop=True)

    def _metadata(self, frame: pd.DataFrame, file: str) -> dict[str, Any]:
        """The rows' name, class, group and time, None where missing, and the hash of the whole row."""
        data, frame = self.data, frame.reset_index(drop=True)
        rows = pd.Series([f"{file} row {row:07d}" for row in range(1, len(frame) + 1)], dtype=object)
        target = tables.texts(frame[data.target])
        example = rows if data.example is None else tables.texts(frame[data.example])
        label = target.map(lambda value: self.classes[value != data.positive], na_action="ignore")
        metadata: dict[str, Any] = {
            "example": example,
            "label": label.astype(object),
            "target": target,
            "fingerprint": pd.util.hash_pandas_object(_hashable(frame), index=False),
        }
        if data.group is not None:
            metadata["group"] = tables.texts(frame[data.group])
        if data.time is not None:
            metadata["time"] = _times(file, data.time, frame[data.time])
        return metadata

    def _identical(self, table: pd.DataFrame) -> pd.Series:
        """For each row [n], the name of the first row that is equal in all features."""
        features = [column(name) for name in self._features]
        first: pd.Series = table.groupby(features, dropna=False, sort=False)["example"].transform("first")
        return first

    def _refuse_empty(self, where: str, table: pd.DataFrame) -> None:
        empty = [name for name in self._features if table[column(name)].isna().all()]
        empty = [name for name in empty if f"given {name}" not in table or table[f"given {name}"].isna().all()]
        if empty:
            raise DataError(
                f"{where}: column {', '.join(empty)} has no value in any row; remove it from data.numeric or "
                "data.categorical (and from data.derived), or fill it in"
            )


def _given(table: pd.DataFrame) -> dict[str, np.ndarray]:
    """The original values of the numeric columns that are not all numbers."""
    begin = "given "
    return {
        name.removeprefix(begin): table[name].to_numpy(object)
        for name in table.columns.astype(str)
        if name.startswith(begin)
    }


def _incomplete(table: pd.DataFrame) -> Iterator[Check]:
    for name, what in _REQUIRED.items():
        if name in table:
            yield Check(table[name].isna().to_numpy(), f"no {what}", f"its {what} is empty or cannot be read")


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
