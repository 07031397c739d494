"""Errors over time: the length of a period, and what is drawn of each."""

import numpy as np
import pytest

from slipway.metrics import residuals


def hours(first: str, count: int, step: int = 1) -> np.ndarray:
    return np.datetime64(first, "s") + np.arange(0, count * step, step).astype("timedelta64[h]")


def test_a_period_has_the_median_and_the_spread_of_its_errors() -> None:
    times = np.repeat(hours("2026-03-02T05:00", 28 * 24), 2)
    errors = np.tile(np.arange(48.0), 28) + np.repeat([0.0, 100.0], 14 * 48)
    plot = residuals.plot(times, errors, "visitors", "forecast 24 hours ahead")
    assert plot.title == "Errors over time, by day: forecast 24 hours ahead less actual"
    assert (plot.x_label, plot.y_label) == ("days since 2026-03-02", "error of visitors")
    assert plot.y == ["10 %", "median", "90 %"] and len(plot.table) == 29  # the first and the last day are parts
    of_day = errors[times.astype("datetime64[D]") == np.datetime64("2026-03-04")]
    third = plot.table.iloc[2]
    assert third["period"] == 2 and third["examples"] == 48 and third["median"] == np.median(of_day)
    assert (third["10 %"], third["90 %"]) == pytest.approx(np.quantile(of_day, [0.1, 0.9]))
    assert plot.table["median"].iloc[20] > plot.table["median"].iloc[2] + 90


@pytest.mark.parametrize(
    ("times", "length", "count"),
    [
        (np.repeat(hours("2026-01-01", 30), 6), "hour", 30),
        (hours("2026-01-01", 24 * 90), "day", 90),
        (np.repeat(hours("2026-01-01", 90, 24), 5), "day", 90),
        (hours("2026-01-01", 90, 24), "week", 13),  # a day has one example, which has no spread
        (hours("2020-01-01", 800, 24), "month", 27),
        (hours("2020-01-01", 120, 24 * 7), "quarter", 10),
        (hours("2020-01-15", 9, 24 * 30), "year", 1),
    ],
)
def test_a_period_is_the_shortest_that_has_a_spread(times: np.ndarray, length: str, count: int) -> None:
    plot = residuals.plot(times, np.zeros(len(times)), "price")
    assert f"by {length}: predicted less actual" in plot.title and len(plot.table) == count


def test_a_period_without_examples_is_a_gap() -> None:
    times = np.concatenate([hours("2026-01-01", 48), hours("2026-01-05", 48)])
    table = residuals.plot(times, np.ones(96), "price").table
    assert table["median"].isna().tolist() == [False, False, True, True, False, False]
