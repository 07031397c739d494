"""The log of predictions: a JSON object a line, in one file for each worker and day (UTC).

    predictions/2027-01-31/worker-0.jsonl

    {"time": "2027-01-31T08:00:00.001250Z", "request_id": "6f1e...", "model": "shot", "model_version": "v1.2.0",
     "unit": "0b7c...", "status": 200, "problem": null, "examples": 1, "seconds": 0.0041,
     "inference_time": 0.0034, "predictions": [{"drive": 0.7, "cut": 0.2, "sweep": 0.1}]}

A record is in the file before the answer is sent. It holds no input and no token; units stand under the names of
`slipway.traffic.units`. If the disk is full, records are lost and counted, and requests are answered all the same.
"""

import logging
from datetime import date
from pathlib import Path

import orjson

from slipway.traffic.append_only import AppendOnly
from slipway.traffic.records import PREDICTIONS, Prediction

_FORM = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z
_log = logging.getLogger("slipway.traffic")


class PredictionLog:
    """The log of a worker in a folder. `lost` counts records that could not be written."""

    def __init__(self, folder: Path, worker: int) -> None:
        self.lost = 0
        self._folder = folder / PREDICTIONS
        self._name = f"worker-{worker}.jsonl"
        self._day = date.min
        self._file = AppendOnly(self._folder / self._name)  # nothing is written to it before a day is known

    def write(self, record: Prediction) -> None:
        """Append a record to the file of its day."""
        if (day := record.time.date()) != self._day:
            self._file.close()
            self._day, self._file = day, AppendOnly(self._folder / day.isoformat() / self._name)
        try:
            self._file.append(orjson.dumps(record, option=_FORM))
        except OSError as error:
            self.lost += 1
            if self.lost & (self.lost - 1) == 0:  # the 1st, 2nd, 4th, 8th, ...: a full disk fills no log of errors
                _log.error("%s: %d records are lost: %s", self._folder, self.lost, error.strerror or error)

    def close(self) -> None:
        """Close the file; the next record opens it again."""
        self._file.close()
