"""Tabular regression over time: forecast an hourly value of a place, such as its visitors, 24 hours ahead.

Input: tables (`*.csv`, `*.csv.gz`, `*.parquet`) with one row per place and hour; the `data` section names the columns.
Output: a float32 row of features for each (see `slipway_edge.tasks.tabular_regression`). The model's target is the
row's value divided by the `level` of the place, minus a linear blend of the place's past (see `expectation`);
`postprocess` reverses both. So places of any size share one model, and with `weight: level` in training, an error
counts in the unit of the column.

Scores are also in that unit, and are compared with the seasonal-naive forecast, the value of the same hour one week
before (scaling by it follows Hyndman and Koehler, 2006, "Another look at measures of forecast accuracy").
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from slipway.core.config import Section
from slipway.core.errors import ConfigError, DataError, ModelError
from slipway.core.metric import Metric
from slipway.core.protocol import Column, Encoded, Index, Problem, Usage, Words, column
from slipway.core.spec import Spec
from slipway.data.readers import tables
from slipway.data.usage import Code, dictionary, made_up, may_lack, shortest
from slipway.metrics import parity
from slipway.tasks.tabular_regression import expectation
from slipway.tasks.tabular_regression.names import names
from slipway.tasks.tabular_regression.scores import METRICS, Scores
from slipway_edge.tables import failures, positions, some
from slipway_edge.tasks import tabular_regression as edge
from slipway_edge.tasks.tabular_regression import hourly
from slipway_edge.tasks.tabular_regression.rows import Rows, local

ROWS = 65536
"""Number of rows encoded at a time."""


class Columns(Section):
    """The meaning of the columns of the raw tables.

    `target` is the value to forecast, `time` the hour in local time, `place` identifies the series. `numeric` and
    `categorical` columns must be known in advance, like a weather forecast or a programme of events. `country` (ISO
    3166 code) and `subdivision` choose the public holidays. Files that match a pattern of `exclude` are not read.
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


