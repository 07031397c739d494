"""The grid of steps and places: the seasons before, the level, base, and the calendar of months."""

from dataclasses import replace

import numpy as np
import pytest

from slipway_edge.errors import ModelError
from slipway_edge.tasks.tabular_regression import Task, stepped
from slipway_edge.tasks.tabular_regression.stepped import Grid
from slipway_edge.tasks.tabular_regression.steps import Step


def grid(step: str, values: np.ndarray, horizon: int, season: int, start: str = "2023-01-02", **holidays: str) -> Grid:
    of = Step.parse(step)
    times = of.after(np.datetime64(start, "s"), np.arange(len(values)))
    days = {np.datetime64(day): name for name, day in holidays.items()}
    return Grid.of(
        times, np.full(len(values), "a"), values, numeric={}, categorical={}, holidays=days,
        step=of, horizon=horizon, season=season,
    )  # fmt: skip


def described(of: Grid, position: int) -> dict[str, float]:
    one = np.array([position])
    features = stepped.describe(of, one, np.zeros(1, np.int64), np.zeros(1), np.array([10.0]))
    return {name: float(values[0]) for name, values in features.items()}


def test_the_naive_forecast_is_whole_seasons_before_and_no_younger_than_the_horizon() -> None:
    values = np.arange(100.0)
    assert [grid("1d", values, horizon, 7).naive for horizon in (1, 7, 8, 15)] == [7, 7, 14, 21]
    assert described(grid("1d", values, 8, 7), 50)["naive"] == np.float32((50 - 14) / 10)


def test_the_base_is_the_median_of_four_seasons_without_holidays() -> None:
    values = np.arange(100.0)
    assert grid("1d", values, 7, 7).base[60, 0] == np.median(values[[53, 46, 39, 32]])
    on_53 = grid("1d", values, 7, 7, easter=str(np.datetime64("2023-01-02") + 53))
    assert on_53.base[60, 0] == np.median(values[[46, 39, 32]])


def test_the_level_spans_whole_seasons_of_four_weeks_and_ends_at_the_horizon() -> None:
    assert [grid(step, np.ones(9), 1, season).span for step, season in (("1d", 7), ("1h", 100), ("1mo", 12))] == [
        28, 700, 12,
    ]  # fmt: skip
    values = np.arange(100.0)
    assert grid("1d", values, 5, 7).level[60, 0] == values[60 - 5 - 27 : 60 - 5 + 1].mean()


def test_a_month_knows_its_days_its_working_days_and_its_holidays() -> None:
    months = grid("1mo", np.ones(24), 1, 12, start="2023-01-01", christmas="2023-12-25")
    december, february = described(months, 11), described(months, 13)
    assert (december["month"], december["days"], december["holidays"], december["working_days"]) == (12, 31, 1, 20)
    assert (february["month"], february["days"], february["working_days"]) == (2, 29, 21)


def test_a_quarter_of_an_hour_knows_its_time_of_day() -> None:
    assert described(grid("15min", np.ones(200), 96, 96), 99)["hour"] == 0.75


def test_days_have_no_hour() -> None:
    assert not {"hour", "week_hour"} & described(grid("1d", np.ones(50), 7, 7), 40).keys()


def test_the_anniversary_of_a_holiday_is_the_same_holiday_a_year_before() -> None:
    start, easters = np.datetime64("2022-01-02"), [np.datetime64("2022-04-18"), np.datetime64("2023-04-10")]
    then, now = ((day - start).astype(int) for day in easters)
    values = np.ones(800)
    values[then] = 5.0
    days = replace(grid("1d", values, 7, 7, start=str(start)), holidays=dict.fromkeys(easters, "Easter Monday"))
    assert described(days, now)["then_1y"] == 5.0


def test_unknown_history_gives_finite_terms() -> None:
    of = grid("1d", np.full(60, np.nan), 7, 7)
    position = np.arange(60)
    level = np.full(60, 3.0)
    features = stepped.describe(of, position, np.zeros(60, np.int64), np.zeros(60), level)
    assert np.isfinite(stepped.terms(features)).all()


def test_a_record_with_a_step_that_cannot_be_read_is_refused() -> None:
    columns = {"target": "a", "time": "b", "place": None, "numeric": [], "categorical": []}
    with pytest.raises(ModelError, match=r"data\.step: '1y' is not a step"):
        Task({**columns, "country": None, "subdivision": None, "step": "1y"})
