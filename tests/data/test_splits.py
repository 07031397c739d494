"""Splits: groups stay together, shares are kept, and data that cannot be divided is refused."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.core.config import Split
from slipway.core.errors import DataError
from slipway.data.splits import SIDES, assign

CLASSES = ["ad", "content"]


def examples(groups: list[int], labels: list[int]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "example": [f"{number:05d}" for number in range(len(groups))],
            "label": [CLASSES[label] for label in labels],
            "group": [str(group) for group in groups],
        }
    )


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 1)), min_size=40, max_size=200), st.integers(0, 5))
def test_a_group_is_never_on_two_sides(rows: list[tuple[int, int]], seed: int) -> None:
    frame = examples([group for group, _ in rows], [label for _, label in rows])
    try:
        sides = assign(frame, Split(), classes=CLASSES, seed=seed)
    except DataError:
        assert frame["group"].nunique() < 10
        return
    assert (frame.assign(side=sides).groupby("group")["side"].nunique() == 1).all()


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(1, 3)), min_size=20, max_size=60),
    st.sampled_from(["split", "fold"]),
)
def test_a_group_that_the_raw_data_divides_is_refused(rows: list[tuple[int, int]], column: str) -> None:
    """The side or fold of each example is random; groups 20 to 22 ensure that every side and fold occurs."""
    rows = rows + [(19 + own, own) for own in (1, 2, 3)]
    own = [number for _, number in rows]
    frame = examples([group for group, _ in rows], [0] * len(rows))
    frame[column] = [SIDES[number - 1] for number in own] if column == "split" else own
    split = Split() if column == "split" else Split(folds=3, fold=1)
    held = frame[column] if column == "split" else frame["fold"] == 1
    divided = held.groupby(frame["group"]).nunique()
    try:
        sides = assign(frame, split, classes=None, seed=0)
    except DataError as refused:
        first = divided.index[divided > 1]
        assert len(first) and f"group {first[0]} is on both " in str(refused)
    else:
        assert (sides.groupby(frame["group"]).nunique() == 1).all()


def test_a_divided_group_is_named_with_its_sides() -> None:
    frame = examples([0, 1, 1, 2], [0] * 4).assign(split=["val", "test", "train", "train"])
    with pytest.raises(DataError, match="group 1 is on both train and test, by the raw data's own split or fold"):
        assign(frame, Split(), classes=None, seed=0)


def test_shares_and_classes_are_kept() -> None:
    random = np.random.default_rng(1)
    groups = random.integers(0, 300, 6000)
    labels = (random.random(300) < 0.3)[groups].astype(int)
    frame = examples(groups.tolist(), labels.tolist())
    sides = assign(frame, Split(), classes=CLASSES, seed=7)
    shares = sides.value_counts(normalize=True)
    assert [shares[side] for side in SIDES] == pytest.approx([0.70, 0.15, 0.15], abs=0.01)
    by_side = (frame["label"] == "ad").groupby(sides).mean()
    assert by_side.to_numpy() == pytest.approx(np.full(3, (frame["label"] == "ad").mean()), abs=0.02)


@given(st.lists(st.tuples(st.integers(1, 20), st.integers(0, 1)), min_size=1, max_size=20), st.integers(0, 5))
def test_a_class_with_three_groups_is_on_every_side(sizes: list[tuple[int, int]], seed: int) -> None:
    """Each class has three groups of one example, and any number of other groups of any size."""
    dealt = [(1, label) for label in (0, 1) for _ in range(3)] + sizes
    rows = [(group, label) for group, (size, label) in enumerate(dealt) for _ in range(size)]
    frame = examples([group for group, _ in rows], [label for _, label in rows])
    sides = assign(frame, Split(), classes=CLASSES, seed=seed)
    assert frame.groupby(sides)["label"].nunique().to_dict() == {"train": 2, "val": 2, "test": 2}


@pytest.mark.parametrize("seed", range(5))
def test_scarce_groups_that_show_several_classes_go_where_a_class_is_lacking(seed: int) -> None:
    """Three of five videos show an advertisement; each side gets one of the three."""
    ads, contents = [1, 0, 1, 0, 5], [1, 5, 5, 1, 1]
    rows = [(video, 0) for video, n in enumerate(ads) for _ in range(n)]
    rows += [(video, 1) for video, n in enumerate(contents) for _ in range(n)]
    frame = examples([video for video, _ in rows], [label for _, label in rows])
    sides = assign(frame, Split(), classes=CLASSES, seed=seed)
    assert frame.groupby(sides)["label"].nunique().to_dict() == {"train": 2, "val": 2, "test": 2}


def test_the_same_seed_gives_the_same_split_and_another_does_not() -> None:
    frame = examples(list(range(200)), [0, 1] * 100)
    one, same, other = (assign(frame, Split(), classes=CLASSES, seed=seed) for seed in (1, 1, 2))
    assert one.equals(same)
    assert not one.equals(other)


def test_time_is_cut_oldest_first() -> None:
    frame = examples([0] * 100, [0, 1] * 50).assign(time=pd.date_range("2024-01-01", periods=100, freq="h"))
    sides = assign(frame.sample(frac=1, random_state=0), Split(by="time"), classes=None, seed=0)
    last = frame["time"].groupby(sides).max()
    first = frame["time"].groupby(sides).min()
    assert last["train"] < first["val"] <= last["val"] < first["test"]
    assert sides.value_counts().to_dict() == {"train": 70, "val": 15, "test": 15}


def test_time_is_cut_at_given_dates() -> None:
    frame = examples([0] * 100, [0, 1] * 50).assign(time=pd.date_range("2024-01-01", periods=100, freq="D"))
    split = Split(by="time", val_from="2024-03-01", test_from="2024-04-01")  # type: ignore[arg-type]
    sides = assign(frame, split, classes=None, seed=0)
    assert frame["time"].groupby(sides).min()["test"] == pd.Timestamp("2024-04-01")


def test_folds_hold_every_example_out_once() -> None:
    frame = examples([number // 4 for number in range(200)], [0, 1] * 100)
    held = [assign(frame, Split(folds=5, fold=fold), classes=CLASSES, seed=3) == "test" for fold in range(1, 6)]
    assert (np.sum(held, axis=0) == 1).all()


def test_the_raw_datas_own_folds_and_splits_are_used() -> None:
    frame = examples(list(range(10)), [0, 1] * 5).assign(fold=[1, 2, 3, 4, 5] * 2)
    assert (assign(frame, Split(folds=5, fold=2), classes=None, seed=0)[frame["fold"] == 2] == "test").all()
    own = ["train"] * 6 + ["val"] * 2 + ["test"] * 2
    assert assign(frame.assign(split=own), Split(), classes=None, seed=0).tolist() == own


def test_too_few_groups_are_refused() -> None:
    with pytest.raises(DataError, match="no example is left for val and test: 20 examples in 1 groups"):
        assign(examples([0] * 20, [0, 1] * 10), Split(), classes=CLASSES, seed=0)


def test_a_split_column_with_another_word_is_refused() -> None:
    frame = examples([0, 1, 2], [0, 1, 0]).assign(split=["train", "validation", "test"])
    with pytest.raises(DataError, match="split of 00001 is 'validation'; each must be train, val or test"):
        assign(frame, Split(), classes=CLASSES, seed=0)


def test_time_without_a_time_column_is_refused() -> None:
    with pytest.raises(DataError, match=r"split.by is time, and the examples have no time"):
        assign(examples([0, 1, 2], [0, 1, 0]), Split(by="time"), classes=CLASSES, seed=0)


def labelled(n: int, labels: int, seed: int) -> pd.DataFrame:
    """Examples in groups of three with any number of labels, of which the rarest is on a few percent."""
    random = np.random.default_rng(seed)
    has = random.random((n, labels)) < np.geomspace(0.5, 0.05, labels)
    of = [[f"l{number}" for number in np.flatnonzero(row)] for row in has]
    groups = [f"g{number // 3:04d}" for number in range(n)]
    return pd.DataFrame({"example": [f"{number:05d}" for number in range(n)], "labels": of, "group": groups}).assign(
        label=[", ".join(one) for one in of]
    )


@pytest.mark.parametrize("seed", range(3))
def test_every_label_and_the_examples_without_one_have_their_share_on_each_side(seed: int) -> None:
    frame = labelled(600, 6, seed)
    split = Split()
    sides = assign(frame, split, classes=[f"l{number}" for number in range(6)], seed=seed)
    assert (frame.assign(side=sides).groupby("group")["side"].nunique() == 1).all()
    of_each = frame["labels"].explode().fillna("none")
    table = pd.crosstab(of_each.to_numpy(), sides.loc[of_each.index].to_numpy(), normalize="index")
    assert len(table) == 7
    for side, share in (("train", split.train), ("val", split.val), ("test", split.test)):
        assert (table[side] - share).abs().max() < 0.05, table


def test_a_rare_label_is_on_every_side_though_its_examples_have_others() -> None:
    frame = labelled(300, 3, 0).assign(group=lambda one: one["example"])
    for number in (10, 100, 200):
        frame.at[number, "labels"] = [*frame.at[number, "labels"], "rare"]
    sides = assign(frame, Split(), classes=["l0", "l1", "l2", "rare"], seed=0)
    assert set(sides[[10, 100, 200]]) == set(SIDES)
