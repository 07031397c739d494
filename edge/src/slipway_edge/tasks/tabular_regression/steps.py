"""The step of a series, the time from one of its values to the next: from 15 minutes to a month.

A step divides a day, is a number of days, or is a calendar month. Times are local and begin the step: hours are whole
hours, days begin at midnight, weeks on the weekday of most rows. A month is given by its first or its last day.
"""

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np

DAY, WEEK = 24 * 60, 7 * 24 * 60
"""Minutes."""
LEAST, MOST = 15, 31 * DAY
"""The shortest and the longest step, in minutes."""
_TEXT = re.compile(r"([1-9]\d{0,3})(min|h|d|w|mo)")
_UNITS = {"w": WEEK, "d": DAY, "h": 60, "min": 1}
_NAMES = {"w": "week", "d": "day", "h": "hour", "min": "minute"}
_MONTH = "1mo"


@dataclass(frozen=True)
class Step:
    """A step of `minutes`, or a calendar month if it is None."""

    minutes: int | None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the step for a text such as `15min`, `1h`, `1d`, `1w` or `1mo`.

        Raises:
            ValueError: it is not such a text, or the step is too short, too long, or does not fit into days.
        """
        match = _TEXT.fullmatch(text)
        if match is None or (match[2] == "mo" and text != _MONTH):
            raise ValueError(f"{text!r} is not a step such as 15min, 1h, 1d, 1w or 1mo")
        if text == _MONTH:
            return cls(None)
        minutes = int(match[1]) * _UNITS[match[2]]
        if not usable(minutes):
            raise ValueError(
                f"{text!r}: a step is at least 15 minutes and at most a month, and it divides a day or is whole days"
            )
        return cls(minutes)

    def __str__(self) -> str:
        if self.minutes is None:
            return _MONTH
        count, unit = self._count
        return f"{count}{unit}"

    @property
    def words(self) -> str:
        """The step in words: `hour`, `15 minutes`."""
        if self.minutes is None:
            return "month"
        count, unit = self._count
        return _NAMES[unit] if count == 1 else f"{count} {_NAMES[unit]}s"

    @property
    def within_day(self) -> bool:
        """Whether the step is shorter than a day."""
        return self.minutes is not None and self.minutes < DAY

    @property
    def daily(self) -> bool:
        """Whether the step is a day or shorter, so that it has a weekday and may be a public holiday."""
        return self.minutes is not None and self.minutes <= DAY

    @property
    def season(self) -> int:
        """The usual season in steps: a week, or a year if the step is longer than a day."""
        return self.span(7 if self.daily else 364)

    @property
    def horizon(self) -> int:
        """The usual horizon in steps: a day for steps within a day, otherwise a week, four weeks or three months."""
        if self.minutes is None:
            return 3
        return self.span(1 if self.within_day else 7 if self.daily else 28)

    @property
    def part(self) -> str:
        """The part of the calendar by which errors are broken down: `hour`, `weekday` or `month`."""
        return "hour" if self.within_day else "weekday" if self.daily else "month"

    def span(self, days: int) -> int:
        """Return the number of steps in some days, at least 1."""
        if self.minutes is None:
            return max(1, round(days * 12 / 365))
        return max(1, days * DAY // self.minutes)

    def aligned(self, times: np.ndarray) -> np.ndarray:
        """Return which times (datetime64) [n] begin a step, by the weekday of most of them if a step is longer."""
        day = times.astype("datetime64[D]")
        if self.minutes is None:
            ends: np.ndarray = (times == day) & _ends_of_month(day)
            return ends
        length = np.timedelta64(min(self.minutes, DAY), "m")
        whole: np.ndarray = (times - day) % length == np.timedelta64(0, "m")
        if self.minutes <= DAY or not len(times):
            return whole
        phase = day.astype(np.int64) % (self.minutes // DAY)
        whole &= phase == _commonest(phase)
        return whole

    def between(self, start: np.datetime64, times: np.ndarray) -> np.ndarray:
        """Return how many steps times (datetime64) [n] are after `start`, int64 [n]."""
        if self.minutes is None:
            months: np.ndarray = (times.astype("datetime64[M]") - start.astype("datetime64[M]")).astype(np.int64)
            return months
        steps: np.ndarray = (times - start) // np.timedelta64(self.minutes, "m")
        return steps

    def after(self, start: np.datetime64, steps: np.ndarray) -> np.ndarray:
        """Return the times, datetime64[s] [n], that are a number of steps [n] after `start`."""
        if self.minutes is None:
            months = start.astype("datetime64[M]") + steps.astype("timedelta64[M]")
            first_days: np.ndarray = months.astype("datetime64[s]")
            return first_days
        times: np.ndarray = start.astype("datetime64[s]") + steps * np.timedelta64(60 * self.minutes, "s")
        return times

    def text(self, times: np.ndarray) -> np.ndarray:
        """Return times (datetime64) [n] as text with the digits that a step needs, such as 2024-05-01T13 for hours."""
        if self.minutes is None:
            return np.datetime_as_string(times.astype("datetime64[M]"))
        unit = "D" if self.minutes % DAY == 0 else "h" if self.minutes % 60 == 0 else "m"
        return np.datetime_as_string(times.astype(f"datetime64[{unit}]"))

    @property
    def example(self) -> str:
        """A time that begins a step, as text."""
        return "2024-05-01" if not self.within_day else f"2024-05-01 {'13:00' if self.minutes != 15 else '13:15'}"

    @property
    def _count(self) -> tuple[int, str]:
        """How many of the largest unit that the step is a multiple of."""
        assert self.minutes is not None
        unit = next(name for name, length in _UNITS.items() if self.minutes % length == 0)
        return self.minutes // _UNITS[unit], unit


HOUR = Step(60)


def usable(minutes: int) -> bool:
    """Return whether a step may have this length."""
    return LEAST <= minutes <= MOST and (DAY % minutes == 0 or minutes % DAY == 0)


def detect(times: np.ndarray) -> Step | None:
    """Return the step that at least half of the values of one series are apart.

    Args:
        times: datetime64 [n], in any order and repeated or not.

    Returns:
        None if there are fewer than three times, no distance is that common, or it is not one that a step may have.
    """
    known = np.unique(times.astype("datetime64[s]"))
    if len(known) < 3:
        return None
    days = known.astype("datetime64[D]")
    if (known == days).all() and _ends_of_month(days).all():
        months = np.diff(days.astype("datetime64[M]").astype(np.int64))
        if _share(months, 1) >= 0.5:
            return Step(None)
    distances = np.diff(known).astype(np.int64)
    usual = _commonest(distances)
    if _share(distances, usual) < 0.5 or usual % 60 or not usable(usual // 60):
        return None
    return Step(usual // 60)


def neighbours(times: np.ndarray, step: Step) -> tuple[int, int]:
    """Return the positions in `times` [n] of the first two values that are one step apart."""
    order = np.argsort(times, kind="stable")
    for one, other in pairwise(order.tolist()):
        if times[one] != times[other] and step.between(times[one], times[other : other + 1])[0] == 1:
            return one, other
    raise ValueError(f"no two times are one {step.words} apart")


def _ends_of_month(days: np.ndarray) -> np.ndarray:
    """Which days (datetime64[D]) [n] are the first or the last of their month."""
    month, next_day = days.astype("datetime64[M]"), days + np.timedelta64(1, "D")
    ends: np.ndarray = (days == month.astype("datetime64[D]")) | (next_day.astype("datetime64[M]") != month)
    return ends


def _commonest(values: np.ndarray) -> int:
    """The most common value, the smallest of several."""
    found, counts = np.unique(values, return_counts=True)
    return int(found[counts.argmax()])


def _share(values: np.ndarray, value: int) -> float:
    return float((values == value).mean())
