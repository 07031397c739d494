"""Other libraries say the same: oracles.json has what they said, and write_oracles.py asks them."""

from typing import Any

import pytest

from oracles import COMPARED, RECORDED


@pytest.mark.parametrize(
    ("library", "case"),
    [
        pytest.param(library, case, id=f"{library} {number}")
        for library in COMPARED
        for number, case in enumerate(RECORDED[library]["cases"])
    ],
)
def test_every_figure_is_that_of_the_other_library(library: str, case: dict[str, Any]) -> None:
    pairs = list(COMPARED[library](case))
    assert len(pairs) >= 6
    for name, ours, theirs in pairs:
        assert ours == pytest.approx(theirs, rel=1e-9, abs=1e-9), name
