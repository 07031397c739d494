"""The proposed columns of a table."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from slipway.core.errors import DataError
from slipway.data.rows.proposal import Proposal, propose

N = 120


def table() -> pd.DataFrame:
    draw = np.random.default_rng(0)
    words = ["red", "small", "old", "quick", "green", "large", "new", "slow"]
    return pd.DataFrame(
        {
            "customer_id": np.arange(N) + 5000,
            "size": draw.normal(20, 5, N).round(2),
            "rooms": draw.integers(1, 6, N),
            "postcode": [f"0{code}" for code in draw.integers(1000, 1010, N)],
            "joined": pd.date_range("2022-01-03", periods=N).strftime("%Y-%m-%d"),
            "note": [" ".join(draw.permutation(words)[:6]) for _ in range(N)],
            "token": [f"{one:08x}" for one in draw.integers(2**31, 2**32, N)],
            "country": draw.choice(["DE", "FR", "PL"], N),
            "currency": "EUR",
            "fax": None,
            "species": draw.choice(["Adelie", "Chinstrap", "Gentoo"], N),
        }
    )


def proposed(folder: Path, frame: pd.DataFrame, target: str | None = "species", group: str | None = None) -> Proposal:
    path = folder / "table.csv"
    frame.to_csv(path, index=False)
    return propose(path, target, group)


def test_columns_are_sorted_by_what_they_hold(tmp_path: Path) -> None:
    found = proposed(tmp_path, table())
    assert {one.name: one.kind for one in found.columns} == {
        "customer_id": "id",
        "size": "numeric",
        "rooms": "numeric",
        "postcode": "categorical",
        "joined": "dates",
        "note": "text",
        "token": "id",
        "country": "categorical",
        "currency": "constant",
        "fax": "empty",
        "species": "target",
    }
    assert found.data == {
        "target": "species",
        "numeric": ["size", "rooms"],
        "dates": ["joined"],
        "categorical": ["postcode", "country"],
    }
    country = next(one for one in found.columns if one.name == "country")
    assert country.seen.startswith("3 values: ") and "DE" in country.seen


def test_a_group_column_is_no_feature(tmp_path: Path) -> None:
    found = proposed(tmp_path, table(), group="country")
    assert found.data["group"] == "country" and "country" not in found.data["categorical"]


@pytest.mark.parametrize(
    ("values", "number"),
    [
        (["a", "b", "c"], False),
        ([1, 2, 3], False),
        ([0.5, 1.5, 2.5], True),
        (range(50), True),
        (["1", "2", "x"], False),
    ],
)
def test_a_target_is_a_number_if_it_has_fractions_or_many_values(tmp_path: Path, values: list, number: bool) -> None:
    cycle = [list(values)[row % len(values)] for row in range(N)]
    assert proposed(tmp_path, table().assign(species=cycle)).numeric == number


def test_the_format_of_the_files_is_in_the_section(tmp_path: Path) -> None:
    table().to_csv(tmp_path / "table.csv", index=False, sep=";", decimal=",")
    data = propose(tmp_path, "species", None).data
    assert data["format"] == {"separator": ";", "decimal": ","} and data["numeric"] == ["size", "rooms"]


def test_parquet_files_need_no_format(tmp_path: Path) -> None:
    table().to_parquet(tmp_path / "table.parquet")
    data = propose(tmp_path, "species", None).data
    assert "format" not in data and data["numeric"] == ["size", "rooms"] and data["dates"] == ["joined"]


def test_a_column_with_the_name_of_a_target_is_the_target(tmp_path: Path) -> None:
    frame = table().rename(columns={"species": "Class"})
    assert proposed(tmp_path, frame, None).target == "Class"


def test_what_cannot_be_proposed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="name the column to predict with --target; it has customer_id, size"):
        proposed(tmp_path, table(), None)
    with pytest.raises(DataError, match="no column kind for --target; it has customer_id"):
        proposed(tmp_path, table(), "kind")
    with pytest.raises(DataError, match="no column shop for --group"):
        proposed(tmp_path, table(), "species", "shop")
    with pytest.raises(DataError, match=r"no column is left to learn from: customer_id \(id\); species \(target\)"):
        proposed(tmp_path, table()[["customer_id", "species"]])
    (tmp_path / "flats.xlsx").write_bytes(b"PK")
    with pytest.raises(DataError, match=r"flats.xlsx: not the name of a table; save it as .csv"):
        propose(tmp_path / "flats.xlsx", "price", None)
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="give tables with the same columns"):
        propose(tmp_path, "species", None)
    (tmp_path / "other.csv").write_text("a;b\n1;2\n")
    with pytest.raises(DataError, match=r"its columns are customer_id,.*and those of other\.csv are a;b"):
        propose(tmp_path, "species", None)


def test_numbers_and_dates_in_a_form_that_is_not_read_are_named_as_such(tmp_path: Path) -> None:
    days = pd.date_range("2022-01-03", periods=N)
    frame = table().assign(
        price=[f"${1000 + number:,}.50" for number in range(N)],
        rate=[f"{number % 7}%" for number in range(N)],
        short=days.strftime("%d.%m.%y"),
        long=days.strftime("%d %b %Y"),
        unclear=["01/02/2022", "03/04/2022"] * (N // 2),
    )
    seen = {one.name: one.seen for one in proposed(tmp_path, frame).columns}
    assert "if these are numbers, write them without" in seen["price"] and "if these are numbers" in seen["rate"]
    assert "if these are dates, write them as 2024-03-01" in seen["short"] and "if these are dates" in seen["long"]
    assert "set data.format.dates to what they begin with, day or month" in seen["unclear"]
    assert not any(";" in seen[name] for name in ("customer_id", "postcode", "note", "token", "country"))
