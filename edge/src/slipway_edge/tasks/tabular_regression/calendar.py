"""The calendar of consecutive days: public holidays, the distance from them, and anniversaries."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

CLIP = 20
"""Distances in days from a holiday or from New Year are clipped to this."""
NEAR = 4
"""Within this many days of a public holiday, the anniversary follows the holiday and not the weekday."""


@dataclass(frozen=True)
class Days:
    """The calendar of consecutive days from `first` on; each array is [days].

    `holiday`: 1 on a public holiday; `since` and `until`: days from and to the nearest one, at most `CLIP`;
    `anniversary`: the corresponding day of the year before, as datetime64[D].
    """

    first: np.datetime64
    day: np.ndarray
    holiday: np.ndarray
    since: np.ndarray
    until: np.ndarray
    anniversary: np.ndarray

    @classmethod
    def of(cls, first: np.datetime64, last: np.datetime64, holidays: Mapping[np.datetime64, str]) -> "Days":
        """Return the days from `first` to `last`; `holidays` should cover two years before and a month after."""
        day = np.arange(first, last + np.timedelta64(1, "D"))
        dates = np.array(sorted(holidays), dtype="datetime64[D]")
        until, since = np.full(len(day), CLIP), np.full(len(day), CLIP)
        anniversary = day - np.timedelta64(364, "D")
        if len(dates):
            after = np.searchsorted(dates, day, side="left")
            before = np.searchsorted(dates, day, side="right") - 1
            until = np.where(after < len(dates), (dates[np.minimum(after, len(dates) - 1)] - day).astype(int), CLIP)
            since = np.where(before >= 0, (day - dates[np.maximum(before, 0)]).astype(int), CLIP)
            nearest = np.where(until <= since, dates[np.minimum(after, len(dates) - 1)], dates[np.maximum(before, 0)])
            past = np.array([_year_before(date, holidays) for date in dates])
            then = past[np.searchsorted(dates, nearest)]
            near = (np.minimum(until, since) <= NEAR) & ~np.isnat(then)
            anniversary = np.where(near, then + (day - nearest), anniversary)
        return cls(
            first,
            day,
            (np.minimum(until, since) == 0).astype(float),
            np.minimum(since, CLIP),
            np.minimum(until, CLIP),
            anniversary,
        )


def _year_before(date: np.datetime64, holidays: Mapping[np.datetime64, str]) -> np.datetime64:
    """The day of the same holiday in the year before, or NaT."""
    year = date.astype("datetime64[Y]") - 1
    past = [day for day in holidays if day.astype("datetime64[Y]") == year]
    for name in holidays[date].split("; "):
        for day in sorted(past):
            if name in holidays[day].split("; "):
                return day
    return np.datetime64("NaT", "D")
