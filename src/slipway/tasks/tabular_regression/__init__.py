"""Tabular regression over time: what a place will see in an hour, 24 hours before, such as its visitors.

In: tables (`*.csv`, `*.csv.gz`, `*.parquet`) with a row a place and hour; the `data` section names the columns. Out:
one float32 row of features for each (see `hourly`). The model's target is what is left of the row's value over the
`level` of the place once a linear blend of its past (see `expectation`) is taken off; `decode` puts both back. Places
of any size then share one model, and training with `weight: level` makes an error count in the unit of the column.

Scores are in that unit too and stand beside the seasonal-naive forecast, the value of the same hour one week before
(Hyndman and Koehler, 2006, "Another look at measures of forecast accuracy", for scaling by it).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

import holidays
import numpy as np
import pandas as pd
import pandera.pandas as pa
from pydantic import Field, model_validator

from slipway.core.config import Section
from slipway.core.errors import ConfigError, DataError
from slipway.core.metric import Metric
from slipway.core.protocol import Encoded, Index, Problem, Spec, Words, column
from slipway.data.readers import tables
from slipway.metrics import parity
from slipway.tasks.tabular_regression import expectation, hourly
from slipway.tasks.tabular_regression.hourly import Grid
from slipway.tasks.tabular_regression.scores import METRICS, Scores

ROWS = 65536
"""Rows encoded at a time."""
LEAST_LEVEL, TINY = 0.05, 1e-6
"""The level of a place is never below this share of its mean in training, or below the smallest divisor."""
HOURS = pd.Timestamp("1970-01-01"), pd.Timestamp("2200-01-01")
"""Times outside are taken for mistakes."""

MOST_CELLS, CELLS_A_ROW = 10_000_000, 200
"""Hours times places, and beyond so many of them, how many there may be for each row."""


class Columns(Section):
    """Which columns of the raw tables mean what.

    `target` is the value to forecast, `time` the hour in local time, `place` what has a series of its own. `numeric`
    and `categorical` columns are known ahead, as a weather forecast or a programme of events is. `country` (ISO 3166
    code) and `subdivision` choose the public holidays. Files that match a pattern of `exclude` are not read.
    """

    target: str = "demand"
    time: str = "timestamp"
    place: str = "place_id"
    numeric: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    country: Annotated[str, Field(pattern="^[A-Z]{2}$")] | None = None
    subdivision: str | None = None
    exclude: tuple[str, ...] = ("places.csv",)

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        names = [self.target, self.time, self.place, *self.numeric, *self.categorical]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"column {', '.join(twice)} has two roles")
        return self


class Task:
    """Regression on a table of hours and places."""

    Data: ClassVar[type[Section]] = Columns
    objective: ClassVar[str] = "regression"
    metrics: ClassVar[Mapping[str, Metric]] = METRICS
    headline: ClassVar[tuple[str, ...]] = ("mae", "mae_ratio_to_naive", "rmse")
    curves: ClassVar[frozenset[str]] = frozenset()
    kinds: ClassVar[frozenset[str]] = frozenset({"group", "hour"})
    classes: ClassVar[tuple[str, ...]] = ()

    def __init__(self, data: Columns) -> None:
        self.data = data
        self._read: tuple[Path, pd.DataFrame] | None = None

    @property
    def feature_names(self) -> list[str]:
        """The features' names, in order."""
        return hourly.names(self.data.numeric, self.data.categorical)

    def index(self, raw: Path) -> Index:
        """One example a row: its name is place/hour, its label the target, its group the place.

        Beside those: `time`, `hour` of the day and `naive`, the target a week before (NaN where unknown).

        Raises:
            DataError: no table, a table without the configured columns, or no row that can be used.
        """
        table, problems = self._tables(raw)
        self._read = (raw, table)
        grid = self._grid(table, dict.fromkeys(self.data.categorical, ()))
        hour, place = _positions(grid, table)
        examples = pd.DataFrame(
            {
                "example": table["example"],
                "label": table["target"],
                "group": table["place"],
                "time": table["time"],
                "hour": table["time"].dt.hour.astype("int64"),
                "naive": hourly.at(grid.demand, hour - hourly.WEEK, place),
            }
        )
        return Index(examples, problems)

    def specify(self, raw: Path, examples: pd.DataFrame) -> Spec:
        """Fix the places, their levels, the categories and the linear blend on the training examples.

        Places and categories are numbered by their mean target, which gives the trees' thresholds a meaning.
        """
        table = self._rows(raw)
        table = table[table["example"].isin(examples["example"])]
        levels = _means(examples["group"], examples["label"])
        names = self.feature_names
        spec: Spec = {
            "objective": self.objective,
            "input": {"shape": [len(names)], "dtype": "float32", "names": names},
            "outputs": [self.data.target],
            "places": list(levels),
            "levels": list(levels.values()),
            "categories": {name: list(_means(table[column(name)], table["target"])) for name in self.data.categorical},
            "gaps": {"missing": sorted(name for name in self._columns if table[column(name)].isna().any())},
        }
        grid = self._grid(self._rows(raw), spec["categories"])
        features = self._features(grid, examples["group"], examples["time"], spec)
        ratio = examples["label"].to_numpy(dtype=float) / features["level"].to_numpy(dtype=float)
        return spec | {"expectation": expectation.fit(features, ratio, len(levels))}

    def encode(self, raw: Path, examples: pd.DataFrame, spec: Spec) -> Iterator[Encoded]:
        """Encode examples in order, `ROWS` at a time; the history behind them is every good row of the folder."""
        grid = self._grid(self._rows(raw), spec["categories"])
        for start in range(0, len(examples), ROWS):
            batch = examples.iloc[start : start + ROWS]
            inputs = self._inputs(grid, batch["group"], batch["time"], spec)
            targets = batch["label"].to_numpy(dtype=np.float64) / inputs[:, 0] - inputs[:, 1]
            yield Encoded(np.arange(start, start + len(batch)), inputs, targets.astype(np.float32))

    def encode_raw(self, examples: pd.DataFrame, spec: Spec) -> tuple[np.ndarray, np.ndarray]:
        """Encode the rows without a target in a table of history and hours to come, in the table's order.

        The more history the better: a year and two months feed every feature but those of two years ago.

        Raises:
            DataError: a column is missing, a row is not usable, or no row lacks its target. A row to forecast is not
                usable without a value that every training row had, or with a category that training did not see.
        """
        examples = examples.reset_index(drop=True)
        self._require("the table", examples)
        table = _parse(examples, self.data, "the table")
        ahead = examples[self.data.target].isna().to_numpy()
        given = table["given_target"]
        problems = _problems(table, self.data, ahead=ahead) + [
            _BadRow(row, Problem(f"the table row {row + 1}", "no target", f"{self.data.target} is {given[row]}"))
            for row in np.flatnonzero(table["target"].isna() & ~ahead).tolist()
        ]
        if problems:
            raise DataError(f"{_some(problems)}; mend or leave out such rows")
        if not ahead.any():
            raise DataError(f"no row to forecast: leave {self.data.target} empty in the rows to forecast")
        wanted = table[ahead]
        if problems := self._unlearnt(wanted, spec):
            raise DataError(f"{_some(problems)}; give a value that training saw")
        grid = self._grid(table, spec["categories"])
        return self._inputs(grid, wanted["place"], wanted["time"], spec), np.arange(len(wanted))

    def decode(self, outputs: np.ndarray, inputs: np.ndarray, spec: Spec) -> np.ndarray:
        """Raw outputs [n, 1] to values of the target [n, 1]: plus expected, times level, and never below 0."""
        ratios = np.asarray(outputs, dtype=np.float64).reshape(len(inputs), 1) + inputs[:, 1:2]
        values: np.ndarray = np.maximum(ratios * inputs[:, :1], 0)
        return values

    def operate(
        self, examples: pd.DataFrame, targets: np.ndarray, predictions: np.ndarray, spec: Spec
    ) -> Mapping[str, Any]:
        """Nothing is chosen: the forecast is the value."""
        return {}

    def compare(self, native: np.ndarray, converted: np.ndarray, spec: Spec) -> dict[str, float]:
        """Forecasts agree within 1 %; differences are shares of the mean forecast."""
        return parity.numbers(native, converted)

    def present(self, predictions: np.ndarray, examples: pd.DataFrame, spec: Spec) -> list[dict[str, float]]:
        """The forecast by the target's name, one for each row whose target was empty."""
        return [{self.data.target: float(value)} for value in predictions[:, 0]]

    def scores(self, examples: pd.DataFrame, targets: np.ndarray, predictions: np.ndarray, spec: Spec) -> Scores:
        """Scores in the unit of the label; `targets` are what the model fits, so the actual values are the labels."""
        return Scores(examples, predictions.reshape(-1), self.data.target, spec.get("places", ()))

    def words(self, spec: Spec) -> Words:
        """Values of the target."""
        return Words("{outputs}, in the unit of the raw data", differences="shares of the mean prediction")

    @property
    def _columns(self) -> tuple[str, ...]:
        """The raw columns that are known ahead."""
        return (*self.data.numeric, *self.data.categorical)

    def _unlearnt(self, rows: pd.DataFrame, spec: Spec) -> list["_BadRow"]:
        """Rows without a known value in a column that had one in every training row.

        A model reads it as the smallest, for want of an example. A spec of an earlier version does not say what
        training lacked, and nothing is asked.
        """
        found = []
        for name in self._columns if "gaps" in spec else ():
            if name in spec["gaps"]["missing"]:
                continue
            values = rows[column(name)]
            known = values.isin(spec["categories"][name]) if name in spec["categories"] else values.notna()
            for row in values.index[~known].tolist():
                value = values[row]
                said = "is missing, and was" if pd.isna(value) else f"is {value}, which was"
                told = Problem(
                    f"the table row {rows['row'][row]}", "no value", f"{name} {said} in no row of the training data"
                )
                found.append(_BadRow(row, told))
        return sorted(found, key=lambda bad: bad.row)

    def _rows(self, raw: Path) -> pd.DataFrame:
        """The good rows of the raw folder, read once in the life of a task."""
        if self._read is None or self._read[0] != raw:
            self._read = (raw, self._tables(raw)[0])
        return self._read[1]

    def _tables(self, raw: Path) -> tuple[pd.DataFrame, list[Problem]]:
        text = (self.data.place, self.data.time, *self.data.categorical)
        read = [self._table(name, frame) for name, frame in tables.read_tables(raw, self.data.exclude, text)]
        table = pd.concat(read, ignore_index=True)
        problems = _problems(table, self.data)
        good = table.drop(index=[problem.row for problem in problems])
        if good.empty:
            raise DataError(f"{raw}: no row can be used of {len(table)}; {_some(problems)}")
        good = good.assign(example=good["place"] + "/" + good["time"].dt.strftime("%Y-%m-%dT%H"))
        return good.sort_values("example", ignore_index=True), [problem.told for problem in problems]

    def _table(self, name: str, frame: pd.DataFrame) -> pd.DataFrame:
        self._require(name, frame)
        return _parse(frame, self.data, name)

    def _require(self, name: str, frame: pd.DataFrame) -> None:
        data = self.data
        tables.require(name, frame, (data.place, data.time, data.target, *self._columns))

    def _grid(self, table: pd.DataFrame, categories: Mapping[str, Sequence[str]]) -> Grid:
        start, last = table["time"].min(), table["time"].max()
        hours, places = (last - start) // pd.Timedelta(hours=1) + 1, table["place"].nunique()
        if hours * places > max(MOST_CELLS, CELLS_A_ROW * len(table)):
            first = table.iloc[int(table["time"].argmin())]
            raise DataError(
                f"{len(table):,} rows are too few for {places:,} places and the {hours:,} hours from {start} "
                f"({first['file']} row {first['row']}) to {last}; are {self.data.place} and {self.data.time} what they "
                "should be?"
            )
        return Grid.of(
            table["time"].to_numpy(),
            table["place"].to_numpy(dtype=object),
            table["target"].to_numpy(dtype=float),
            numeric={name: table[column(name)].to_numpy(dtype=float) for name in self.data.numeric},
            categorical={name: _codes(table[column(name)], categories[name]) for name in self.data.categorical},
            holidays=self._holidays(start.year - 3, last.year + 1),
        )

    def _holidays(self, first: int, last: int) -> dict[np.datetime64, str]:
        if self.data.country is None:
            return {}
        try:
            found = holidays.country_holidays(
                self.data.country, subdiv=self.data.subdivision, years=range(first, last + 1)
            )
        except NotImplementedError as error:
            raise ConfigError(f"data.country, data.subdivision: {error}; see the holidays package for those it knows")
        return {np.datetime64(day, "D"): found[day] for day in sorted(found)}

    def _inputs(self, grid: Grid, place: pd.Series, time: pd.Series, spec: Spec) -> np.ndarray:
        features = self._features(grid, place, time, spec)
        features["expected"] = expectation.expect(features, spec["expectation"]).astype(np.float32)
        return features.to_numpy(dtype=np.float32)

    def _features(self, grid: Grid, place: pd.Series, time: pd.Series, spec: Spec) -> pd.DataFrame:
        hour, column = _positions(grid, pd.DataFrame({"place": place, "time": time}))
        levels = np.array([*spec["levels"], np.median(spec["levels"])])
        codes = _codes(place, spec["places"])
        usual = levels[np.where(np.isnan(codes), -1, codes).astype(int)]
        level = hourly.at(grid.level, hour, column)
        level = np.maximum(np.where(np.isnan(level), usual, level), np.maximum(usual * LEAST_LEVEL, TINY))
        return hourly.describe(grid, hour, column, codes, level)


