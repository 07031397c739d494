"""Tabular regression over time: forecast a value of a place, such as its visitors, some steps ahead.

Input: tables (see `slipway.data.readers.tables`) with one row per place and step; the `data` section names the columns.
Output: a float32 row of features for each (see `slipway_edge.tasks.tabular_regression`). The model's target is the
row's value divided by the `level` of the place, minus a linear blend of the place's past (see `expectation`);
`postprocess` reverses both. So places of any size share one model, and with `weight: level` in training, an error
counts in the unit of the column.

Scores are also in that unit, and are compared with the seasonal-naive forecast, the value of the same step whole
seasons before (scaling by it follows Hyndman and Koehler, 2006, "Another look at measures of forecast accuracy").
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

import numpy as np
import pandas as pd
from pydantic import AfterValidator, Field, model_validator

from slipway.core.config import Section, unwritten
from slipway.core.errors import ConfigError, DataError, ModelError
from slipway.core.metric import Metric
from slipway.core.protocol import Encoded, Index, Problem, Usage, Words, column
from slipway.core.spec import Spec
from slipway.data.readers import tables
from slipway.data.readers.table_format import Format
from slipway.data.rows.proposal import Proposal
from slipway.metrics import parity
from slipway.tasks.tabular_regression import expectation
from slipway.tasks.tabular_regression.names import names
from slipway.tasks.tabular_regression.scores import METRICS, OF_INTERVAL, Scores
from slipway.tasks.tabular_regression.usage import usage
from slipway_edge.intervals import INTERVAL
from slipway_edge.tables import failures, positions, some
from slipway_edge.tasks import tabular_regression as edge
from slipway_edge.tasks.tabular_regression import HOURLY
from slipway_edge.tasks.tabular_regression.grid import at
from slipway_edge.tasks.tabular_regression.rows import Rows, check_step, local, one_series
from slipway_edge.tasks.tabular_regression.steps import HOUR, Step

ROWS = 65536
"""Number of rows encoded at a time."""
QUANTILES, LEAST_COVERAGE = (0.1, 0.5, 0.9), 0.7
"""The quantiles of a new forecast, and the coverage of their interval that its gate requires."""
FEW_PLACES = 8
"""With fewer series, parts of them are the groups from which intervals are drawn."""


Steps = Annotated[int, Field(ge=1, le=10_000)]
Level = Annotated[float, Field(gt=0, lt=1)]


class Columns(Section):
    """The meaning of the columns of the raw tables, and what is forecast.

    `target` is the value to forecast, `time` the local time at which its step begins, `place` identifies the series;
    without it there is one. `numeric` and `categorical` columns must be known in advance, like a weather forecast or a
    programme of events. `country` (ISO 3166 code) and `subdivision` choose the public holidays. Files that match a
    pattern of `exclude` are not read; `format` is how the others are written.

    `step` is the time between the rows of a series: `15min`, `1h`, `1d`, `1w`, `1mo` and so on. `horizon` is how many
    steps ahead values are forecast, and `season` how many steps it takes until values are alike again; without them,
    the usual ones of the step. `quantiles` are the lower end of an interval, 0.5 and its upper end. With `block`, each
    `block` steps of a series are a group, so that few series have an interval.
    """

    target: str = "demand"
    time: str = "timestamp"
    place: str | None = "place_id"
    numeric: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    country: Annotated[str, Field(pattern="^[A-Z]{2}$")] | None = None
    subdivision: str | None = None
    exclude: tuple[str, ...] = ("places.csv",)
    step: Annotated[str, AfterValidator(lambda text: str(Step.parse(text)))] = unwritten(
        str(HOUR), "the time from one row of a series to the next"
    )
    horizon: Steps | None = unwritten(None, "how many steps ahead")
    season: Steps | None = unwritten(None, "steps until values are alike again")
    quantiles: tuple[Level, Level, Level] | None = unwritten(None, "the interval and the value in it")
    block: Steps | None = unwritten(None, "steps of a series that are one group in the intervals of scores")
    format: Format = unwritten(Format())

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.quantiles is not None and not self.quantiles[0] < self.quantiles[1] == 0.5 < self.quantiles[2]:
            raise ValueError(f"quantiles are {list(self.quantiles)}; give a lower one, 0.5, and a higher one")
        if self.target == INTERVAL:
            raise ValueError(f"target cannot be {INTERVAL}: the Predictor uses this name for the interval")
        names = [self.target, self.time, *([self.place] if self.place else []), *self.numeric, *self.categorical]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"column {', '.join(twice)} has two roles")
        return self


class Task(edge.Task):
    """Regression on a table of times and places; see `slipway.core.protocol.Task`."""

    Data: ClassVar[type[Section]] = Columns
    objective: ClassVar[str] = "regression"
    metrics: Mapping[str, Metric] = {**METRICS, **OF_INTERVAL}
    headline: ClassVar[tuple[str, ...]] = ("mae", "mae_ratio_to_naive", "rmse")
    curves: ClassVar[frozenset[str]] = frozenset()
    classes: ClassVar[tuple[str, ...]] = ()

    def __init__(self, data: Columns) -> None:
        super().__init__(data.model_dump())
        self.data = data
        self.metrics = METRICS if data.quantiles is None else type(self).metrics

    @classmethod
    def suits(cls, proposed: Proposal) -> bool:
        """Return whether the rows are values of series, and the target is a number."""
        return proposed.forecast

    @classmethod
    def sections(cls, proposed: Proposal) -> tuple[Proposal, dict[str, dict[str, Any]]]:
        """Return the columns as a forecast uses them, and the sections `data`, `split`, `train` and `gate`.

        Other columns are left out: whether they are known ahead cannot be seen in the data.

        Raises:
            DataError: the table has no series.
        """
        series = proposed.series
        if series is None:
            raise DataError(
                "no series found in this table: a forecast needs one column of local times (2024-05-01 or 2024-05-01 "
                "13:00) and, if it has several series, one column that tells them apart, so that most rows of a series "
                "are one step apart; name that column with --group"
            )
        data: dict[str, Any] = {"target": proposed.target, "time": series.time, "place": series.place}
        data |= {"step": str(series.step), "horizon": series.horizon, "season": series.season}
        data |= {"quantiles": list(QUANTILES)}
        if series.places < FEW_PLACES:
            data["block"] = series.season if series.step.daily else series.horizon
        if written := proposed.written.model_dump(mode="json", exclude_defaults=True):
            data["format"] = written
        return proposed.as_series(), {
            "data": data,
            "split": {"by": "time"},
            "train": {"refit": True},
            "gate": {"rules": {"coverage": {"min": LEAST_COVERAGE}}},
        }

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of slices: groups, and the hour, weekday or month of a step."""
        return frozenset({"group", self.step.part})

    def index(self, raw: Path) -> Index:
        """List one example per row: its name is place/time, its label the target, its group the place.

        Further columns: `time`, `split` if the tables are in folders of a split, the `hour`, `weekday` (Monday is 1)
        or `month` of its step, and `naive`, the target whole seasons before (NaN where unknown). With `data.block`, the
        group is a part of a series, and `place` names the series.

        Raises:
            DataError: there is no table, a table lacks a configured column, a series has another step, or no row can be
                used.
        """
        table, problems = self._tables(raw)
        rows = self._as_rows(table)
        grid = self.grid(rows, dict.fromkeys(self.data.categorical, ()))
        position, place = grid.position(rows.time), positions(rows.place, grid.places)
        group = {"group": table["place"]}
        if self.data.block is not None:
            block = self.step.between(np.datetime64(0, "s"), rows.time) // self.data.block
            group = {"group": table["place"] + "/" + block.astype(str), "place": table["place"]}
        examples = pd.DataFrame(
            {
                "example": table["example"],
                "label": table["target"],
                **group,
                "time": table["time"],
                **({"split": table["split"]} if "split" in table else {}),
                self.step.part: _part(table["time"], self.step),
                "naive": at(grid.demand, position - grid.naive, place),
            }
        )
        return Index(examples, problems)

    def specify(self, raw: Path, examples: pd.DataFrame) -> Spec:
        """Compute the places, their levels, the categories and the linear blend from the training examples.

        Places and categories are numbered in the order of their mean target, which gives thresholds in trees a meaning.
        """
        every, _ = self._tables(raw)
        table = every[every["example"].isin(examples["example"])]
        levels = _means(_place(examples), examples["label"])
        categories = {name: list(_means(table[column(name)], table["target"])) for name in self.data.categorical}
        grid = self.grid(self._as_rows(every), categories)
        inputs = names(self.encoding, grid)
        spec: Spec = {
            "objective": self.objective,
            "input": {"shape": [len(inputs)], "dtype": "float32", "names": inputs},
            "outputs": self._outputs,
            "places": list(levels),
            "levels": list(levels.values()),
            "categories": categories,
            "gaps": {"missing": sorted(name for name in self._columns if table[column(name)].isna().any())},
        }
        if self.data.quantiles is not None:
            spec["quantiles"] = list(self.data.quantiles)
        features = self.features(grid, *_places_times(examples), spec)
        ratio = examples["label"].to_numpy(dtype=float) / features["level"].astype(float)
        hourly = self.encoding is HOURLY
        blend = expectation.fit(features, ratio, len(levels)) if hourly else expectation.fit_blend(features, ratio)
        return spec | {"expectation": blend}

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
        return Scores(
            examples,
            predictions.reshape(len(examples), -1),
            self.data.target,
            spec.get("places", ()),
            self.step,
            self.horizon,
            spec.get("quantiles"),
        )

    def words(self, spec: Spec) -> Words:
        """Return the description of predictions: values of the target."""
        if "quantiles" not in spec:
            return Words("{outputs}, in the unit of the raw data", differences="shares of the mean prediction")
        low, _, high = spec["quantiles"]
        return Words(
            "{outputs}: quantiles of the value, in the unit of the raw data",
            differences="shares of the mean prediction",
            limits=(
                f"The interval holds {high - low:.0%} of the values if the coming time is like that of the validation "
                "split, and may hold fewer at one place or hour.",
            ),
        )

    @property
    def _outputs(self) -> list[str]:
        """The names of the outputs: the target, or its quantiles."""
        if self.data.quantiles is None:
            return [self.data.target]
        return [f"{self.data.target} {100 * level:g} %" for level in self.data.quantiles]

    def usage(self, spec: Spec, shown: int, golden: np.ndarray | None) -> Usage:
        """Return how the model is called: with a table of history and of steps to forecast."""
        return usage(self.data, self, spec, golden)

    @property
    def _columns(self) -> tuple[str, ...]:
        """The raw columns that are known in advance."""
        return (*self.data.numeric, *self.data.categorical)

    @property
    def _place_column(self) -> tuple[str, ...]:
        """The column of the place, if there is one."""
        return () if self.data.place is None else (self.data.place,)

    def _tables(self, raw: Path) -> tuple[pd.DataFrame, list[Problem]]:
        """Read the raw folder: the usable rows, sorted by example, and the problems of the others."""
        data = self.data
        text = (*self._place_column, data.time, *data.categorical)
        read = []
        for name, side, frame in tables.read_sides(raw, data.exclude, text, data.format):
            self._require(name, frame)
            read.append(_parse(frame, data, name).assign(**({} if side is None else {"split": side})))
        table = pd.concat(read, ignore_index=True)
        rows = self._as_rows(table)
        check_step(rows, self.step)
        bad = list(failures(self.wrong(rows)))
        problems = [Problem(rows.where(row), kind, detail) for row, kind, detail in bad]
        good = table.drop(index=[row for row, *_ in bad])
        if good.empty:
            listed = some([f"{problem.where}: {problem.detail}" for problem in problems])
            raise DataError(f"{raw}: none of {len(table)} rows can be used; {listed}")
        times = pd.Series(self.step.text(good["time"].to_numpy("datetime64[s]")), good.index)
        good = good.assign(example=good["place"] + "/" + times)
        return good.sort_values("example", ignore_index=True), problems

    def _require(self, name: str, frame: pd.DataFrame) -> None:
        data = self.data
        tables.require(name, frame, (*self._place_column, data.time, data.target, *self._columns))

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
        "place": one_series(data.target, len(frame)) if data.place is None else tables.texts(frame[data.place]),
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
    """Local times as datetime64[s]; NaT if a time cannot be read, has an offset or a zone, or is outside `TIMES`."""
    times, zoned = tables.times(given)
    return pd.Series(local(times.to_numpy(), zoned.to_numpy()), times.index)


def _places_times(examples: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    return _place(examples).to_numpy(object), examples["time"].to_numpy("datetime64[s]")


def _place(examples: pd.DataFrame) -> pd.Series:
    """The place of each example, which is its group unless `data.block` divides the places."""
    return examples["place" if "place" in examples else "group"]


def _part(times: pd.Series, step: Step) -> pd.Series:
    """The part of the calendar that each time is in, int64 [n]: see `Step.part`."""
    found: pd.Series = times.dt.day_of_week + 1 if step.part == "weekday" else getattr(times.dt, step.part)
    return found.astype("int64")


def _means(keys: pd.Series, values: pd.Series) -> dict[str, float]:
    """Mean value by key, lowest first; equal means are sorted by name."""
    means = values.astype(float).groupby(keys.astype(object)).mean().sort_index().sort_values(kind="stable")
    return {str(key): float(mean) for key, mean in means.items()}
