"""Which arm a unit gets."""

import hashlib
import json
from collections import Counter
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from slipway.experiments.assignment import (
    LINE,
    Assignment,
    Range,
    Split,
    check_widening,
    experiment,
    percent,
    rollout,
)

VECTORS = json.loads((Path(__file__).resolve().parents[2] / "docs" / "assignment.json").read_text(encoding="utf-8"))
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)
UNITS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
PERCENT = st.decimals(0, 100, places=2)


@st.composite
def allocations(draw: st.DrawFn) -> dict[str, Fraction]:
    """Two to five arms whose percentages sum to 100."""
    parts = draw(st.lists(st.integers(1, 1000), min_size=2, max_size=5))
    return {f"arm-{index}": Fraction(100 * part, sum(parts)) for index, part in enumerate(parts)}


def test_a_point_is_the_first_8_bytes_of_sha_256_of_salt_nul_and_unit() -> None:
    digest = hashlib.sha256(b"salt\0unit").hexdigest()
    assert Split("salt", ()).point("unit") == int(digest[:16], 16)


@pytest.mark.parametrize("split", VECTORS["splits"], ids=lambda split: split["name"])
def test_the_vectors_for_other_clients(split: dict) -> None:
    made = Split(
        split["salt"],
        tuple(Range(one["name"], percent(one["start"]), percent(one["width"])) for one in split["ranges"]),
    )
    for one in split["units"]:
        assert hashlib.sha256(f"{split['salt']}\0{one['unit']}".encode()).hexdigest().startswith(one["point"])
        assert f"{made.point(one['unit']):016x}" == one["point"]
        assert made.of(one["unit"]) == one["of"]


def test_the_vectors_have_every_case_that_another_client_may_get_wrong() -> None:
    units = [one for split in VECTORS["splits"] for one in split["units"]]
    assert any(not one["unit"].isascii() for one in units)
    assert any(one["unit"] == "" for one in units)
    assert any("\0" in one["unit"] for one in units)
    assert any(one["of"] is None for one in units)
    assert any(int(one["point"], 16) > 2**63 for one in units)
    assert len({one["of"] for one in units}) >= 5


@given(TEXT, UNITS, allocations(), st.lists(PERCENT, min_size=2, max_size=4).map(sorted))
def test_a_wider_experiment_moves_nobody_between_arms_or_out(salt, unit, allocation, shares) -> None:
    splits = [experiment(salt, allocation, share) for share in shares]
    for narrow, wide in pairwise(splits):
        check_widening(narrow, wide)
        assert narrow.of(unit) in (None, wide.of(unit))


@given(TEXT, UNITS, st.lists(PERCENT, min_size=2, max_size=6).map(sorted))
def test_a_wider_rollout_moves_units_to_the_canary_and_none_back(salt, unit, shares) -> None:
    arms = [rollout(salt, share).of(unit) for share in shares]
    assert arms == sorted(arms, key=lambda arm: arm is not None)


@given(TEXT, UNITS, allocations())
def test_at_a_share_of_100_percent_every_unit_has_an_arm(salt: str, unit: str, allocation: dict[str, Fraction]) -> None:
    assert experiment(salt, allocation).of(unit) in allocation


@given(TEXT, UNITS)
def test_ends_of_the_line(salt: str, unit: str) -> None:
    assert rollout(salt, 0).of(unit) is None
    assert rollout(salt, 100).of(unit) == "canary"


def test_ranges_hold_their_start_and_not_their_end() -> None:
    point = Split("salt", ()).point("unit")
    at, after = Fraction(100 * point, LINE), Fraction(100 * (point + 1), LINE)
    assert Split("salt", (Range("from", at, after - at),)).of("unit") == "from"
    assert Split("salt", (Range("before", Fraction(0), at), Range("after", after, Fraction(1, 100)))).of("unit") is None


