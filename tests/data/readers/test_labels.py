"""The column `labels` as people write it: what can be read in one way only is read, anything else is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.core.errors import DataError
from slipway.data.readers.labels import SEPARATORS, Labels, split


def read(*cells: str, separator: str | None = None) -> list[list[str]]:
    written = Labels.of({f"line {number}": cell for number, cell in enumerate(cells, 2)}, separator)
    found = [split(cell, written.separator) for cell in cells]
    assert written.names == tuple(sorted({name for of in found for name in of}))
    return found


@pytest.mark.parametrize(
    ("cells", "labels"),
    [
        (["bird;rain", "bird", ""], [["bird", "rain"], ["bird"], []]),
        (["bird | rain", "wind|"], [["bird", "rain"], ["wind"]]),
        (["bird,rain", "rain"], [["bird", "rain"], ["rain"]]),
        (["great owl;rain", "great owl"], [["great owl", "rain"], ["great owl"]]),
        (["bird;bird"], [["bird"]]),
        (["horse person", "person", "horse", "cat"], [["horse", "person"], ["person"], ["horse"], ["cat"]]),
        (["great owl", "robin"], [["great owl"], ["robin"]]),
        (["bird", "rain"], [["bird"], ["rain"]]),
        (["/m/05zppz,/m/09x0r"], [["/m/05zppz", "/m/09x0r"]]),
        (["", ""], [[], []]),
    ],
)
def test_a_column_that_can_be_read_in_one_way_is_read(cells: list[str], labels: list[list[str]]) -> None:
    assert read(*cells) == labels


names = st.text("abcxyz -", min_size=1).map(lambda name: " ".join(name.split())).filter(lambda name: name.strip(" -"))


@given(
    st.lists(names, min_size=2, max_size=5, unique_by=lambda name: name.casefold()).flatmap(
        lambda known: st.lists(st.lists(st.sampled_from(known), unique=True), min_size=1, max_size=8)
    ),
    st.sampled_from(SEPARATORS),
)
def test_labels_joined_by_a_separator_are_read_again(labels: list[list[str]], separator: str) -> None:
    labels.append(["one", "two"])  # otherwise the separator may not occur
    assert read(*(separator.join(of) for of in labels)) == labels


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (["bird;rain", "bird,rain"], r"has ';' \(line 2: 'bird;rain'\) and ',' \(line 3: 'bird,rain'\)"),
        (["haze primary", "clear primary"], "line 2: labels is 'haze primary', one label or several"),
        (["horse person", "horse"], "line 2: labels is 'horse person', one label or several"),
        (["['bird', 'rain']"], "line 2: labels is .* without brackets and quotes"),
        (["bird", "nan"], "line 3: labels is 'nan'; leave the cell empty"),
        (["bird;rain", "Bird"], "'Bird' and 'bird' differ in capitals or blanks only"),
    ],
)
def test_a_column_that_can_be_read_in_two_ways_is_refused_by_name(cells: list[str], said: str) -> None:
    with pytest.raises(DataError, match=said):
        read(*cells)


@pytest.mark.parametrize(
    ("cells", "separator", "labels"),
    [
        (["haze primary", "clear primary"], " ", [["haze", "primary"], ["clear", "primary"]]),
        (["crow, hooded|rain", "rain"], "|", [["crow, hooded", "rain"], ["rain"]]),
        (["a+b"], "+", [["a", "b"]]),
    ],
)
def test_a_stated_separator_decides(cells: list[str], separator: str, labels: list[list[str]]) -> None:
    assert read(*cells, separator=separator) == labels
