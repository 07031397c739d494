"""Object detection: where the objects of one or more classes are in a picture, as boxes with a class and a score.

Raw layout: pictures (JPEG, PNG or WebP, recognised by content) with labels, as tools export them:

- YOLO text: `images/`, and `labels/` with a text file of the same name for each picture (`yolo`);
- COCO: a JSON file next to `images/`, or among the pictures of each side of a split, or `annotations/instances_*.json`
  next to folders such as `train2017/` (`coco`).

Both may be split already. A picture without objects has an empty file, or is listed without annotations; a picture that
has no file, or is not listed, is reported, since its label may have been forgotten. Optionally `metadata.csv` with the
columns `path` (`images/...`) and any of `group`, `split` and `fold`.

Encoded: uint8 RGB [height, width, 3], squashed to size, which does not change coordinates given as shares of the sides.
Targets: float32 [max_boxes, 4]: x, y, width, height as shares; with several classes [max_boxes, 5], the last value the
class's position in `outputs`; unused rows are NaN. Predictions: float32 [n, max_boxes, 5 or 6]: the same with a score
after the size, best first; unused rows have score 0 (see `slipway_edge.tasks.object_detection`).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from slipway.core.config import Section, unwritten
from slipway.core.metric import Metric
from slipway.core.protocol import Encoded, Index, Problem, Usage, Words
from slipway.core.spec import Spec
from slipway.data import usage
from slipway.data.readers import folders
from slipway.data.readers.pictures import difference_hash
from slipway.metrics import boxes, matching, parity
from slipway.metrics.matching import Matches
from slipway.tasks.object_detection import proposal
from slipway.tasks.object_detection.labels import LabelError
from slipway.tasks.object_detection.layout import Layout
from slipway_edge.pictures import PictureError, encode_picture
from slipway_edge.tasks import object_detection as edge

STRIDE = 4
"""Width and height in pixels of a cell of the heat map."""
SMALLEST = 1.5
"""The smallest side of an object that the heat map can represent, in pixels of the encoded picture."""


class Data(Section):
    """The `data` section: the size pictures are encoded to, and which objects to detect.

    `classes`: the names of the classes, in the order of the model's outputs. They are those that the folder states
    (data.yaml, classes.txt, COCO's categories), of which some may be left out; if it states none, they are in the order
    of the numbers in the labels. `name` is for a single class, in place of `classes`: the splits are then balanced by
    whether a picture shows an object.

    `max_boxes`: the most objects in a picture, and the most boxes in a prediction. `false_positives`: the score
    threshold is chosen so that there are at most this many false boxes per picture on validation. `group`: a regular
    expression with one group, searched for in a picture's path within its folder without suffix; pictures with the same
    match stay on one side of a split. With null, the `group` column of metadata.csv is used, and without that column
    each picture is a group.
    """

    height: Annotated[int, Field(ge=32, multiple_of=32)]
    width: Annotated[int, Field(ge=32, multiple_of=32)]
    name: Annotated[str, Field(min_length=1)] | None = unwritten(None)
    classes: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)] | None = unwritten(None)
    max_boxes: Annotated[int, Field(ge=1)] = 8
    false_positives: Annotated[float, Field(gt=0)] = 0.1
    group: folders.Group = None

    @model_validator(mode="after")
    def _named(self) -> Self:
        if (self.name is None) == (self.classes is None):
            raise ValueError("set one of classes (the names of the classes) and name (for a single class)")
        if self.classes is not None and len(set(self.classes)) < len(self.classes):
            raise ValueError("classes must be different names")
        return self


class Task(edge.Task):
    """Object detection for one variant's `data` section; see `slipway.core.protocol.Task`."""

    Data: ClassVar[type[Section]] = Data
    objective: ClassVar[str] = "boxes"
    metrics: ClassVar[Mapping[str, Metric]] = boxes.METRICS
    headline: ClassVar[tuple[str, ...]] = ("detection_rate", "false_positives_per_picture", "ap50")
    curves: ClassVar[frozenset[str]] = frozenset()
    kinds: ClassVar[frozenset[str]] = frozenset({"group"})

    def __init__(self, data: Any) -> None:
        super().__init__(data.model_dump())
        self._data = data
        self._group: re.Pattern[str] | None = None if data.group is None else re.compile(data.group)
        self._names: tuple[str, ...] = data.classes or (data.name,)
        self._absent: str | None = None if data.name is None else f"no {data.name}"

    @staticmethod
    def fits(raw: Path) -> bool:
        """Return whether a folder has pictures with labels in one of the layouts."""
        return proposal.fits(raw)

    @staticmethod
    def stated(raw: Path) -> tuple[dict[str, Any], list[str]]:
        """Return the keys of `data` that depend on the labels of a folder, and sentences on them.

        Raises:
            DataError: the folder has none of the layouts.
        """
        return proposal.stated(raw)

    def unlearnt(self, examples: pd.DataFrame) -> tuple[str, float, str]:
        """Return the detection rate of a model that finds nothing, which is 0 for any examples."""
        return "detection_rate", 0.0, "that of a model that finds nothing"

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of `data.classes`; empty if there is only `data.name`."""
        return self._data.classes or ()

    def index(self, raw: Path) -> Index:
        """List the pictures and read their labels; `labels` are the classes of the objects in the picture.

        With `data.name`, `label` is whether there is an object, such as `ball` or `no ball`.

        Raises:
            DataError: a folder is missing, the folder does not have a class of `data.classes`, metadata.csv cannot be
                used, the group expression matches no picture, or no picture shows an object.
        """
        return self._layout(raw).index(self._group, self._absent)

    def specify(self, raw: Path, examples: pd.DataFrame) -> Spec:
        """Return the size of the input, the layout of the heat map, and the classes; see `Spec`.

        With `data.name`, the classes are whether there is an object, as far as both occur in `examples`.
        """
        height, width = self._data.height, self._data.width
        classes = [*self._names]
        if self._absent is not None:
            classes = [name for name in (*classes, self._absent) if name in set(examples["label"])]
        return {
            "objective": self.objective,
            "input": {"shape": [height, width, 3], "dtype": "uint8"},
            "outputs": [*self._names],
            "classes": classes,
            "heatmap": {
                "stride": STRIDE,
                "smallest": SMALLEST / max(height, width),
                "max_boxes": self._data.max_boxes,
            },
        }

    def encode(self, raw: Path, examples: pd.DataFrame, spec: Spec) -> Iterator[Encoded]:
        """Decode pictures in order on a few threads, and read the boxes of their labels."""
        height, width, _ = spec["input"]["shape"]
        most, depth = spec["heatmap"]["max_boxes"], 5 if len(spec["outputs"]) > 1 else 4
        annotated = self._layout(raw)

        def read(name: str) -> tuple[np.ndarray, np.ndarray, int] | Problem:
            try:
                encoded = encode_picture(raw / name, height, width)
                found = annotated.labels(name)
            except (PictureError, LabelError) as error:
                return Problem(name, error.kind, error.detail)
            return encoded, np.column_stack([found.boxes, found.classes])[:, :depth], difference_hash(encoded)

        for start, results in folders.read_ahead(read, examples["example"].tolist()):
            good = [(row, result) for row, result in enumerate(results) if not isinstance(result, Problem)]
            inputs = np.empty((len(good), height, width, 3), np.uint8)
            targets = np.full((len(good), most, depth), np.nan, np.float32)
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
        return {"threshold": boxes.operating_point(_matches(targets, predictions, spec), self._data.false_positives)}

    def scores(self, examples: pd.DataFrame, targets: np.ndarray, predictions: np.ndarray, spec: Spec) -> boxes.Scores:
        """Return detection rate and false boxes at the threshold, and average precision over all thresholds.

        With `data.classes`, the scores are also those of each class.
        """
        names = spec["outputs"] if self._absent is None else ()
        return boxes.Scores(_matches(targets, predictions, spec), examples["group"], spec["threshold"], names)

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
        agree = matching.same(native, converted, spec["threshold"])
        return parity.differences(native[..., 4], converted[..., 4], agree)

    def _layout(self, raw: Path) -> Layout:
        return Layout(raw, self._names, self._data.max_boxes)


def _matches(targets: np.ndarray, predictions: np.ndarray, spec: Spec) -> Matches:
    return Matches(targets, predictions, spec["input"]["shape"], len(spec["outputs"]))
