"""The logs of a server: a JSON object a line, in one file for each worker and day (UTC), and kind of record.

    predictions/2027-01-31/worker-0.jsonl

    {"time": "2027-01-31T08:00:00.001250Z", "request_id": "6f1e...", "model": "shot", "model_version": "v1.2.0",
     "unit": "0b7c...", "status": 200, "problem": null, "examples": 1, "seconds": 0.0041,
     "inference_time": 0.0034, "predictions": [{"drive": 0.7, "cut": 0.2, "sweep": 0.1}],
     "experiment": null, "arm": null, "share": null}

A record is in the file before the answer is sent. It holds no input and no token; units stand under the names of
`slipway.traffic.units`. If the disk is full, requests are answered all the same. Records that must not be lost, such as
exposures, are kept in memory and written later, up to `MOST_KEPT`; others are lost and counted.
"""

import logging
from collections import deque
from datetime import date
from pathlib import Path

import orjson

from slipway.traffic.append_only import AppendOnly
from slipway.traffic.records import Outcome, Prediction

MOST_KEPT = 10_000
"""The most records in memory that could not be written yet."""
_FORM = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z
_log = logging.getLogger("slipway.traffic")


class Log:
    """The log of a worker for a kind of record, in a folder. `lost` counts records that could not be written."""

    def __init__(self, folder: Path, kind: str, worker: int) -> None:
        self.lost = 0
        self._folder = folder / kind
        self._name = f"worker-{worker}.jsonl"
        self._day = date.min
        self._file = AppendOnly(self._folder / self._name)  # nothing is written to it before a day is known
        self._kept: deque[tuple[date, bytes]] = deque()
        self._failures = 0

    @property
    def kept(self) -> int:
        """The number of records in memory that could not be written yet."""
        return len(self._kept)

    def write(self, record: Prediction | Outcome, *, keep: bool = False) -> bool:
        """Append a record to the file of its day.

        Args:
            record: the record.
            keep: whether to keep it in memory and write it later, if it cannot be written now.

        Returns:
            Whether it is written or kept.
        """
        day, line = record.time.date(), orjson.dumps(record, option=_FORM)
        if self._flush() and self._append(day, line):
            return True
        if keep and len(self._kept) < MOST_KEPT:
            self._kept.append((day, line))
            return True
        self.lost += 1
        return False

    def close(self) -> None:
        """Write what is kept in memory, and close the file; the next record opens it again."""
        self._flush()
        self._file.close()

    def _flush(self) -> bool:
        """Write the records in memory; return whether none is left."""
        while self._kept:
            if not self._append(*self._kept[0]):
                return False
            self._kept.popleft()
        return True

    def _append(self, day: date, line: bytes) -> bool:
        if day != self._day:
            self._file.close()
            self._day, self._file = day, AppendOnly(self._folder / day.isoformat() / self._name)
        try:
            self._file.append(line)
        except OSError as error:
            self._failures += 1
            if self._failures & (self._failures - 1) == 0:  # 1st, 2nd, 4th, ...: a full disk fills no log of errors
                _log.error("%s: %d writes failed: %s", self._folder, self._failures, error.strerror or error)
            return False
        return True
