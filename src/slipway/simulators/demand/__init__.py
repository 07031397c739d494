"""A simulated small city whose places count their visitors by the hour.

Output: `demand.csv` with a row for each place and hour (timestamp, place, temperature in degrees Celsius, rain in mm,
the attendance of today's event nearby in thousands, sky, event, visitors). Each kind of place (office, shops, station,
park, nightlife) has its own daily and weekly profile. In addition there are growth, the seasons, weather with an effect
that depends on the kind, public holidays, the weeks around New Year, events, disturbances that last days (road works),
hours in which a counter failed, and Poisson noise. Equal worlds and seeds give equal bytes.
"""

from datetime import date
from pathlib import Path
from typing import Annotated, Self

import holidays
import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from slipway.core.config import Section

Share = Annotated[float, Field(ge=0, le=1)]

KINDS = ("office", "shops", "station", "park", "nightlife")
SKIES = ("clear", "cloudy", "rain", "storm")
EVENTS = ("none", "market", "match", "festival", "fireworks")

# Centres (hour), widths (hours) and heights of the bumps of a day: on weekdays, and at the weekend.
_BUMPS = {
    "office": ([(8.5, 1.0, 1.0), (12.5, 1.2, 0.9), (17.5, 1.1, 1.1)], [(13.0, 3.0, 0.25)]),
    "shops": ([(13.0, 2.8, 0.9), (17.5, 1.6, 0.7)], [(14.0, 2.8, 1.5)]),
    "station": ([(8.2, 0.9, 1.4), (17.6, 1.2, 1.5), (13.0, 3.0, 0.4)], [(14.0, 4.0, 0.6)]),
    "park": ([(7.0, 1.2, 0.3), (12.7, 1.5, 0.5), (18.0, 1.8, 0.6)], [(11.0, 2.0, 0.9), (16.0, 2.5, 1.2)]),
    "nightlife": ([(12.5, 1.2, 0.4), (20.0, 2.5, 0.8)], [(21.0, 2.5, 1.3), (1.0, 2.0, 1.1)]),
}
# Share of demand lost per mm of rain an hour (to the power 0.7), and gained per degree above 15.
_RAIN = {"office": 0.05, "shops": 0.18, "station": 0.06, "park": 0.55, "nightlife": 0.20}
_WARMTH = {"office": 0.002, "shops": 0.008, "station": 0.003, "park": 0.035, "nightlife": 0.015}
# The factor on a kind's demand on a public holiday, and between Christmas and the first days of January.
_HOLIDAY = {"office": 0.15, "shops": 0.75, "station": 0.4, "park": 1.5, "nightlife": 1.2}
_NEW_YEAR = {"office": 0.35, "shops": 1.25, "station": 0.6, "park": 1.2, "nightlife": 1.1}
_EVENT = {"market": ("shops", 8, 16), "match": ("station", 16, 23), "festival": ("park", 11, 23)}


class World(Section):
    """The city: `days` from `start` at `places` places.

    `gaps` is the share of days on which a counter fails for some hours, `events` the share of days with an event,
    `growth` the yearly growth, `noise` the standard deviation of a place's slow drift. `shift` simulates data drift in
    the last `shift_days` days: it moves that share of the demand from offices and stations to shops and parks.
    """

    places: Annotated[int, Field(ge=1, le=200)] = 9
    days: Annotated[int, Field(ge=21)] = 400
    start: date = date(2022, 10, 1)
    mean: Annotated[float, Field(gt=0)] = 250.0
    country: Annotated[str, Field(pattern="^[A-Z]{2}$")] = "GB"
    subdivision: str | None = "ENG"
    growth: Annotated[float, Field(gt=-1, lt=5)] = 0.06
    events: Share = 0.08
    gaps: Share = 0.03
    noise: Annotated[float, Field(ge=0, lt=1)] = 0.06
    shift: Annotated[float, Field(ge=0, lt=1)] = 0.0
    shift_days: Annotated[int, Field(ge=1)] = 28

    @model_validator(mode="after")
    def _long_enough(self) -> Self:
        if self.shift_days > self.days:
            raise ValueError(f"shift_days {self.shift_days} is more than days {self.days}")
        return self


