"""Examples without labels in the layout of a variant's own raw data.

Rows are lines of a table with the columns that the variant reads, written as its own tables are (`data.format`); the
target is empty, also where a caller sends one. Pictures and sounds are files beside a `metadata.csv`, in whose column
`label` or `labels` the labels go. Those of boxes and keypoints go into files of their own, which labelling makes.

A label is never made up. An empty cell of `labels` would mean that a file has no label, so `UNKNOWN` stands there,
which the readers refuse until someone has looked.

The last column, `KEY`, names the record of the example.
"""

import csv
import hashlib
import io
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson

from slipway.core.errors import DataError
from slipway.serving.release import Loaded
from slipway_edge.classes import Classifier, MultiLabel
from slipway_edge.tasks import keypoint_detection, object_detection

KEY = "capture"
TABLES = OF_FILES, OF_ROWS = "metadata.csv", "captured.csv"
"""The names of the tables."""
UNKNOWN = "?"
LONGEST = 100_000
"""The most characters of a text in a table: above 131,072 Python's reader refuses the whole table."""
_FORMATS = (
    *((0, b"\xff\xd8\xff", ".jpg"), (0, b"\x89PNG", ".png"), (8, b"WEBP", ".webp"), (8, b"WAVE", ".wav")),
    *((0, b"fLaC", ".flac"), (0, b"OggS", ".ogg"), (4, b"ftyp", ".m4a")),
)
"""Where in a file which bytes say its format, and the suffix for it. Of the formats that are read, MP3 is left."""


@dataclass(frozen=True)
class RawLayout:
    """The layout of a variant.

    Attributes:
        table: the name of the table.
        columns: its columns, the last one with the key of the record.
        rows: whether examples are rows; otherwise they are files.
        target: for rows, the column to predict, which stays empty.
        unlabelled: for files, the cell of the column of labels; None if there is no such column.
        below: for files, the folder for them, empty or ending with a slash.
        separator, decimal, encoding: how the table is written.
    """

    table: str
    columns: tuple[str, ...]
    rows: bool
    target: str | None = None
    unlabelled: str | None = None
    below: str = ""
    separator: str = ","
    decimal: str = "."
    encoding: str = "utf-8"

    @classmethod
    def of(cls, model: Loaded) -> "RawLayout":
        """Return the layout of the data of a version."""
        task = model.predictor.task
        if model.takes_rows:
            return cls._of_rows(model.predictor.record["data"])
        shown = ("prediction", "confidence", KEY)
        if isinstance(task, MultiLabel):
            return cls(OF_FILES, ("path", "labels", *shown), False, unlabelled=UNKNOWN)
        if isinstance(task, Classifier):
            return cls(OF_FILES, ("path", "label", *shown), False, unlabelled="")
        boxes = isinstance(task, object_detection.Task | keypoint_detection.Task)
        return cls(OF_FILES, ("path", *shown), False, below="images/" if boxes else "")

    @classmethod
    def _of_rows(cls, data: dict[str, Any]) -> "RawLayout":
        single = [data.get(name) for name in ("example", "split", "group", "time", "place")]
        many = [name for kind in ("numeric", "dates", "categorical") for name in data.get(kind) or ()]
        own = list(dict.fromkeys(filter(None, [*single, *many, data.get("target")])))
        key = KEY if KEY not in own else f"{KEY} (slipway)"
        written = data.get("format") or {}
        how = {name: written[name] for name in ("separator", "decimal", "encoding") if name in written}
        return cls(OF_ROWS, (*own, key), True, data.get("target"), **how)

    @property
    def header(self) -> bytes:
        """The first line of the table."""
        return self._text(self.columns).encode(self.encoding)

    @property
    def newline(self) -> bytes:
        """The end of a line."""
        return self.encoded("\n")

    def row(self, given: dict[str, Any], key: str) -> bytes:
        """Return the line of a row.

        Raises:
            DataError: the table cannot hold a text of it.
        """
        return self._line([*(None if name == self.target else given.get(name) for name in self.columns[:-1]), key])

    def file(self, path: str, prediction: Any, confidence: float | None, key: str) -> bytes:
        """Return the line of a file with the path `path` in the folder.

        Raises:
            DataError: the table cannot hold a text of it.
        """
        label = [] if self.unlabelled is None else [self.unlabelled]
        return self._line([path, *label, _short(prediction), confidence, key])

    def path(self, content: bytes) -> str:
        """Return the path of a file in the folder: the SHA-256 of its bytes, and a suffix that suits its format."""
        suffix = next((suffix for at, magic, suffix in _FORMATS if content.startswith(magic, at)), ".mp3")
        return f"{self.below}{hashlib.sha256(content).hexdigest()}{suffix}"

    def _line(self, values: list[Any]) -> bytes:
        fields = [self._field(value) for value in values]
        if any("\0" in one or len(one) > LONGEST for one in fields):
            raise DataError(f"a text has more than {LONGEST:,} characters, or NUL, which no table may hold")
        try:
            return self.encoded(self._text(fields))
        except UnicodeEncodeError as error:
            raise DataError(f"a text cannot be written in {self.encoding}: {error.reason}")

    def _text(self, fields: "list[str] | tuple[str, ...]") -> str:
        written = io.StringIO()
        writer = csv.writer if not any("\r" in one for one in fields) else partial(csv.writer, quoting=csv.QUOTE_ALL)
        writer(written, delimiter=self.separator, lineterminator="\n").writerow(fields)  # 3.11 leaves \r unquoted
        return written.getvalue()

    def encoded(self, text: str) -> bytes:
        """Return the bytes of a text in the middle of a file, without a byte order mark."""
        return text.encode(self.encoding).removeprefix("".encode(self.encoding))

    def _field(self, value: Any) -> str:
        if value is None:
            return ""
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int | float):
            return repr(value).replace(".", self.decimal)
        return str(value)


def _short(prediction: Any) -> str:
    """The most probable class, where a prediction is a probability for each; otherwise its JSON."""
    if isinstance(prediction, dict) and prediction and all(isinstance(one, float) for one in prediction.values()):
        return str(max(prediction, key=prediction.__getitem__))
    return orjson.dumps(prediction).decode()