@dataclass(frozen=True)
class _BadRow:
    row: int
    told: Problem


def _parse(frame: pd.DataFrame, data: Columns, file: str) -> pd.DataFrame:
    """The configured columns as place, time and target, the others by `column`; what cannot be read is missing.

    `given_time` and `given_target` keep what stood there; `file` and `row` (from 1) say where it was.
    """
    parsed = {
        "place": tables.texts(frame[data.place]),
        "time": _times(frame[data.time]),
        "target": tables.numbers(file, data.target, frame[data.target]),
        "given_time": frame[data.time],
        "given_target": frame[data.target],
        "file": file,
        "row": np.arange(1, len(frame) + 1),
    }
    exogenous = {column(name): _given(file, name, frame[name]) for name in data.numeric}
    labels = {column(name): tables.texts(frame[name]) for name in data.categorical}
    return pd.DataFrame(parsed | exogenous | labels)


def _given(file: str, name: str, values: pd.Series) -> pd.Series:
    """Numbers as float, NaN where missing, and what is none as it stands."""
    numbers = tables.numbers(file, name, values)
    wrong = numbers.isna() & values.notna() & (values.astype(object) != "")
    return numbers.astype(object).where(~wrong, values.astype(object)) if wrong.any() else numbers


def _times(given: pd.Series) -> pd.Series:
    """Local times as datetime64[s]; NaT is what cannot be read, carries an offset or a zone, or is outside `HOURS`."""
    times, zoned = tables.times(given)
    seconds: pd.Series = times.where((times >= HOURS[0]) & (times < HOURS[1]) & ~zoned).dt.as_unit("s")
    return seconds


