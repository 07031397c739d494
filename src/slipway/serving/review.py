"""The folder of a variant with captured examples for people to label, such as data/review/shot.

    2027-01-31-v1.2.0/          a batch: the captures of a day (UTC) and version, in the raw layout of the variant
        metadata.csv
        6a1f...d0.png           named by the SHA-256 of its bytes, so it is there once
    2027-01-31-v1.2.0.jsonl     a record for each captured example

One process at a time writes, by a lock. A record is what makes a capture count: before it come the lines of the table,
after it the files get their names. What a process that was killed began is finished or removed by the next one
(`tidy`), by the sizes in the last record. Nothing else that is in a batch is changed.

There is room for a stated number of bytes. The oldest day makes room for a new capture, and what a day has no room for
is left out. Captures that are not of the sample fill at most half of it, so that a model that is unsure of everything
leaves room for the sample.
"""

import hashlib
import logging
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import orjson
from filelock import FileLock

from slipway.core import atomic
from slipway.core.errors import DataError
from slipway.serving.raw_layout import TABLES, RawLayout

Fate = Literal["kept", "full", "unfit"]
"""What became of a capture: it is there, there is no room for it, or the layout cannot hold it."""
WAIT = 10.0
"""The most seconds in which the lock must come free."""
_TAIL = 1 << 14
"""The bytes at the end of the records that are read first."""
_BATCH = re.compile(r"(\d{4}-\d{2}-\d{2})-.+")
_IGNORE = "# What callers sent: never a part of the repository.\n*\n"
_FORM = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z
logger = logging.getLogger("slipway.serving")


@dataclass(frozen=True)
class Captured:
    """An example that was predicted.

    `example` is its number in the request, from 1, and `given` what the caller sent: a row, the bytes of a file, or
    these with the box of a person. `unit` is the name of who asked in logs. `sampled` says that the request was drawn,
    `unsure` that the `confidence` is low; this is None where a prediction has none.
    """

    time: datetime
    request_id: str
    example: int
    model: str
    model_version: str
    unit: str | None
    sampled: bool
    unsure: bool
    confidence: float | None
    prediction: Any
    given: Any

    @property
    def key(self) -> str:
        """The name of the capture in the table of its batch."""
        return f"{self.request_id}/{self.example}"


_RECORDED = tuple(one.name for one in fields(Captured) if one.name != "given")


def begin(root: Path) -> None:
    """Make the folder for those of all variants; only its owner can read it, and Git ignores it.

    Raises:
        OSError: it cannot be made.
    """
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (root / ".gitignore").exists():
        atomic.write_text(root / ".gitignore", _IGNORE)


@dataclass(frozen=True)
class _Written:
    """What a batch has: the bytes of files and table, and how many of them are not of the sample.

    `line` and `digest` are the length and the SHA-256 of the last line of the table. Each record has these values after
    it was written, so the last record says all.
    """

    files: int
    table: int
    unsampled: int
    line: int
    digest: str

    @classmethod
    def begun(cls, header: bytes) -> "_Written":
        """Return what a batch has whose table has a header only."""
        return cls(0, len(header), 0, len(header), _digest(header))

    def and_then(self, line: bytes, content: bytes, *, sampled: bool) -> "_Written":
        """Return what there is with another line (or none) and another file (or none)."""
        unsampled = self.unsampled + (0 if sampled else len(line) + len(content))
        last = (len(line), _digest(line)) if line else (self.line, self.digest)
        return _Written(self.files + len(content), self.table + len(line), unsampled, *last)


@dataclass(frozen=True)
class _Staged:
    """A capture that can be written: its line and record, its file if that is not there, and what there is with it."""

    line: bytes
    record: bytes
    path: str | None
    content: bytes
    after: _Written

    @property
    def size(self) -> int:
        """The bytes that it takes."""
        return len(self.line) + len(self.record) + len(self.content)


@dataclass(frozen=True)
class _Held:
    """The bytes that a batch takes, and of these the bytes that are not of the sample."""

    size: int
    unsampled: int


