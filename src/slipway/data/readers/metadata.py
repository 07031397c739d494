"""metadata.csv: what is known of the files of a raw folder beside their place in it.

Columns: `path` (relative to the raw folder) and any of `label`, `group`, `split` and `fold`. Spellings that can only
mean one thing are taken as that: `Group`, blanks around names and values, a BOM, `;` or tabs between fields, `\\` or
`./` in paths, one folder in front of all paths, upper and lower case, composed or decomposed accents. What may mean a
column that is read is refused by name.
"""

import csv
import posixpath
import re
import unicodedata
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from io import StringIO
from pathlib import Path

import pandas as pd

from slipway.core.errors import DataError
from slipway.data.readers.sides import side_of

METADATA = "metadata.csv"
COLUMNS = ("path", "label", "group", "split", "fold")
_DELIMITERS = ",;\t|"
_TELLING = ("group", "split", "fold")
"""Columns that decide on the split: one that is nearly called so is refused, not passed over."""
_CLOSE = 0.8


@dataclass(frozen=True)
class Metadata:
    """`rows`: those of `COLUMNS` that the file has, as text without blanks around it (`path` as it stands), and `line`.

    `notes`: what of the file is not read.
    """

    rows: pd.DataFrame
    notes: list[str]


def read(path: Path) -> Metadata:
    """The table.

    Raises:
        DataError: it is no text in UTF-8 or UTF-16, a line has another number of fields than the header, there is no
            column `path`, a column stands twice or nearly has the name of one that is read.
    """
    text = _text(path)
    first, _, rest = text.partition("\n")
    told = re.fullmatch("sep=(.)\r?", first, re.IGNORECASE)
    start = 2 if told else 1
    text = rest if told else text
    lines = _lines(path, text, told[1] if told else _delimiter(text), start)
    if not lines:
        raise DataError(f"{path}: it is empty; the first line names the columns, one of them path")
    (_, header), *records = lines
    names = [_plain(name).casefold() for name in header]
    if "path" not in names:
        raise DataError(f"{path}: no column path; found {', '.join(name.strip() for name in header)}")
    for name in COLUMNS:
        if names.count(name) > 1:
            raise DataError(f"{path}: {names.count(name)} columns are called {name}; keep one")
    columns = {name: [record[at] for _, record in records] for at, name in enumerate(names)}
    for at, name in enumerate(names):
        if name not in COLUMNS:
            _refuse_near_miss(path, header[at].strip(), [record[at] for _, record in records], names)
    rows = pd.DataFrame({name: columns[name] for name in COLUMNS if name in columns}, dtype="str")
    rows = rows.apply(lambda column: column if column.name == "path" else column.map(_plain))
    rows = rows.assign(line=pd.Series([line for line, _ in records], dtype="int64"))
    unread = [
        _plain(name) or "one without a name"
        for at, name in enumerate(header)
        if names[at] not in COLUMNS and (names[at] or any(record[at].strip() for _, record in records))
    ]
    notes = [f"{METADATA}: columns that are not read: {', '.join(unread)}"] if unread else []
    return Metadata(rows, notes)


def files_of(paths: Sequence[str], known: Collection[str]) -> list[str | None]:
    """The file that each path means, of those that are known; None where it is none of them, or could be several.

    A folder that stands in front of every path (`/home/me/pictures/`) is left out.
    """
    ways: list[Callable[[str], str]] = [str, _normal, lambda path: _normal(path).casefold()]
    by_way = [_unique(known, way) for way in ways]

    def find(path: str) -> str | None:
        return next((file for way, files in zip(ways, by_way, strict=True) if (file := files.get(way(path)))), None)

    found = [find(path) for path in paths]
    if any(found):
        return found
    prefixes = {prefix for path in paths if (prefix := _prefix(path, find)) is not None}
    if len(prefixes) != 1:
        return found
    (prefix,) = prefixes
    return [find(_normal(path).removeprefix(prefix)) if _normal(path).startswith(prefix) else None for path in paths]


def same(one: str, other: str) -> bool:
    """Whether two names are the same word, whatever the form of their accents and the blanks around them."""
    return _plain(one) == _plain(other)


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
        encoding = "utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not text in UTF-8 ({error.reason} at byte {error.start}); save it as CSV UTF-8")
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})")


def _delimiter(text: str) -> str:
    """The one that parts the header so that a column is called path."""
    header = text.partition("\n")[0].casefold().replace('"', "")
    return max(_DELIMITERS, key=lambda one: ("path" in map(_plain, header.split(one)), header.count(one)))


def _lines(path: Path, text: str, delimiter: str, start: int) -> list[tuple[int, list[str]]]:
    """The fields of each line that has any, with its number; all as many as the header's."""
    header = text.partition("\n")[0]
    spaced = f"{delimiter} " in header  # then blanks stand before quotes too
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=spaced, strict=True)
    lines: list[tuple[int, list[str]]] = []
    try:
        for fields in reader:
            if not any(field.strip() for field in fields):
                continue
            number = start + reader.line_num - 1
            if lines and len(fields) != len(lines[0][1]):
                raise DataError(
                    f"{path}, line {number}: {len(fields)} fields, and the header names {len(lines[0][1])} columns; "
                    'mend the line (a field that holds the separator stands in "quotes")'
                )
            lines.append((number, fields))
    except csv.Error as error:
        raise DataError(f"{path}, line {start + reader.line_num - 1}: not a table of separated values ({error})")
    return lines


def _refuse_near_miss(path: Path, name: str, values: list[str], names: Sequence[str]) -> None:
    """Refuse a column that is not read and may be meant for one that is."""
    words = re.findall("[a-z]+", name.casefold())
    for known in _TELLING:
        if known in names:
            continue
        close = any(
            word in (known, f"{known}s") or (known != "fold" and SequenceMatcher(None, word, known).ratio() >= _CLOSE)
            for word in words
        )
        if close:
            raise DataError(f"{path}: no column is called {name!r}; call it {known} if it is that, else something else")
    sides = {side_of(value) for value in values if value.strip()}
    if "split" not in names and None not in sides and len(sides) > 1:
        raise DataError(f"{path}: column {name!r} holds {', '.join(sorted(map(str, sides)))}; call it split")


def _unique(known: Collection[str], way: Callable[[str], str]) -> dict[str, str | None]:
    """Files by a way of writing them; None where several are written alike."""
    files: dict[str, str | None] = {}
    for file in known:
        files[way(file)] = None if way(file) in files else file
    return files


def _prefix(path: str, find: Callable[[str], str | None]) -> str | None:
    """What stands in front of the part of `path` that is a known file."""
    parts = _normal(path).split("/")
    for cut in range(1, len(parts)):
        if find("/".join(parts[cut:])):
            return "/".join(parts[:cut]) + "/"
    return None


def _normal(path: str) -> str:
    """A path without what does not change its meaning."""
    parts = posixpath.normpath(_plain(path).replace("\\", "/")).split("/")
    return "/".join(part.strip() for part in parts)


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text.strip())