def _far(time: pd.Series) -> pd.Series:
    """Which hours [n] are beyond a gap that no feature reaches over, and fewer than the days of the gap.

    They are mistakes (1970 for an empty time), and every hour between would have to be held for them.
    """
    hours = time.to_numpy().astype("datetime64[h]").astype(np.int64)
    known = np.unique(hours)
    ends = np.flatnonzero(np.diff(known) > hourly.RECALL)
    part = np.searchsorted(known[ends], hours, side="left")
    counts = np.bincount(part, minlength=len(ends) + 1)
    first, last = known[np.append(0, ends + 1)], known[np.append(ends, len(known) - 1)]
    most = counts.argmax()
    gap = np.maximum(first[most] - last, first - last[most])
    return pd.Series((counts * hourly.DAY < gap)[part], time.index)


def _problems(table: pd.DataFrame, data: Columns, ahead: np.ndarray | None = None) -> list[_BadRow]:
    """The rows that cannot be used, each once; rows that are `ahead` [n] may lack their target."""
    hour = pa.Check(lambda time: time == time.dt.floor("h"), name="not on the hour")
    near = pa.Check(lambda time: ~_far(time), name="far from the rest")
    schema = pa.DataFrameSchema(
        {
            "place": pa.Column(object, nullable=False),
            "time": pa.Column(nullable=False, checks=[hour, near]),
            "target": pa.Column(
                float,
                nullable=ahead is not None,
                checks=[
                    pa.Check(lambda target: target < np.inf, name="infinite target"),
                    pa.Check(lambda target: target >= 0, name="negative target"),
                ],
            ),
        }
        | {
            column(name): pa.Column(nullable=True, checks=pa.Check(_finite, name="not a number"))
            for name in data.numeric
        },
        unique=["place", "time"],
        report_duplicates="exclude_first",
    )
    try:
        schema.validate(table, lazy=True)
    except pa.errors.SchemaErrors as errors:
        failures = errors.failure_cases
    else:
        return []
    return [
        _told(table.loc[row], int(row), cases, data)
        for row, cases in failures.dropna(subset="index").groupby("index", sort=True)
    ]