def simulate(world: World, seed: int, out: Path) -> None:
    """Write `demand.csv` into the folder `out`."""
    draw = np.random.default_rng(seed)
    times = pd.date_range(world.start, periods=world.days * 24, freq="h")
    hour, day = times.hour.to_numpy(), np.arange(world.days).repeat(24)
    temperature, rain, sky = _weather(times, draw)
    event, attendance = _events(world, times, draw)
    common = _common(world, times)
    frames = []
    for place, own in enumerate(draw.spawn(world.places)):
        kind = KINDS[place % len(KINDS)]
        counting = _counting(world, own)
        size = world.mean * np.exp(own.normal(0, 0.7))
        expected = size * _profile(kind, times, world, own) * common
        expected *= np.exp(-_RAIN[kind] * rain**0.7 + _WARMTH[kind] * (temperature - 15))
        expected *= _drift(world, own)[day]
        expected += size * _event_demand(kind, event, attendance, hour)
        if kind in ("office", "station"):
            expected = np.where(day >= world.days - world.shift_days, expected * (1 - world.shift), expected)
        elif kind in ("shops", "park"):
            expected = np.where(day >= world.days - world.shift_days, expected * (1 + world.shift), expected)
        visitors = own.poisson(own.gamma(60, 1 / 60, len(times)) * expected)
        frames.append(
            pd.DataFrame(
                {
                    "timestamp": times.strftime("%Y-%m-%d %H:%M:%S"),
                    "place": f"{kind}-{place + 1:02d}",
                    "temperature": temperature.round(1),
                    "rain": rain.round(1),
                    "attendance": attendance.round(1),
                    "sky": sky,
                    "event": event,
                    "visitors": visitors,
                }
            )[counting]
        )
    out.mkdir(parents=True, exist_ok=True)
    pd.concat(frames, ignore_index=True).to_csv(out / "demand.csv", index=False, lineterminator="\n")


