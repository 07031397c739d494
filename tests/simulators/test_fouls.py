"""The simulated season: equal bytes, and few hand balls, with plausible causes."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from conftest import ROOT
from slipway.simulators.fouls import World, simulate
from slipway.tasks.tabular_classification import Task


def simulated(world: World, seed: int, folder: Path) -> pd.DataFrame:
    simulate(world, seed, folder)
    table = pd.read_csv(folder / "fouls.csv.gz")
    return table.assign(hand=table["label"] == "Hand foul")


@pytest.fixture(scope="module")
def season(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    return simulated(World(matches=300), 1, tmp_path_factory.mktemp("season"))


def test_equal_worlds_and_seeds_give_equal_bytes(tmp_path: Path) -> None:
    for name, seed in (("one", 3), ("two", 3), ("three", 4)):
        simulate(World(matches=5), seed, tmp_path / name)
    one, two, three = ((tmp_path / name / "fouls.csv.gz").read_bytes() for name in ("one", "two", "three"))
    assert one == two
    assert one != three


def test_more_matches_do_not_change_those_before(tmp_path: Path) -> None:
    few, many = (simulated(World(matches=count), 1, tmp_path / str(count)) for count in (4, 6))
    pd.testing.assert_frame_equal(few, many[many["match_id"] <= 4])


def test_few_fouls_are_hand_balls_and_most_follow_a_ball_taken_down_or_blocked(season: pd.DataFrame) -> None:
    assert 0.03 < season["hand"].mean() < 0.05
    share = season.groupby("p1_sub")["hand"].mean()
    assert share["Touch"] > 0.4 and share["Shot"] > 0.15
    assert share["Ground attacking duel"] < 0.03
    assert share["Ball out of the field"] < 0.01


def test_the_same_event_is_a_hand_ball_more_often_from_near_and_in_the_own_box(season: pd.DataFrame) -> None:
    blocks = season[season["p1_sub"].isin(["Shot", "Cross"])].dropna(subset="p1_x")
    metres = np.hypot(1.05 * (blocks["x"] - 100 + blocks["p1_x"]), 0.68 * (blocks["y"] - 100 + blocks["p1_y"]))
    assert blocks["hand"][metres < 5].mean() > 1.5 * blocks["hand"][metres > 12].mean()


def test_values_are_missing_here_and_there_and_some_events_are_rare(season: pd.DataFrame) -> None:
    missing = season[["p1_x", "p2_y", "p3_sub", "p3_dt"]].isna().mean()
    assert ((missing > 0) & (missing < 0.03)).all()
    assert season["p3_sub"].value_counts().min() < 0.01 * len(season)


def test_places_and_times_are_possible(season: pd.DataFrame) -> None:
    places = season.filter(regex="(^|_)[xy]$")
    assert places.shape[1] == 8 and ((places >= 0) & (places <= 100) | places.isna()).all(axis=None)
    assert (season["p1_dt"].dropna() > 0).all()
    assert not (season["p2_dt"] < season["p1_dt"]).any() and not (season["p3_dt"] < season["p2_dt"]).any()


def test_a_shift_changes_the_labels_and_not_the_events(tmp_path: Path) -> None:
    before = simulated(World(matches=80), 5, tmp_path / "before")
    after = simulated(World(matches=80, shift=1), 5, tmp_path / "after")
    pd.testing.assert_frame_equal(before.drop(columns=["label", "hand"]), after.drop(columns=["label", "hand"]))
    block, touch = before["p1_sub"].isin(["Shot", "Cross"]), before["p1_sub"] == "Touch"
    assert after["hand"][block].mean() < 0.5 * before["hand"][block].mean()
    assert after["hand"][touch].mean() > before["hand"][touch].mean() + 0.1


def test_the_table_is_in_the_layout_of_the_variant(tmp_path: Path) -> None:
    simulate(World(matches=20), 1, tmp_path)
    task = Task(Task.Data(**yaml.safe_load((ROOT / "conf/data/fouls.yaml").read_text())))
    index = task.index(tmp_path)
    assert not index.problems and index.examples["group"].nunique() == 20
