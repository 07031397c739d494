"""The step of a series: how it is written, how it counts time, and how it is found in times."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway_edge.tasks.tabular_regression.steps import Step, detect, neighbours, usable

STEPS = [Step(None), *(Step(minutes) for minutes in (15, 20, 60, 360, 1440, 2 * 1440, 7 * 1440))]


def times(*text: str) -> np.ndarray:
    return np.array(text, "datetime64[s]")


@pytest.mark.parametrize(
    ("text", "step", "words"),
    [
        ("15min", Step(15), "15 minutes"),
        ("60min", Step(60), "hour"),
        ("24h", Step(1440), "day"),
        ("7d", Step(10080), "week"),
        ("1mo", Step(None), "month"),
    ],
)
def test_a_step_is_read_and_written(text: str, step: Step, words: str) -> None:
    assert Step.parse(text) == step and step.words == words
    assert Step.parse(str(step)) == step


@pytest.mark.parametrize("text", ["5min", "50min", "7h", "40d", "2mo", "1y", "h", "-1h", "1 h", ""])
def test_other_texts_are_no_steps(text: str) -> None:
    with pytest.raises(ValueError, match="step"):
        Step.parse(text)


def test_every_usable_length_can_be_written() -> None:
    for minutes in filter(usable, range(50_000)):
        assert Step.parse(str(Step(minutes))) == Step(minutes)


@pytest.mark.parametrize("step", STEPS, ids=str)
@given(steps=st.integers(-1000, 1000))
def test_counting_steps_undoes_going_on_by_steps(step: Step, steps: int) -> None:
    start = np.datetime64("2023-03-01", "s")
    later = step.after(start, np.array([steps]))
    assert step.between(start, later) == [steps]
    assert step.aligned(later).all()


def test_months_are_calendar_months_whatever_day_stands_for_them() -> None:
    month, start = Step(None), np.datetime64("2023-11-30")
    assert month.between(start, times("2023-12-31", "2024-02-29", "2024-03-01")).tolist() == [1, 3, 4]
    assert month.aligned(times("2024-02-29", "2023-02-28", "2024-02-28", "2024-03-01")).tolist() == [
        True, True, False, True,
    ]  # fmt: skip


def test_weeks_begin_on_the_weekday_of_most_rows() -> None:
    wednesdays = np.datetime64("2024-05-01", "s") + np.arange(5) * np.timedelta64(7, "D")
    assert Step(10080).aligned(np.append(wednesdays, times("2024-05-02"))).tolist() == [True] * 5 + [False]


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_a_step_is_found_through_gaps_repeats_and_disorder(step: Step) -> None:
    known = step.after(np.datetime64("2023-01-01", "s"), np.array([9, 8, 3, 3, 2, 1, 0, 20, 21]))
    assert detect(known) == step
    one, other = neighbours(known, step)
    assert step.between(known[one], known[other : other + 1]) == [1]


def test_days_at_the_ends_of_months_are_months() -> None:
    assert detect(times("2023-11-30", "2023-12-31", "2024-01-31", "2024-02-29")) == Step(None)


@pytest.mark.parametrize(
    "known",
    [
        times("2024-01-01", "2024-01-02"),
        times("2024-01-01", "2024-01-02", "2024-01-05", "2024-01-12", "2024-01-31"),
        times("2024-01-01 00:00", "2024-01-01 00:05", "2024-01-01 00:10"),
        times("2021-01-01", "2022-01-01", "2023-01-01"),
    ],
    ids=["two", "irregular", "too short", "years"],
)
def test_other_times_have_no_step(known: np.ndarray) -> None:
    assert detect(known) is None


@pytest.mark.parametrize(
    ("text", "season", "horizon"),
    [("15min", 672, 96), ("1h", 168, 24), ("1d", 7, 7), ("1w", 52, 4), ("1mo", 12, 3)],
)
def test_each_step_has_a_usual_season_and_horizon(text: str, season: int, horizon: int) -> None:
    step = Step.parse(text)
    assert (step.season, step.horizon) == (season, horizon)
