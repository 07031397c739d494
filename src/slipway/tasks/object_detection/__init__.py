"""Object detection: where the objects of one class are in a picture, as boxes with a score.

Raw layout: `images/` (JPEG, PNG or WebP, told by content, folders allowed) and `labels/` with a YOLO text file of the
same name for each, a line a box: class (0), x and y of the centre, width and height, in shares of the picture. A
picture that shows nothing has an empty file; one without a file is reported, since it may have been forgotten. A split
of the data's own stands below the two folders (`images/train`, `labels/train`) or above them (`train/images`).
Optionally `metadata.csv` with the columns `path` (`images/...`) and any of `group`, `split` and `fold`.

Encoded: uint8 RGB [height, width, 3], squashed to size, so that shares stay what they are. Targets: float32
[max_boxes, 4] of x, y, width, height in shares, NaN where there are fewer. Predictions: float32 [n, max_boxes, 5], the
same and a score, the best first, score 0 where there are fewer (see `slipway_edge.tasks.object_detection`).
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import pandas as pd
from pydantic import Field

from slipway.core.config import Section
from slipway.core.metric import Metric
from slipway.core.protocol import Encoded, Index, Problem, Words
from slipway.core.spec import Spec
from slipway.data.readers import folders
from slipway.data.readers.pictures import difference_hash
from slipway.metrics import boxes, parity
from slipway.metrics.boxes import Matches
from slipway.tasks.object_detection import layout
from slipway.tasks.object_detection.labels import LabelError, read_labels
from slipway_edge.pictures import PictureError, encode_picture
from slipway_edge.tasks import object_detection as edge

STRIDE = 4
"""Pixels to a cell of the heat map, each way."""
SMALLEST = 1.5
"""Side in pixels of the encoded picture that an object's size is never told below."""


class Data(Section):
    """The `data` section: the size pictures are encoded to, and what is looked for.

    `name`: of the one class. `max_boxes`: the most that a picture may show, and that are given for one.
    `false_positives`: the most false boxes a picture, on validation, with which the score threshold is chosen. `group`:
    a regular expression whose one group, searched for in a picture's path within images/ without suffix, names what
    stays on one side of a split; null takes the `group` column of metadata.csv, and without that each picture is a
    group of its own.
    """

    height: Annotated[int, Field(ge=32, multiple_of=32)]
    width: Annotated[int, Field(ge=32, multiple_of=32)]
    name: Annotated[str, Field(min_length=1)]
    max_boxes: Annotated[int, Field(ge=1)] = 8
    false_positives: Annotated[float, Field(gt=0)] = 0.1
    group: folders.Group = None


class Task(edge.Task):
    """Object detection over one variant's `data` section; see `slipway.core.protocol.Task`."""

    Data: ClassVar[type[Section]] = Data
    objective: ClassVar[str] = "boxes"
    metrics: ClassVar[Mapping[str, Metric]] = boxes.METRICS
    headline: ClassVar[tuple[str, ...]] = ("detection_rate", "false_positives_per_picture", "ap50")
    curves: ClassVar[frozenset[str]] = frozenset()
    kinds: ClassVar[frozenset[str]] = frozenset({"group"})
    classes: ClassVar[tuple[str, ...]] = ()

    def __init__(self, data: Any) -> None:
        super().__init__(data.model_dump())
        self._data = data
        self._group: re.Pattern[str] | None = None if data.group is None else re.compile(data.group)
        self._names: tuple[str, str] = data.name, f"no {data.name}"

    def index(self, raw: Path) -> Index:
        """List the pictures and read their labels; `label` says whether there is an object, `ball` or `no ball`.

        Raises:
            DataError: a folder is missing, metadata.csv is unusable, the group expression fits no picture, or no
                picture shows an object.
        """
        return layout.index(raw, self._names, self._group, self._data.max_boxes)

    def specify(self, raw: Path, examples: pd.DataFrame) -> Spec:
        """The size of the input and the form of the heat map; of `examples`, whether some show nothing."""
        occurring = set(examples["label"])
        height, width = self._data.height, self._data.width
        return {
            "objective": self.objective,
            "input": {"shape": [height, width, 3], "dtype": "uint8"},
            "outputs": [self._data.name],
            "classes": [name for name in self._names if name in occurring],
            "heatmap": {
                "stride": STRIDE,
                "smallest": SMALLEST / max(height, width),
                "max_boxes": self._data.max_boxes,
            },
        }

    def encode(self, raw: Path, examples: pd.DataFrame, spec: Spec) -> Iterator[Encoded]:
        """Decode pictures in order on a few threads, with the boxes of their labels."""
        height, width, _ = spec["input"]["shape"]
        most = spec["heatmap"]["max_boxes"]

        def read(name: str) -> tuple[np.ndarray, np.ndarray, int] | Problem:
            try:
                encoded = encode_picture(raw / name, height, width)
                found = read_labels(raw / layout.label_of(name), most).boxes
            except (PictureError, LabelError) as error:
                return Problem(name, error.kind, error.detail)
            return encoded, found, difference_hash(encoded)

        for start, results in folders.read_ahead(read, examples["example"].tolist()):
            good = [(row, result) for row, result in enumerate(results) if not isinstance(result, Problem)]
            inputs = np.empty((len(good), height, width, 3), np.uint8)
            targets = np.full((len(good), most, 4), np.nan, np.float32)
            for position, (_, (encoded, found, _)) in enumerate(good):
                inputs[position] = encoded
                targets[position, : len(found)] = found
            yield Encoded(
                rows=np.array([start + row for row, _ in good], np.int64),
                inputs=inputs,
                targets=targets,
                hashes=np.array([fingerprint for _, (*_, fingerprint) in good], np.uint64),
                problems=[result for result in results if isinstance(result, Problem)],
            )

    def choose_threshold(
        self, examples: pd.DataFrame, targets: np.ndarray, predictions: np.ndarray, spec: Spec
    ) -> Mapping[str, Any]:
        """`threshold`: the score that detects most with no more than `data.false_positives` false boxes a picture."""
        matches = Matches(targets, predictions, spec["input"]["shape"])
        return {"threshold": boxes.operating_point(matches, self._data.false_positives)}

    def scores(self, examples: pd.DataFrame, targets: np.ndarray, predictions: np.ndarray, spec: Spec) -> boxes.Scores:
        """Detection rate and false boxes at the threshold, and average precision over all of them."""
        matches = Matches(targets, predictions, spec["input"]["shape"])
        return boxes.Scores(matches, examples["group"], spec["threshold"])

    def words(self, spec: Spec) -> Words:
        """Boxes around objects."""
        return Words("boxes with a score, each around one of: {outputs}")

    def agreement(self, native: np.ndarray, converted: np.ndarray, spec: Spec) -> dict[str, float]:
        """Agreement: as many boxes above the threshold, each on one of the other's; differences of ranked scores."""
        agree = boxes.same(native, converted, spec["threshold"])
        return parity.differences(native[..., 4], converted[..., 4], agree)