class ReviewFolder:
    """The folder of a variant, with room for `most` bytes."""

    def __init__(self, path: Path, most: int) -> None:
        self._path = path
        self._most = most
        self._full = date.min
        self._sizes: dict[str, tuple[int, bool, _Held]] = {}

    def keep(self, layout: RawLayout, captures: Sequence[Captured]) -> list[Fate]:
        """Write the captures of a request, and return what became of each.

        Args:
            layout: the raw layout of the version.
            captures: at least one, all of one version and day.

        Raises:
            OSError: they cannot be written. Those that are not there are not there in part either.
            DataError: the batch was changed so that it cannot be continued.
        """
        name = f"{captures[0].time.date().isoformat()}-{captures[0].model_version}"
        with self._alone():
            batch = _Batch(self._path, name, layout)
            others = {other: self._held(other) for other in self._names() if other != name}
            fates = [self._add(batch, others, one) for one in captures]
            batch.write()
            return fates

    def tidy(self, today: date, days: int) -> None:
        """Finish or remove what a killed process began, and remove the captures of all but the last `days` days.

        Raises:
            OSError: something cannot be removed.
        """
        with self._alone():
            for path in self._path.glob(".*.tmp"):  # removed in part
                shutil.rmtree(path)
            oldest = (today - timedelta(days - 1)).isoformat()
            for name in self._names():
                if name < oldest:
                    self._remove(name)
            for name in self._names():
                _mend(self._path, name)

    def _add(self, batch: "_Batch", others: "dict[str, _Held]", one: Captured) -> Fate:
        """Add a capture to a batch if there is room; `others` are the other batches, the oldest first."""
        try:
            staged = batch.stage(one)
        except DataError:
            return "unfit"
        day = batch.name[:10]
        earlier = [name for name in others if name[:10] < day]
        left = self._most - staged.size - batch.size - sum(others[name].size for name in others if name[:10] >= day)
        unsampled = staged.after.unsampled + sum(others[name].unsampled for name in others if name[:10] == day)
        if left < 0 or (not one.sampled and unsampled > self._most // 2):
            self._say_full(one.time.date())
            return "full"
        while sum(others[name].size for name in earlier) > left:
            oldest = earlier.pop(0)
            logger.warning("%s: %s is removed to make room; it holds %d MB", self._path, oldest, self._most // 10**6)
            self._remove(oldest)
            del others[oldest]
        batch.add(staged)
        return "kept"

    def _held(self, name: str) -> "_Held":
        """The bytes of a batch; its last record is read if it is new."""
        records, there = _records(self._path, name), (self._path / name).is_dir()
        size = records.stat().st_size if records.exists() else 0
        known = self._sizes.get(name)
        if known is None or known[:2] != (size, there):
            last = _last(records) if there else None
            held = _Held(size, 0) if last is None else _Held(size + last.files + last.table, last.unsampled)
            known = self._sizes[name] = (size, there, held)
        return known[2]

    def _say_full(self, day: date) -> None:
        if day > self._full:
            self._full = day
            logger.warning(
                "%s: it holds %d MB, too few for %s; what comes is left out", self._path, self._most // 10**6, day
            )

    def _names(self) -> list[str]:
        """The batches, the oldest first. One whose folder was moved away still has its records."""
        found = {path.name.removesuffix(".jsonl") for path in self._path.iterdir()}
        return sorted(name for name in found if _BATCH.fullmatch(name))

    def _remove(self, name: str) -> None:
        """Remove a batch; its folder is never there in part."""
        gone = self._path / f".{name}.tmp"
        with suppress(FileNotFoundError):
            (self._path / name).replace(gone)
            shutil.rmtree(gone)
        _records(self._path, name).unlink(missing_ok=True)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Make the folder if it is not there, readable for its owner only, and keep other processes out."""
        begin(self._path.parent)
        self._path.mkdir(mode=0o700, exist_ok=True)
        with FileLock(self._path / ".lock", timeout=WAIT, mode=0o600, poll_interval=0.005):
            yield


class _Batch:
    """A batch that captures are added to; the folder is locked as long as it is in use.

    Raises:
        OSError: it cannot be read, or begun.
        DataError: its table has other columns, or its last record is none.
    """

    def __init__(self, parent: Path, name: str, layout: RawLayout) -> None:
        self.name = name
        self._parent = parent
        self._folder = parent / name
        self._records = _records(parent, name)
        self._layout = layout
        self._table = self._folder / layout.table
        self._staged: list[_Staged] = []
        self._separator = b""
        self._written = self._begin()
        self._recorded = self._records.stat().st_size if self._records.exists() else 0

    @property
    def size(self) -> int:
        """The bytes of the batch, with what was added."""
        return self._recorded + self._written.files + self._written.table

    def stage(self, one: Captured) -> _Staged:
        """Return what a capture needs.

        Raises:
            DataError: the layout cannot hold it.
        """
        path, content, box = None, b"", None
        if self._layout.rows:
            line = self._layout.row(one.given, one.key)
        else:
            content, box = one.given if isinstance(one.given, tuple) else (one.given, None)
            path = self._layout.path(content)
            line = self._layout.file(path, one.prediction, one.confidence, one.key)
            if self._has(path):
                content = line = b""
        after = self._written.and_then(line, content, sampled=one.sampled)
        record = {name: getattr(one, name) for name in _RECORDED} | {"file": path, "box": box, "written": after}
        return _Staged(line, orjson.dumps(record, option=_FORM), path, content, after)

    def add(self, staged: _Staged) -> None:
        """Add what was staged last."""
        self._staged.append(staged)
        self._recorded += len(staged.record)
        self._written = staged.after

    def write(self) -> None:
        """Write what was added.

        Raises:
            OSError: it cannot be written, and what is there of it is removed as far as possible.
        """
        if not self._staged:
            return
        files = {one.path: one.content for one in self._staged if one.path is not None and one.content}
        try:
            for path, content in files.items():
                _write(_temporary(self._folder / path), content, os.O_TRUNC)
            _write(self._table, self._separator + b"".join(one.line for one in self._staged), os.O_APPEND)
            _write(self._records, b"".join(one.record for one in self._staged), os.O_APPEND)
            for path in files:
                _temporary(self._folder / path).replace(self._folder / path)
        except OSError:
            with suppress(OSError):
                _mend(self._parent, self.name)
            raise

    def _has(self, path: str) -> bool:
        """Whether a file is there, or is among those to be written."""
        if not self._staged and _temporary(self._folder / path).exists():  # a killed process was at it
            _mend(self._parent, self.name)
        return any(one.path == path for one in self._staged) or (self._folder / path).exists()

    def _begin(self) -> _Written:
        """Make the folder with its table if it is not there, mend it otherwise; return what it has."""
        (self._folder / self._layout.below).mkdir(mode=0o700, parents=True, exist_ok=True)
        header = self._layout.header
        if not self._table.exists():
            _write(_temporary(self._table), header, os.O_TRUNC)
            _temporary(self._table).replace(self._table)
            return _Written.begun(header)
        written = _last(self._records) or _Written.begun(header)
        _mend_table(self._table, written)
        size = self._table.stat().st_size
        with self._table.open("rb") as file:
            begin = file.read(len(header))
            file.seek(max(0, size - len(self._layout.newline)))
            ended = file.read() == self._layout.newline
        if begin != header:
            raise DataError(f"{self._table}: its first line is not that of {self.name}; move the folder away")
        self._separator = b"" if ended else self._layout.newline
        return replace(written, table=size + len(self._separator))


def _records(parent: Path, name: str) -> Path:
    return parent / f"{name}.jsonl"


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.tmp")


def _last(records: Path) -> _Written | None:
    """What the last record says; None without one. The part of a record at the end of the file is removed.

    Raises:
        DataError: the last line is not a record.
    """
    try:
        size = records.stat().st_size
    except FileNotFoundError:
        return None
    length, found = _TAIL, b""
    with records.open("rb") as file:
        while found.count(b"\n") < 2 and len(found) < size:
            file.seek(max(0, size - length))
            found, length = file.read(), 4 * length
    whole, _, part = found.rpartition(b"\n")
    if part:
        os.truncate(records, size - len(part))
    if not whole:
        return None
    try:
        return _Written(**orjson.loads(whole.rpartition(b"\n")[2])["written"])
    except (ValueError, KeyError, TypeError):
        raise DataError(f"{records}: its last line is not a record; move the file away, with its folder")


def _mend(parent: Path, name: str) -> None:
    """Remove what a process began that was killed, or whose disk was full; finish what has a record."""
    last = _last(_records(parent, name))
    for table in [parent / name / table for table in TABLES]:
        if last is not None and table.exists():
            _mend_table(table, last)
    temporary = list((parent / name).rglob(".*.tmp"))
    records = _records(parent, name).read_bytes() if temporary and last is not None else b""
    for path in temporary:
        final = path.with_name(path.name[1:].removesuffix(".tmp"))
        recorded = final.relative_to(parent / name).as_posix().encode() in records
        if recorded and _digest(path.read_bytes()) == final.stem:
            path.replace(final)
        else:
            path.unlink()


def _mend_table(table: Path, written: _Written) -> None:
    """Remove the lines at the end of a table that no record follows, unless others changed the lines before."""
    if table.stat().st_size <= written.table:
        return
    with table.open("rb") as file:
        file.seek(written.table - written.line)
        found = file.read(written.line)
    if _digest(found) == written.digest:
        os.truncate(table, written.table)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _write(path: Path, content: bytes, how: int) -> None:
    """Write bytes into a file that only its owner can read."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | how, 0o600)
    try:
        left = memoryview(content)
        while left:
            left = left[os.write(file, left) :]
    finally:
        os.close(file)