def _told(row: pd.Series, position: int, cases: pd.DataFrame, data: Columns) -> _BadRow:
    """One bad row, with the kind of its first failure and all of them in words."""
    kinds, details = [], []
    names = {column(name): name for name in data.numeric}
    for role, check in dict.fromkeys(zip(cases["column"], cases["check"], strict=True)):
        if check == "multiple_fields_uniqueness":
            kind, detail = "duplicate row", f"a second row for {row['place']} at {row['time']}"
        elif role == "place":
            kind, detail = "no place", f"{data.place} is empty"
        elif check == "far from the rest":
            kind, detail = str(check), f"{data.time} is {row['given_time']}, more than two years from the other hours"
        elif role == "time":
            kind = "no time" if check == "not_nullable" else str(check)
            detail = (
                f"{data.time} is {row['given_time']}, which is no local hour like 2024-05-01 13:00 (with no offset)"
            )
        elif role == "target":
            kind = "no target" if check == "not_nullable" else str(check)
            detail = f"{data.target} is {row['given_target']}"
        else:
            kind, detail = str(check), f"{names[role]} is {row[role]}"
        kinds.append(kind)
        details.append(detail)
    where = f"{row['file']} row {row['row']}"
    return _BadRow(position, Problem(where, kinds[0], "; ".join(dict.fromkeys(details))))


