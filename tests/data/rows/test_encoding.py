"""Which categories of a column are learnt, by the number of training rows."""

import numpy as np
import pandas as pd
import pytest

from slipway.data.rows.encoding import vocabulary


def learnt(rows: int, most: int, rare: int | None = None) -> list[int]:
    """The sizes of the categories that are learnt, of those with 1 to `most` of the rows; all other rows have one."""
    names = [f"{size}" for size in range(1, most + 1) for _ in range(size)]
    values = pd.Series(names + ["common"] * (rows - len(names)))
    found = vocabulary(values, {"positive": np.zeros(rows)}, 20.0, rare, 0.01)["names"]
    return sorted(int(name) for name in found if name != "common")


@pytest.mark.parametrize(("rows", "least"), [(100, 2), (179, 2), (180, 3), (240, 4), (599, 9), (600, 10), (50_000, 10)])
def test_a_category_is_learnt_from_a_sixtieth_of_the_rows_but_from_2_to_10(rows: int, least: int) -> None:
    assert learnt(rows, 12) == list(range(least, 13))


def test_the_least_number_of_rows_can_be_set() -> None:
    assert learnt(100, 12, rare=1) == list(range(1, 13))
    assert learnt(50_000, 12, rare=12) == [12]