def test_arms_get_their_shares_and_experiments_are_independent() -> None:
    """40,000 units; two experiments of one layer exclude each other, and of two layers they are independent."""
    layers = [
        Split(f"layer-{number}", (Range("one", percent(0), percent(40)), Range("two", percent(40), percent(60))))
        for number in range(2)
    ]
    allocation = {"control": 50, "small": 10, "large": 40}
    same = [Assignment(name, experiment(f"salt-{name}", allocation), layers[0]) for name in ("one", "two")]
    other = Assignment("two", experiment("salt-other", allocation), layers[1])
    seen: Counter[tuple[str | None, ...]] = Counter(
        tuple(one.arm(f"user-{number}") for one in (*same, other)) for number in range(40_000)
    )
    assert sum(count for (one, two, _), count in seen.items() if one and two) == 0
    assert sum(count for (one, two, _), count in seen.items() if one or two) == 40_000
    arms = Counter[str]()
    table: dict[tuple[str, str], int] = {}
    for (one, two, third), count in seen.items():
        arms[one or f"of two: {two}"] += count
        table[one or f"of two: {two}", third or "none"] = (
            table.get((one or f"of two: {two}", third or "none"), 0) + count
        )
    expected = [0.4 * share / 100 * 40_000 for share in allocation.values()]
    assert stats.chisquare([arms[name] for name in allocation], expected, sum_check=False).pvalue > 0.001
    rows, columns = sorted({row for row, _ in table}), sorted({column for _, column in table})
    assert (len(rows), len(columns)) == (6, 4)
    assert stats.chi2_contingency([[table[row, column] for column in columns] for row in rows]).pvalue > 0.001


def test_units_that_have_the_same_point_in_the_layer_are_drawn_anew_for_the_arms() -> None:
    """With one salt for both, the first 10 % of the layer would all be in the first arm."""
    layer = Split("layer", (Range("one", percent(0), percent(10)),))
    arms = Assignment("one", experiment("salt", {"control": 50, "treatment": 50}), layer)
    counts = Counter(arms.arm(f"user-{number}") for number in range(20_000))
    assert counts[None] == pytest.approx(18_000, abs=200)
    assert counts["control"] == pytest.approx(1_000, abs=150)
    assert counts["treatment"] == pytest.approx(1_000, abs=150)
    with pytest.raises(ValueError, match="one has the salt of its layer"):
        Assignment("one", experiment("layer", {"control": 50, "treatment": 50}), layer)
    with pytest.raises(ValueError, match="the layer has no range for three"):
        Assignment("three", experiment("salt", {"control": 50, "treatment": 50}), layer)


@pytest.mark.parametrize(
    ("after", "message"),
    [
        (experiment("other", {"a": 50, "b": 50}, 20), "the salt differs"),
        (experiment("salt", {"a": 60, "b": 40}, 20), "b started at 50 % and now starts at 60 %"),
        (experiment("salt", {"a": 50, "b": 50}, 10), "a ended at 10 % and now ends at 5 %"),
        (experiment("salt", {"a": 50, "c": 50}, 20), "b has no range any more"),
    ],
)
def test_a_change_that_would_move_units_is_refused(after: Split, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_widening(experiment("salt", {"a": 50, "b": 50}, 20), after)


def test_percentages_are_taken_as_they_are_written() -> None:
    assert percent(33.3) == Fraction(333, 10)
    assert percent("1/3") + percent("2/3") == 1
    thirds = {"a": "33.3", "b": 33.3, "c": "33.4"}
    assert [one.start for one in experiment("salt", thirds).ranges] == [0, Fraction("33.3"), Fraction("66.6")]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: experiment("salt", {"a": 50, "b": 49}), "sums to 99 %, not 100 %"),
        (lambda: experiment("salt", {"a": 110, "b": -10}), "110 % is not between 0 and 100 %"),
        (lambda: experiment("salt", {"a": 100}, "many"), "'many' is not a percentage"),
        (lambda: percent(float("nan")), "nan is not a percentage"),
        (lambda: percent("1/0"), "'1/0' is not a percentage"),
        (lambda: rollout("", 5), "a salt is not empty"),
        (lambda: rollout("a\0b", 5), "a salt is not empty and has no NUL"),
        (
            lambda: Split("s", (Range("a", percent(0), percent(50)), Range("b", percent(40), percent(5)))),
            "ends at 50 %",
        ),
        (lambda: Split("s", (Range("a", percent(0), percent(5)), Range("a", percent(40), percent(5)))), "two ranges"),
        (lambda: Split("s", (Range("a", percent(60), percent(50)),)), "from 60 to 110 %"),
    ],
)
def test_what_is_no_split_is_refused(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_a_unit_that_is_no_text_is_refused() -> None:
    with pytest.raises(ValueError, match="surrogates not allowed"):
        rollout("salt", 50).of("\ud800")