def _some(problems: Sequence[_BadRow], most: int = 3) -> str:
    """The first few problems in words."""
    told = [f"{problem.told.where}: {problem.told.detail}" for problem in problems[:most]]
    more = len(problems) - most
    return "; ".join(told) + (f"; and {more} more" if more > 0 else "")


def _finite(values: pd.Series) -> pd.Series:
    finite: pd.Series = np.isfinite(pd.to_numeric(values, errors="coerce"))
    return finite


def _codes(values: pd.Series, vocabulary: Sequence[str]) -> np.ndarray:
    """Position of each value in the vocabulary as float, NaN for others."""
    positions = pd.Index(list(vocabulary), dtype="object").get_indexer(pd.Index(values, dtype=object)).astype(float)
    return np.where(positions < 0, np.nan, positions)


def _means(keys: pd.Series, values: pd.Series) -> dict[str, float]:
    """Mean value by key, lowest first; equal means by name."""
    means = values.astype(float).groupby(keys.astype(object)).mean().sort_index().sort_values(kind="stable")
    return {str(key): float(mean) for key, mean in means.items()}


def _positions(grid: Grid, rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Hour and place of each row in the grid."""
    hour = grid.hour(rows["time"].to_numpy())
    place = pd.Index(grid.places, dtype=object).get_indexer(pd.Index(rows["place"], dtype=object))
    return hour, place.astype(np.int64)