def _weather(times: pd.DatetimeIndex, draw: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Temperature (degrees Celsius), rain (mm) and sky by the hour: seasons, days and passing fronts."""
    days = len(times) // 24
    front = _autoregression(days, 0.75, 3.0, draw)
    season = 11 - 8 * np.cos(2 * np.pi * (times.day_of_year.to_numpy() - 20) / 365.25)
    daily = 4 * np.sin(2 * np.pi * (times.hour.to_numpy() - 9) / 24)
    temperature = season + daily + front.repeat(24) + draw.normal(0, 0.4, len(times))
    wetness = (
        _autoregression(days, 0.5, 1.0, draw).repeat(24)
        + _autoregression(len(times), 0.9, 0.8, draw)
        - front.repeat(24) / 8
    )
    rain = np.maximum(wetness - 1.0, 0) ** 1.5 * 2
    sky = np.select([rain > 4, rain > 0, wetness > 0], ["storm", "rain", "cloudy"], "clear")
    return temperature, rain, sky


def _autoregression(steps: int, keep: float, spread: float, draw: np.random.Generator) -> np.ndarray:
    """A first-order autoregressive series with standard deviation `spread`."""
    shocks = draw.normal(0, spread * np.sqrt(1 - keep**2), steps)
    values = np.empty(steps)
    last = draw.normal(0, spread)
    for step in range(steps):
        last = keep * last + shocks[step]
        values[step] = last
    return values


def _events(world: World, times: pd.DatetimeIndex, draw: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The kind of the day's event and its attendance in thousands, by the hour; every year ends with fireworks."""
    kinds = np.where(draw.random(world.days) < world.events, draw.choice(EVENTS[1:4], world.days), "none")
    dates = times[::24]
    kinds = np.where((dates.month == 12) & (dates.day == 31), "fireworks", kinds)
    size = np.where(kinds == "none", 0.0, draw.gamma(4, 4, world.days) + 2)
    return kinds.repeat(24), size.repeat(24)


def _event_demand(kind: str, event: np.ndarray, attendance: np.ndarray, hour: np.ndarray) -> np.ndarray:
    """The demand that events add to a place, in units of its size."""
    extra = np.zeros(len(event))
    for name, (near, begins, ends) in _EVENT.items():
        inside = (event == name) & (hour >= begins) & (hour < ends)
        extra += inside * attendance * (0.05 if kind == near else 0.015)
    extra += (event == "fireworks") * (hour >= 19) * attendance * 0.08
    return extra


def _common(world: World, times: pd.DatetimeIndex) -> np.ndarray:
    """Growth and the seasons, which all places share."""
    years = (times - times[0]) / pd.Timedelta(days=365.25)
    season = 1 + 0.08 * np.sin(2 * np.pi * (times.day_of_year.to_numpy() - 120) / 365.25)
    shopping = 1 + 0.25 * ((times.month == 12) & (times.day <= 24)) * times.day.to_numpy() / 24
    common: np.ndarray = (1 + world.growth) ** years.to_numpy() * season * shopping
    return common


def _profile(kind: str, times: pd.DatetimeIndex, world: World, draw: np.random.Generator) -> np.ndarray:
    """The daily and weekly profile of a place, with holidays and a mean near 1."""
    hour = times.hour.to_numpy()
    week, weekend = (_day(bumps, draw) for bumps in _BUMPS[kind])
    free = holidays.country_holidays(
        world.country, subdiv=world.subdivision, years=range(times[0].year, times[-1].year + 1)
    )
    dates = times.normalize()
    holiday = dates.isin(pd.DatetimeIndex(sorted(free)))
    turn = ((times.month == 12) & (times.day >= 26)) | ((times.month == 1) & (times.day <= 3))
    shape = np.where((times.day_of_week >= 5) | holiday, weekend[hour], week[hour])
    friday = 1 + 0.15 * (times.day_of_week == 4) * (hour >= 16)
    shape = shape * friday * np.where(turn, _NEW_YEAR[kind], 1.0) * np.where(holiday, _HOLIDAY[kind], 1.0)
    christmas = (times.month == 12) & (times.day == 25)
    shape = shape * np.where(christmas, 0.3, 1.0)
    profile: np.ndarray = shape / shape.mean()
    return profile


def _day(bumps: list[tuple[float, float, float]], draw: np.random.Generator) -> np.ndarray:
    """24 hours of bumps, each moved slightly, above a minimum."""
    hour = np.arange(24)
    values = np.full(24, 0.03)
    for centre, width, height in bumps:
        apart = np.abs(hour - centre - draw.normal(0, 0.25))
        values += height * np.exp(draw.normal(0, 0.15)) * np.exp(-0.5 * (np.minimum(apart, 24 - apart) / width) ** 2)
    return values


def _drift(world: World, draw: np.random.Generator) -> np.ndarray:
    """The slow drift of a place by day, with occasional road works that keep people away for some days."""
    drift: np.ndarray = np.exp(_autoregression(world.days, 0.95, world.noise, draw))
    for _ in range(draw.poisson(world.days / 150)):
        first = int(draw.integers(0, world.days))
        drift[first : first + int(draw.integers(3, 12))] *= draw.uniform(0.5, 0.8)
    return drift


def _counting(world: World, draw: np.random.Generator) -> np.ndarray:
    """A mask of the hours in which the counter worked."""
    working = np.ones(world.days * 24, dtype=bool)
    for day in np.flatnonzero(draw.random(world.days) < world.gaps):
        first = day * 24 + int(draw.integers(0, 24))
        working[first : first + int(draw.integers(1, 30))] = False
    return working
