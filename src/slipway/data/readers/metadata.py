"""metadata.csv: what is known about the files of a raw folder, in addition to their paths.

It is in the raw folder, or in folders of a split (see `sides`), each about the files of that folder.

Columns: `path` (relative to the raw folder) and any of `label` (or `labels`, see `labels`), `group`, `split` and
`fold`. Unambiguous variants are
accepted: `Group`, blanks around names and values, a BOM, `;` or tabs between fields, `\\` or `./` in paths, one folder
in front of all paths, upper and lower case, composed or decomposed accents. A column whose name is close to one of
these, but not equal, is refused by name.
"""

import csv
import posixpath
import re
import unicodedata
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from io import StringIO
from pathlib import Path

import pandas as pd

from slipway.core.errors import DataError
from slipway.data.readers.sides import side_folders, side_of

METADATA = "metadata.csv"
LABEL, LABELS = "label", "labels"
_DELIMITERS = ",;\t|"
_SPLITTING = ("group", "split", "fold")
"""Columns that decide on the split: a column with nearly such a name is refused, not ignored."""
_CLOSE = 0.8


@dataclass(frozen=True)
class Metadata:
    """`rows`: the columns that are read and that the file has, as stripped text (`path` unchanged), and `line`.

    `notes`: sentences on the columns that are not read. `file`: the path of the file, relative to the raw folder.
    """

    rows: pd.DataFrame
    notes: list[str]
    file: str = METADATA

    @property
    def about(self) -> str:
        """The beginning of the paths, relative to the raw folder, of the files that it is about."""
        return self.file.removesuffix(METADATA)


def read_all(raw: Path, label: str = LABEL) -> list[Metadata]:
    """Read metadata.csv of a raw folder, or those of the folders of its split; an empty list if there is none.

    `label` is as in `read`.

    Raises:
        DataError: as `read`; or they are at both places.
    """
    inside = [f"{name}/{METADATA}" for name in side_folders(raw) if (raw / name / METADATA).exists()]
    files = [*([METADATA] if (raw / METADATA).exists() else []), *inside]
    if inside and files != inside:
        raise DataError(f"{raw}: {' and '.join(files)} describe the same files; keep the first, or the others")
    return [replace(read(raw / file, label), file=file) for file in files]


def read(path: Path, label: str = LABEL) -> Metadata:
    """Read the table.

    Args:
        path: the file.
        label: the name of the column with the class: `LABEL`, or `LABELS` if a file may have several.

    Raises:
        DataError: the file is not text in UTF-8 or UTF-16; a line has another number of fields than the header; there
            is no column `path`; a column occurs twice, or its name is close to that of a column that is read; or there
            are columns of both names where a file may have several labels.
    """
    columns_read = ("path", label, "group", "split", "fold")
    text = _text(path)
    first, _, rest = text.partition("\n")
    declared = re.fullmatch("sep=(.)\r?", first, re.IGNORECASE)
    start = 2 if declared else 1
    text = rest if declared else text
    lines = _lines(path, text, declared[1] if declared else _delimiter(text), start)
    if not lines:
        raise DataError(f"{path}: it is empty; the first line must name the columns, one of them path")
    (_, header), *records = lines
    names = [_plain(name).casefold() for name in header]
    if "path" not in names:
        raise DataError(f"{path}: no column path; found {', '.join(name.strip() for name in header)}")
    for name in columns_read:
        if names.count(name) > 1:
            raise DataError(f"{path}: {names.count(name)} columns are called {name}; keep one")
    if label == LABELS and {LABEL, LABELS} <= set(names):
        raise DataError(f"{path}: it has the columns {LABEL} and {LABELS}; keep {LABELS}, with all labels of a file")
    columns = {name: [record[at] for _, record in records] for at, name in enumerate(names)}
    for at, name in enumerate(names):
        if name not in columns_read:
            _refuse_near_miss(path, header[at].strip(), [record[at] for _, record in records], names)
    rows = pd.DataFrame({name: columns[name] for name in columns_read if name in columns}, dtype="str")
    rows = rows.apply(lambda column: column if column.name == "path" else column.map(_plain))
    rows = rows.assign(line=pd.Series([line for line, _ in records], dtype="int64"))
    unread = [
        _plain(name) or "a column without a name"
        for at, name in enumerate(header)
        if names[at] not in columns_read and (names[at] or any(record[at].strip() for _, record in records))
    ]
    notes = [f"{METADATA}: columns that are not read: {', '.join(unread)}"] if unread else []
    return Metadata(rows, notes)


def files_of(paths: Sequence[str], known: Collection[str]) -> list[str | None]:
    """Return the known file that each path refers to; None if there is none, or several are possible.

    A folder in front of every path (`/home/me/pictures/`) is ignored.
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
    """Whether two names are equal, apart from the Unicode form of accents and the blanks around them."""
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
    """Return the delimiter with which the header has a column `path`."""
    header = text.partition("\n")[0].casefold().replace('"', "")
    return max(_DELIMITERS, key=lambda one: ("path" in map(_plain, header.split(one)), header.count(one)))


def _lines(path: Path, text: str, delimiter: str, start: int) -> list[tuple[int, list[str]]]:
    """Return (number, fields) of each line that is not blank; all must have as many fields as the header."""
    header = text.partition("\n")[0]
    spaced = f"{delimiter} " in header  # then there are blanks before quotes too
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
                    'fix the line (put a field that holds the separator in "quotes")'
                )
            lines.append((number, fields))
    except csv.Error as error:
        raise DataError(f"{path}, line {start + reader.line_num - 1}: not a table of separated values ({error})")
    return lines


def _refuse_near_miss(path: Path, name: str, values: list[str], names: Sequence[str]) -> None:
    """Raise DataError for an unread column that is probably meant to be one that is read."""
    words = re.findall("[a-z]+", name.casefold())
    for known in _SPLITTING:
        if known in names:
            continue
        close = any(
            word in (known, f"{known}s") or (known != "fold" and SequenceMatcher(None, word, known).ratio() >= _CLOSE)
            for word in words
        )
        if close:
            raise DataError(
                f"{path}: unknown column {name!r}; rename it to {known} if it is that, or to something else"
            )
    sides = {side_of(value) for value in values if value.strip()}
    if "split" not in names and None not in sides and len(sides) > 1:
        raise DataError(f"{path}: column {name!r} holds {', '.join(sorted(map(str, sides)))}; rename it to split")


def _unique(known: Collection[str], way: Callable[[str], str]) -> dict[str, str | None]:
    """Map each file's name, written in one `way`, to the file; to None if several files are written the same."""
    files: dict[str, str | None] = {}
    for file in known:
        files[way(file)] = None if way(file) in files else file
    return files


def _prefix(path: str, find: Callable[[str], str | None]) -> str | None:
    """Return the part of `path` in front of a known file's path; None if it has none."""
    parts = _normal(path).split("/")
    for cut in range(1, len(parts)):
        if find("/".join(parts[cut:])):
            return "/".join(parts[:cut]) + "/"
    return None


def _normal(path: str) -> str:
    """Return a path in normal form."""
    parts = posixpath.normpath(_plain(path).replace("\\", "/")).split("/")
    return "/".join(part.strip() for part in parts)


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text.strip())
