"""The column `labels` of metadata.csv: the labels of each file, any number of them in one cell.

The labels of a cell are separated by `;`, `|` or `,` (a cell with commas is in "quotes" in a CSV file with commas), or
by blanks. An empty cell means that a file has no label. The separator is found in the column if `data.separator` does
not state it, and a column that can be read in two ways is refused:

- two of `;`, `|` and `,` occur in it;
- no such separator occurs, and some cells consist of words. If each of the words is a cell of its own elsewhere, blanks
  separate the labels; if no word occurs in two different cells, such a cell is one label; otherwise it is refused.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from slipway.core.errors import DataError

SEPARATORS = (";", "|", ",")
_NOTHING = frozenset({"none", "nan", "null", "n/a", "na", "-", "?"})
_LISTED = ("[", "{", "(", "'", '"')


@dataclass(frozen=True)
class Labels:
    """How a column is written: the separator, None if no cell has two labels, and all labels in alphabetical order."""

    separator: str | None
    names: tuple[str, ...]

    @classmethod
    def of(cls, cells: Mapping[str, str], separator: str | None) -> "Labels":
        """Return how a column is written.

        Args:
            cells: the text of each cell, by its place for messages.
            separator: the separator, if it is known.

        Raises:
            DataError: a cell is not a list of labels, or the column can be read in two ways.
        """
        for place, text in cells.items():
            if text.startswith(_LISTED):
                raise DataError(f"{place}: labels is {text!r}; write the labels without brackets and quotes: a;b")
            if text.casefold() in _NOTHING:
                raise DataError(f"{place}: labels is {text!r}; leave the cell empty if the file has no label")
        if separator is None:
            separator = _separator(cells)
        names = sorted({name for text in cells.values() for name in split(text, separator)})
        spellings: dict[str, str] = {}
        for name in names:
            other = spellings.setdefault(" ".join(name.casefold().split()), name)
            if other != name:
                raise DataError(f"labels {other!r} and {name!r} differ in capitals or blanks only; write both the same")
        return cls(separator, tuple(names))


def split(text: str, separator: str | None) -> list[str]:
    """Return the different labels of a cell, in its order."""
    parts = [text] if separator is None else text.split(separator)
    return list(dict.fromkeys(name for part in parts if (name := part.strip())))


def _separator(cells: Mapping[str, str]) -> str | None:
    """Return the separator of a column, None if no cell has two labels.

    Raises:
        DataError: there are two possible ones.
    """
    found = {one: _first(cells, one) for one in SEPARATORS if any(one in text for text in cells.values())}
    if len(found) > 1:
        seen = " and ".join(f"{one!r} ({place}: {cells[place]!r})" for one, place in found.items())
        raise DataError(f"the column labels has {seen}; separate labels by one of them, or state data.separator")
    if found:
        return next(iter(found))
    whole = {" ".join(text.split()) for text in cells.values()}
    words = Counter(word for text in whole if " " in text for word in dict.fromkeys(text.split()))
    if not words:
        return None
    if words.keys() <= whole:
        return " "
    if max(words.values()) == 1 and not words.keys() & whole:
        return None
    place = _first(cells, " ")
    raise DataError(
        f"{place}: labels is {cells[place]!r}, one label or several; separate labels by ';', or state data.separator "
        "(' ' if blanks separate them)"
    )


def _first(cells: Mapping[str, str], separator: str) -> str:
    return next(place for place, text in cells.items() if separator in text)
