"""The exposures in the logs, as tables of the state store: brought up to date in batches, each exactly once.

How far a log is read is written in the same transaction as what was read, so a batch that was killed is read again,
and one that was written is not. The logs are the truth: an index that was lost is made again from those that are left.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Connection, delete, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from slipway.state.schema import EXPOSURES, LOGS, REQUESTS
from slipway.state.store import Store
from slipway.traffic.records import PREDICTIONS

BATCH = 8 * 2**20
"""The most bytes of one log that are read at once."""
KEPT_DAYS = 120
"""Days after which a request is forgotten; later outcomes of it are refused."""
MARK = b'"experiment":"'
_ROWS = 500
"""The rows of one statement; SQLite's limit on parameters allows 32,766."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """A record of a request in an experiment; `share` is None if it has none, `at` in seconds since 1970."""

    experiment: str
    unit: str | None
    arm: str
    request_id: str
    at: float
    share: float | None


class ExposureIndex:
    """The index of the logs in a folder.

    Args:
        store: the state store, whose tables are there.
        folder: the folder of the logs.
    """

    def __init__(self, store: Store, folder: Path) -> None:
        self._store = store
        self._folder = folder
        self._seen: dict[Path, Stamp | None] = {}

    def update(self) -> int:
        """Read what the logs have more than the index, and return the number of exposures.

        Raises:
            StateError: the store is locked, full or away; nothing is lost, and the next update does the same.
            OSError: a log cannot be read.
        """
        logs = sorted((self._folder / PREDICTIONS).glob("*/*.jsonl"))
        grown = [log for log in logs if stamp(log.stat()) != self._seen.get(log)]
        if not grown:
            return 0
        count = 0
        with self._store.transaction() as connection:
            read = {row.file: (row.head, row.read) for row in connection.execute(select(LOGS))}
            names = {log: log.relative_to(self._folder).as_posix() for log in logs}
            seen: dict[Path, Stamp | None] = {}
            for log in grown:
                part = read_on(log, *read.get(names[log], ("", 0)))
                found = list(exposures(part.lines))
                _write(connection, found)
                row = {"file": names[log], "head": part.head, "read": part.end}
                _upsert(connection, LOGS, [row], ["file"], lambda new: {"head": new.head, "read": new.read})
                seen[log] = part.stamp if part.is_last else None
                count += len(found)
            gone = [name for name in read if name not in names.values()]
            if gone:
                connection.execute(delete(LOGS).where(LOGS.c.file.in_(gone)))
        self._seen = {**self._seen, **seen}
        return count

    def forget(self, now: float) -> None:
        """Remove the requests of long ago; `now` is in seconds since 1970.

        Raises:
            StateError: the store is locked, full or away.
        """
        with self._store.transaction() as connection:
            connection.execute(delete(REQUESTS).where(REQUESTS.c.at < now - KEPT_DAYS * 86_400))

    def unknown(self, requests: Iterable[str], units: Iterable[str]) -> tuple[list[str], list[str]]:
        """Return those requests and units (their names in the logs) that took part in no experiment.

        Raises:
            StateError: the store is locked, full or away.
        """
        asked, named = list(dict.fromkeys(requests)), list(dict.fromkeys(units))
        with self._store.transaction() as connection:
            seen = _known(connection, REQUESTS.c.request_id, asked)
            there = _known(connection, EXPOSURES.c.unit, named)
        return [one for one in asked if one not in seen], [one for one in named if one not in there]


def _known(connection: Connection, column: Any, values: list[str]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(values), _ROWS):
        part = values[start : start + _ROWS]
        found |= set(connection.execute(select(column).where(column.in_(part)).distinct()).scalars())
    return found


Stamp = tuple[int, int, int]


def stamp(found: os.stat_result) -> Stamp:
    """Return what changes when a log grows, or when another is there under its name, even of the same size."""
    return found.st_ino, found.st_mtime_ns, found.st_size


@dataclass(frozen=True)
class Part:
    """Whole lines of a log, the place behind them, a hash of its first line, and its stamp before they were read."""

    lines: list[bytes]
    end: int
    head: str
    stamp: Stamp

    @property
    def is_last(self) -> bool:
        """Whether the log had nothing behind these lines."""
        return self.end >= self.stamp[2]


def read_on(log: Path, head: str, at: int) -> Part:
    """Return the lines of a log from a place on, or from its beginning if its first line is another one than it was.

    A log that became tables can be there again, under the same name and with other lines.
    """
    with log.open("rb") as file:
        before = stamp(os.fstat(file.fileno()))
        first = file.readline(BATCH)
        now = hashlib.sha256(first).hexdigest()[:16] if first.endswith(b"\n") else ""
        at = at if now == head else 0
        file.seek(at)
        content = file.read(BATCH)
    end = content.rfind(b"\n") + 1
    return Part(content[:end].split(b"\n")[:-1], at + end, now, before)


def exposures(lines: Iterable[bytes], mark: bytes = MARK) -> Iterator[Exposure]:
    """Yield the exposures among the lines of logs; others, and lines without the mark, are passed over."""
    for line in lines:
        if mark not in line:
            continue
        try:
            values = orjson.loads(line)
            moment = datetime.fromisoformat(values["time"]).timestamp()
            unit, share = values["unit"], values.get("share")
            texts = values["experiment"], values["arm"], values["request_id"]
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            continue  # the first part of a line that a full disk cut off
        experiment, arm, request_id = map(str, texts)
        yield Exposure(experiment, unit, arm, request_id, moment, share)


def _write(connection: Connection, found: list[Exposure]) -> None:
    units: dict[tuple[str, str], dict[str, Any]] = {}
    for one in sorted(found, key=lambda one: one.at):
        if one.unit is None:
            continue
        row = units.setdefault(
            (one.experiment, one.unit),
            {"experiment": one.experiment, "unit": one.unit, "arm": one.arm, "at": one.at, "crossed": False},
        )
        row["crossed"] |= row["arm"] != one.arm
    requests = {
        one.request_id: {"request_id": one.request_id, "experiment": one.experiment, "at": one.at} for one in found
    }
    _upsert(
        connection,
        EXPOSURES,
        list(units.values()),
        ["experiment", "unit"],
        lambda new: {"crossed": or_(EXPOSURES.c.crossed, new.crossed, EXPOSURES.c.arm != new.arm)},
    )
    _upsert(connection, REQUESTS, list(requests.values()), ["request_id"], None)


def _upsert(connection: Connection, table: Any, rows: list[dict[str, Any]], key: list[str], change: Any) -> None:
    """Insert rows, no two of which have the same key; of those that are there, set what `change` gives."""
    if not rows:
        return
    insert: Any = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(table)
    if change is None:
        statement = statement.on_conflict_do_nothing(index_elements=key)
    else:
        statement = statement.on_conflict_do_update(index_elements=key, set_=change(statement.excluded))
    connection.execute(statement, rows)  # one statement for all rows; with its values inside it takes ten times as long
