"""Which tables hold series, of which step and season, and which columns tell them apart."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from slipway.data.rows.proposal import Proposal, propose


def sales(frequency: str = "D", length: int = 200, shops: int = 3, period: int = 7) -> pd.DataFrame:
    times = pd.date_range("2022-01-01", periods=length, freq=frequency)
    rhythm = 50 + 20 * np.sin(np.arange(length) / period * 2 * np.pi)
    noise = np.random.default_rng(0).normal(size=(shops, length))
    frames = [
        pd.DataFrame({"time": times.astype(str), "shop": f"shop {shop}", "sold": (rhythm + noise[shop]).round(2)})
        for shop in range(shops)
    ]
    return pd.concat(frames, ignore_index=True)


def proposed(folder: Path, frame: pd.DataFrame, group: str | None = None) -> Proposal:
    path = folder / "sales.csv"
    frame.to_csv(path, index=False)
    return propose(path, "sold", group)


@pytest.mark.parametrize(
    ("frequency", "step", "period", "season"),
    [
        ("15min", "15min", 96, 96),
        ("h", "1h", 168, 168),
        ("h", "1h", 24, 24),
        ("D", "1d", 7, 7),
        ("W", "1w", 52, 52),
        ("MS", "1mo", 12, 12),
        ("ME", "1mo", 12, 12),
    ],
)
def test_step_and_season_are_found(tmp_path: Path, frequency: str, step: str, period: int, season: int) -> None:
    found = proposed(tmp_path, sales(frequency, length=max(4 * period, 600 if frequency == "h" else 0), period=period))
    assert found.forecast and found.series is not None
    assert (str(found.series.step), found.series.season, found.series.places) == (step, season, 3)
    assert (found.series.time, found.series.place) == ("time", "shop")


def test_without_enough_of_a_season_the_last_value_is_the_naive_forecast(tmp_path: Path) -> None:
    found = proposed(tmp_path, sales("MS", length=20, period=12)).series
    assert found is not None and found.season == 1


def test_one_series_needs_no_column_that_tells_series_apart(tmp_path: Path) -> None:
    frame = sales(shops=1).drop(columns="shop").assign(weather=lambda rows: np.where(rows.index % 3, "dry", "wet"))
    found = proposed(tmp_path, frame)
    assert found.series is not None and found.series.place is None
    assert {one.name: one.kind for one in found.as_series().columns} == {
        "time": "time", "sold": "target", "weather": "not known ahead",
    }  # fmt: skip
    assert "time has a row every day: " in found.series.words


def test_a_number_of_the_shop_beside_its_name_changes_nothing(tmp_path: Path) -> None:
    frame = sales().assign(shop_id=lambda rows: rows["shop"].str[-1].astype(int))
    found = proposed(tmp_path, frame).series
    assert found is not None and found.place == "shop" and "each of 3 values of shop" in found.words


def test_gaps_and_the_repeated_hour_of_autumn_are_no_obstacle(tmp_path: Path) -> None:
    frame = sales("h", length=600, period=24)
    rows = frame.drop(index=range(100, 130))
    rows.loc[5, "shop"] = None
    found = proposed(tmp_path, pd.concat([rows, rows[60:61]])).series
    assert found is not None and (str(found.step), found.places) == ("1h", 3)


@pytest.mark.parametrize(
    "change",
    [
        lambda frame: frame.assign(time=np.random.default_rng(0).permutation(frame["time"].to_numpy())),
        lambda frame: frame.drop(columns="shop"),
        lambda frame: frame.drop(columns="time"),
        lambda frame: frame.assign(time=frame["time"] + " 00:00:00+02:00"),
        lambda frame: frame.assign(sold=np.where(frame["sold"] > 50, "many", "few")),
    ],
    ids=["times in disorder", "several rows a time", "no time", "times with an offset", "classes"],
)
def test_other_tables_are_no_forecast(tmp_path: Path, change) -> None:
    assert not proposed(tmp_path, change(sales()).assign(size=lambda rows: rows.index % 97)).forecast


def test_two_columns_that_could_tell_series_apart_are_not_clear_until_one_is_named(tmp_path: Path) -> None:
    days = pd.date_range("2022-01-01", periods=200).astype(str)
    draw = np.random.default_rng(0)
    both = pd.DataFrame({"time": np.repeat(days, 2), "till": np.tile(["a", "b"], 200), "sold": draw.uniform(0, 9, 400)})
    swapped = both.assign(
        clerk=np.where(both.index // 100 % 2 == 0, both["till"], both["till"].map({"a": "b", "b": "a"}))
    )
    assert not proposed(tmp_path, swapped).forecast
    named = proposed(tmp_path, swapped, group="clerk").series
    assert named is not None and named.place == "clerk"