class Task(edge.Task):
    """Regression on a table of hours and places; see `slipway.core.protocol.Task`."""

    Data: ClassVar[type[Section]] = Columns
    objective: ClassVar[str] = "regression"
    metrics: ClassVar[Mapping[str, Metric]] = METRICS
    headline: ClassVar[tuple[str, ...]] = ("mae", "mae_ratio_to_naive", "rmse")
    curves: ClassVar[frozenset[str]] = frozenset()
    kinds: ClassVar[frozenset[str]] = frozenset({"group", "hour"})
    classes: ClassVar[tuple[str, ...]] = ()

    def __init__(self, data: Columns) -> None:
        super().__init__(data.model_dump())
        self.data = data

    @property
    def feature_names(self) -> list[str]:
        """The names of the features, in order."""
        return names(self.data.numeric, self.data.categorical)

    def index(self, raw: Path) -> Index:
        """List one example per row: its name is place/hour, its label the target, its group the place.

        Further columns: `time`, `hour` of the day and `naive`, the target a week before (NaN where unknown).

        Raises:
            DataError: there is no table, a table lacks a configured column, or no row can be used.
        """
        table, problems = self._tables(raw)
        rows = self._as_rows(table)
        grid = self.grid(rows, dict.fromkeys(self.data.categorical, ()))
        hour, place = grid.hour(rows.time), positions(rows.place, grid.places)
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
        """Compute the places, their levels, the categories and the linear blend from the training examples.

        Places and categories are numbered in the order of their mean target, which gives thresholds in trees a meaning.
        """
        every, _ = self._tables(raw)
        table = every[every["example"].isin(examples["example"])]
        levels = _means(examples["group"], examples["label"])
        inputs = self.feature_names
        spec: Spec = {
            "objective": self.objective,
            "input": {"shape": [len(inputs)], "dtype": "float32", "names": inputs},
            "outputs": [self.data.target],
            "places": list(levels),
            "levels": list(levels.values()),
            "categories": {name: list(_means(table[column(name)], table["target"])) for name in self.data.categorical},
            "gaps": {"missing": sorted(name for name in self._columns if table[column(name)].isna().any())},
        }
        grid = self.grid(self._as_rows(every), spec["categories"])
        features = self.features(grid, *_places_times(examples), spec)
        ratio = examples["label"].to_numpy(dtype=float) / features["level"].astype(float)
        return spec | {"expectation": expectation.fit(features, ratio, len(levels))}

    def encode(self, raw: Path, examples: pd.DataFrame, spec: Spec) -> Iterator[Encoded]:
        """Encode examples in order, `ROWS` at a time; their history is every usable row of the folder."""
        grid = self.grid(self._as_rows(self._tables(raw)[0]), spec["categories"])
        for start in range(0, len(examples), ROWS):
            batch = examples.iloc[start : start + ROWS]
            inputs = self.inputs(grid, *_places_times(batch), spec)
            targets = batch["label"].to_numpy(dtype=np.float64) / inputs[:, 0] - inputs[:, 1]
            yield Encoded(np.arange(start, start + len(batch)), inputs, targets.astype(np.float32))

    def choose_threshold(
        self, examples: pd.DataFrame, targets: np.ndarray, predictions: np.ndarray, spec: Spec
    ) -> Mapping[str, Any]:
        """Return nothing: a forecast needs no operating point."""
        return {}

    def agreement(self, native: np.ndarray, converted: np.ndarray, spec: Spec) -> dict[str, float]:
        """Return the share of forecasts that agree within 1 %, and the differences as shares of the mean forecast."""
        return parity.numbers(native, converted)

    def scores(self, examples: pd.DataFrame, targets: np.ndarray, predictions: np.ndarray, spec: Spec) -> Scores:
        """Return the scores in the unit of the label.

        The actual values are the labels, since `targets` are the transformed values that the model fits.
        """
        return Scores(examples, predictions.reshape(-1), self.data.target, spec.get("places", ()))

    def words(self, spec: Spec) -> Words:
        """Return the description of predictions: values of the target."""
        return Words("{outputs}, in the unit of the raw data", differences="shares of the mean prediction")

    def usage(self, spec: Spec, shown: int, golden: np.ndarray | None) -> Usage:
        """Return how the model is called: with a table of history and of hours to forecast.

        The known columns of the example are those of the features `golden`; its history is made up.
        """
        data, note = self.data, "known in advance"
        ahead = [Column(name, "number", may_lack(name, spec), note=note) for name in data.numeric]
        ahead += [
            Column(name, "category", may_lack(name, spec), tuple(sorted(spec["categories"][name])), note=note)
            for name in data.categorical
        ]
        place, level, known = spec["places"][0], spec["levels"][0], made_up(ahead)
        origin = "The history is made up, with the same value in every hour."
        if golden is not None:
            features: dict[str, Any] = dict(zip(spec["input"]["names"], golden, strict=True))
            place, level = _of_code(features["place"], spec["places"]) or place, features["level"]
            given = {name: features.get(f"{name} (column)", features[name]) for name in known}
            known = {name: shortest(given[name]) for name in data.numeric}
            known |= {name: _of_code(given[name], spec["categories"][name]) for name in data.categorical}
            origin += " The other columns are those of a row of the test split, from golden.npz."
        row = {
            data.time: Code("time"),
            data.place: place,
            data.target: Code(f"{level:.4g} if time < times[-24] else None"),
            **known,
        }
        return Usage(
            example=(
                "a table: a list of dictionaries by column, or a DataFrame. It holds the history and the hours to "
                f"forecast, in which {data.target} is missing; the prediction is a list with one forecast for each of "
                "them"
            ),
            imports="import numpy as np\n",
            code=(
                'times = np.datetime64("2024-06-03T00:00") + np.arange(8 * 7 * 24) * np.timedelta64(1, "h")\n'
                f"example = [\n    {dictionary(row, 4)}\n    for time in times\n]"
            ),
            origin=f"{origin} Give the history of a year and two months, if there is one.",
            file="hours.csv",
            steps=(
                "From the history come values and means of past days, weeks and years, of the place and of all places. "
                "The calendar is added"
                + ("." if data.country is None else f", with the public holidays of {data.country}."),
            ),
            columns=(
                Column(data.time, "time", False, note="local, on the hour"),
                Column(data.place, "category", False, tuple(sorted(spec["places"])), others=True),
                Column(data.target, "number", True, note="at least 0; missing in the rows to forecast"),
                *ahead,
            ),
        )

    @property
    def _columns(self) -> tuple[str, ...]:
        """The raw columns that are known in advance."""
        return (*self.data.numeric, *self.data.categorical)

    def _tables(self, raw: Path) -> tuple[pd.DataFrame, list[Problem]]:
        """Read the raw folder: the usable rows, sorted by example, and the problems of the others."""
        text = (self.data.place, self.data.time, *self.data.categorical)
        read = [self._table(name, frame) for name, frame in tables.read_tables(raw, self.data.exclude, text)]
        table = pd.concat(read, ignore_index=True)
        rows = self._as_rows(table)
        bad = list(failures(self.wrong(rows)))
        problems = [Problem(rows.where(row), kind, detail) for row, kind, detail in bad]
        good = table.drop(index=[row for row, *_ in bad])
        if good.empty:
            listed = some([f"{problem.where}: {problem.detail}" for problem in problems])
            raise DataError(f"{raw}: none of {len(table)} rows can be used; {listed}")
        good = good.assign(example=good["place"] + "/" + good["time"].dt.strftime("%Y-%m-%dT%H"))
        return good.sort_values("example", ignore_index=True), problems

    def _table(self, name: str, frame: pd.DataFrame) -> pd.DataFrame:
        self._require(name, frame)
        return _parse(frame, self.data, name)

    def _require(self, name: str, frame: pd.DataFrame) -> None:
        data = self.data
        tables.require(name, frame, (data.place, data.time, data.target, *self._columns))

    def _as_rows(self, table: pd.DataFrame) -> Rows:
        """The rows of a table from `_parse` as arrays."""
        data = self.data
        given = {data.time: table["given_time"], data.target: table["given_target"]}
        given |= {name: table[column(name)] for name in data.numeric}
        return Rows(
            table["place"].to_numpy(object),
            table["time"].to_numpy("datetime64[s]"),
            table["target"].to_numpy(float),
            {name: pd.to_numeric(table[column(name)], errors="coerce").to_numpy(float) for name in data.numeric},
            {name: table[column(name)].to_numpy(object) for name in data.categorical},
            {name: values.to_numpy(object) for name, values in given.items()},
            lambda row: f"{table['file'].iloc[row]} row {table['row'].iloc[row]}",
        )

    def holidays(self, first: int, last: int) -> Mapping[np.datetime64, str]:
        """Return the names of the public holidays of the years `first` to `last` by day.

        Raises:
            ConfigError: the country or the subdivision is unknown.
        """
        try:
            return super().holidays(first, last)
        except ModelError as error:
            raise ConfigError(str(error))


