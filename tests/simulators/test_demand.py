"""The simulated city: equal bytes, and daily and weekly profiles."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from slipway.simulators.demand import KINDS, World, simulate

SMALL = World(places=5, days=120)


def simulated(world: World, seed: int, folder: Path) -> pd.DataFrame:
    simulate(world, seed, folder)
    return pd.read_csv(folder / "demand.csv", parse_dates=["timestamp"])


@pytest.fixture(scope="module")
def city(tmp_path_factory) -> pd.DataFrame:
    return simulated(World(), 1, tmp_path_factory.mktemp("city"))


def test_equal_worlds_and_seeds_give_equal_bytes(tmp_path):
    for name, seed in (("one", 3), ("two", 3), ("three", 4)):
        simulate(SMALL, seed, tmp_path / name)
    one, two, three = ((tmp_path / name / "demand.csv").read_bytes() for name in ("one", "two", "three"))
    assert one == two
    assert one != three


def test_every_place_counts_every_hour_at_most_once_and_some_hours_are_missing(city):
    assert not city.duplicated(["place", "timestamp"]).any()
    hours = World().days * 24
    counted = city.groupby("place").size()
    assert len(counted) == World().places
    assert (counted < hours).all() and (counted > 0.9 * hours).all()


def test_the_default_world_holds_a_year_and_no_impossible_values(city):
    assert city["timestamp"].max() - city["timestamp"].min() > pd.Timedelta(days=365)
    assert not city.isna().any().any()
    assert (city["visitors"] >= 0).all() and (city["rain"] >= 0).all()
    assert city["temperature"].between(-30, 45).all()


def test_days_and_weeks_have_a_rhythm(city):
    office = city[city["place"] == "office-01"]
    by_hour = office.groupby(office["timestamp"].dt.hour)["visitors"].mean()
    assert by_hour[8] > 5 * by_hour[3]
    weekend = office["timestamp"].dt.day_of_week >= 5
    assert office[~weekend]["visitors"].mean() > 2 * office[weekend]["visitors"].mean()


def test_rain_keeps_people_out_of_parks(city):
    noon = city[city["place"].str.startswith("park") & city["timestamp"].dt.hour.between(10, 17)]
    assert noon[noon["rain"] > 2]["visitors"].mean() < 0.7 * noon[noon["rain"] == 0]["visitors"].mean()


def test_offices_are_empty_on_christmas_day(city):
    office = city[city["place"] == "office-01"].set_index("timestamp")["visitors"]
    assert office["2022-12-25"].sum() < 0.2 * office["2022-12-14"].sum()


def test_a_shift_changes_its_last_days_only(tmp_path):
    world = World(places=5, days=120, gaps=0)
    before = simulated(world, 5, tmp_path / "before")
    after = simulated(world.model_copy(update={"shift": 0.4, "shift_days": 20}), 5, tmp_path / "after")
    late = before["timestamp"] >= before["timestamp"].min() + pd.Timedelta(days=100)
    offices = before["place"].str.startswith("office")
    np.testing.assert_array_equal(before["visitors"][~late], after["visitors"][~late])
    assert after["visitors"][offices & late].mean() < 0.7 * before["visitors"][offices & late].mean()


def test_the_kinds_of_places_alternate(tmp_path):
    places = simulated(SMALL, 1, tmp_path)["place"].unique()
    assert [place.split("-")[0] for place in places] == list(KINDS)


def test_a_shift_longer_than_the_world_is_refused():
    with pytest.raises(ValidationError, match="shift_days 60 is more than days 30"):
        World(days=30, shift_days=60)
