"""The grid of hours and places: windows, anniversaries, base and level."""

import numpy as np

from slipway_edge.tasks.tabular_regression.calendar import Days
from slipway_edge.tasks.tabular_regression.grid import Windows
from slipway_edge.tasks.tabular_regression.hourly import Grid

CHRISTMAS = {
    np.datetime64(day): name
    for year in (2021, 2022, 2023)
    for day, name in ((f"{year}-12-25", "Christmas Day"), (f"{year}-12-26", "Boxing Day"))
} | {np.datetime64("2022-04-18"): "Easter Monday", np.datetime64("2023-04-10"): "Easter Monday"}


def grid(weeks: int = 6, start: str = "2023-01-02T00", holidays: dict[np.datetime64, str] | None = None) -> Grid:
    hours = np.arange(weeks * 168)
    times = np.datetime64(start) + hours.astype("timedelta64[h]")
    return Grid.of(
        times, np.full(len(hours), "a"), (hours // 168 * 1000 + hours % 168).astype(float),
        numeric={}, categorical={}, holidays=holidays or {},
    )  # fmt: skip


def test_a_window_is_the_mean_of_its_known_values():
    windows = Windows(np.array([[1.0], [np.nan], [3.0], [10.0]]))
    hour, place = np.array([3, 2, 0]), np.zeros(3, dtype=int)
    np.testing.assert_array_equal(windows.at(hour, place, 1, 3), [2, 1, np.nan])


def test_the_base_is_the_median_of_the_same_hour_of_four_weeks():
    base = grid().base
    assert base[5 * 168 + 30, 0] == 2500 + 30
    assert np.isnan(base[:168]).all()


def test_a_holiday_is_left_out_of_the_base():
    one_holiday = {np.datetime64("2023-01-31"): "Day of the Grid"}
    hour = 5 * 168 + 30
    assert grid(holidays=one_holiday).base[hour, 0] == 2000 + 30


def test_the_level_ends_a_day_before():
    level = grid().level
    before = level[24 * 40, 0]
    changed = grid()
    changed.demand[24 * 40 - 23 :] = 9e9
    assert changed.level[24 * 40, 0] == before


def test_the_anniversary_of_a_holiday_is_the_same_holiday_a_year_before():
    days = Days.of(np.datetime64("2023-04-01"), np.datetime64("2023-12-31"), CHRISTMAS)
    then = dict(zip(days.day.astype(str), days.anniversary.astype(str), strict=True))
    assert then["2023-12-25"] == "2022-12-25"
    assert then["2023-12-24"] == "2022-12-24"
    assert then["2023-12-29"] == "2022-12-29"
    assert then["2023-04-10"] == "2022-04-18"
    assert then["2023-04-08"] == "2022-04-16"


def test_the_anniversary_of_another_day_is_the_same_weekday_52_weeks_before():
    days = Days.of(np.datetime64("2023-09-01"), np.datetime64("2023-09-30"), CHRISTMAS)
    assert (days.day - days.anniversary == np.timedelta64(364, "D")).all()


def test_without_holidays_there_are_anniversaries_and_no_holiday_is_near():
    days = Days.of(np.datetime64("2023-12-20"), np.datetime64("2023-12-31"), {})
    assert (days.holiday == 0).all() and (days.since == 20).all()
    assert (days.day - days.anniversary == np.timedelta64(364, "D")).all()