def _parse(frame: pd.DataFrame, data: Columns, file: str) -> pd.DataFrame:
    """The configured columns: place, time and target, and the others named by `column`; unreadable values are missing.

    `given_time` and `given_target` hold the original values; `file` and `row` (from 1) are the location of the row.
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
    """Numbers as float, NaN where missing; values that are not numbers are kept unchanged."""
    numbers = tables.numbers(file, name, values)
    wrong = numbers.isna() & values.notna() & (values.astype(object) != "")
    return numbers.astype(object).where(~wrong, values.astype(object)) if wrong.any() else numbers


def _times(given: pd.Series) -> pd.Series:
    """Local times as datetime64[s]; NaT if a time cannot be read, has an offset or a zone, or is outside `HOURS`."""
    times, zoned = tables.times(given)
    return pd.Series(local(times.to_numpy(), zoned.to_numpy()), times.index)


def _of_code(code: float, vocabulary: Sequence[str]) -> str | None:
    """The value with a code, None without one."""
    return None if np.isnan(code) else vocabulary[int(code)]


def _places_times(examples: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    return examples["group"].to_numpy(object), examples["time"].to_numpy()


def _means(keys: pd.Series, values: pd.Series) -> dict[str, float]:
    """Mean value by key, lowest first; equal means are sorted by name."""
    means = values.astype(float).groupby(keys.astype(object)).mean().sort_index().sort_values(kind="stable")
    return {str(key): float(mean) for key, mean in means.items()}
