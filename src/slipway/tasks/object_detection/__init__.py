"""Object detection: where the objects of one class are in a picture, as boxes with a score.

Raw layout: `images/` (JPEG, PNG or WebP, recognised by content, folders allowed) and `labels/` with a YOLO text file of
the same name for each picture, one line per box: class (0), x and y of the centre, width and height, as shares of the
picture. A picture without objects has an empty file; a picture without a file is reported, since its label may have
been forgotten. If the data is already split, the sides are folders below these two (`images/train`, `labels/train`) or
above them (`train/images`). Optionally `metadata.csv` with the columns `path` (`images/...`) and any of `group`,
`split` and `fold`.

Encoded: uint8 RGB [height, width, 3], squashed to size, which does not change coordinates given as shares of the sides.
Targets: float32 [max_boxes, 4]: x, y, width, height as shares; unused rows are NaN. Predictions: float32
[n, max_boxes, 5]: the same and a score, best first; unused rows have score 0 (see
`slipway_edge.tasks.object_detection`).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import pandas as pd
from pydantic import Field

from slipway.core.config import Section
from slipway.core.metric import Metric
from slipway.core.protocol import Encoded, Index, Problem, Usage, Words
from slipway.core.spec import Spec
from slipway.data import usage
from slipway.data.readers import folders
from slipway.data.readers.pictures import difference_hash
from slipway.metrics import boxes, parity
from slipway.metrics.boxes import Matches
from slipway.tasks.object_detection import layout
from slipway.tasks.object_detection.labels import LabelError, read_labels
from slipway_edge.pictures import PictureError, encode_picture
from slipway_edge.tasks import object_detection as edge

STRIDE = 4
"""Width and height in pixels of a cell of the heat map."""
SMALLEST = 1.5
"""The smallest side of an object that the heat map can represent, in pixels of the encoded picture."""


class Data(Section):
    """The `data` section: the size pictures are encoded to, and which objects to detect.

    `name`: the name of the one class. `max_boxes`: the most objects in a picture, and the most boxes in a prediction.
    `false_positives`: the score threshold is chosen so that there are at most this many false boxes per picture on
    validation. `group`: a regular expression with one group, searched for in a picture's path within images/ without
    suffix; pictures with the same match stay on one side of a split. With null, the `group` column of metadata.csv is
    used, and without that column each picture is a group.
    """

    height: Annotated[int, Field(ge=32, multiple_of=32)]
    width: Annotated[int, Field(ge=32, multiple_of=32)]
    name: Annotated[str, Field(min_length=1)]
    max_boxes: Annotated[int, Field(ge=1)] = 8
    false_positives: Annotated[float, Field(gt=0)] = 0.1
    group: folders.Group = None


class Task(edge.Task):
    """Object detection for one variant's `data` section; see `slipway.core.protocol.Task`."""

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
        """List the pictures and read their labels; `label` is whether there is an object, such as `ball` or `no ball`.

        Raises:
            DataError: a folder is missing, metadata.csv cannot be used, the group expression matches no picture, or no
                picture shows an object.
        """
        return layout.index(raw, self._names, self._group, self._data.max_boxes)

    def specify(self, raw: Path, examples: pd.DataFrame) -> Spec:
        """Return the size of the input, the layout of the heat map, and the classes that occur in `examples`."""
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
        """Decode pictures in order on a few threads, and read the boxes of their labels."""
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
        """Return `threshold`: the one that detects most with at most `data.false_positives` false boxes per picture."""
        matches = Matches(targets, predictions, spec["input"]["shape"])
        return {"threshold": boxes.operating_point(matches, self._data.false_positives)}

    def scores(self, examples: pd.DataFrame, targets: np.ndarray, predictions: np.ndarray, spec: Spec) -> boxes.Scores:
        """Return detection rate and false boxes at the threshold, and average precision over all thresholds."""
        matches = Matches(targets, predictions, spec["input"]["shape"])
        return boxes.Scores(matches, examples["group"], spec["threshold"])

    def words(self, spec: Spec) -> Words:
        """Return the description of predictions: boxes around objects."""
        return Words("boxes with a score, each around one of: {outputs}")

    def usage(self, spec: Spec, shown: int, golden: np.ndarray | None) -> Usage:
        """Return how the model is called: with whole pictures."""
        return replace(
            usage.pictures(spec, shown),
            answer="x and y of a box are its centre, in pixels of the upright picture; the best box comes first.",
        )

    def agreement(self, native: np.ndarray, converted: np.ndarray, spec: Spec) -> dict[str, float]:
        """Return the agreement of boxes at the threshold, matched one to one, and the differences of ranked scores."""
        agree = boxes.same(native, converted, spec["threshold"])
        return parity.differences(native[..., 4], converted[..., 4], agree)
