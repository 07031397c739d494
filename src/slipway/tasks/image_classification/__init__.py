"""Image classification: which one of a few classes a picture shows.

Raw layout: one folder per class, with pictures in it or in folders below it (JPEG, PNG or WebP, recognised by content),
and optionally `metadata.csv` with the columns `path` (relative to the raw folder) and any of `label`, `group`, `split`
and `fold`; other columns are not read. If there is a `metadata.csv`, it must list every picture.

Encoded: uint8 RGB [height, width, 3], turned upright by EXIF and squashed to size with an antialiased bilinear filter;
the model itself scales the values. Targets: int64, the position of the class in the spec's `outputs`. Predictions:
probabilities [n, classes]. Each picture also has a 64-bit difference hash (dHash: whether each pixel of a 9 x 8 grey
thumbnail is darker than its right neighbour), by which near-duplicates are found.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import pandas as pd
from pydantic import Field

from slipway.core.config import Section
from slipway.core.protocol import Encoded, Index, Problem, Usage
from slipway.core.spec import Spec
from slipway.data import usage
from slipway.data.readers import folders
from slipway.data.readers.pictures import difference_hash
from slipway.metrics.classification import Classifier
from slipway_edge.pictures import PictureError, encode_picture, recognise
from slipway_edge.tasks import image_classification as edge


class Data(Section):
    """The `data` section: the size pictures are encoded to, and what their classes and groups are.

    `classes`: folder names in the order of the model's outputs, for two classes the positive one first; with null, all
    folders sorted by name. `group`: a regular expression with one group, searched for in a picture's path within its
    class folder without suffix; pictures with the same match stay on one side of a split (`^([^/]+)/` for one folder
    per video). With null, the `group` column of metadata.csv is used, and without that column each picture is a group.
    """

    height: Annotated[int, Field(ge=8)]
    width: Annotated[int, Field(ge=8)]
    classes: folders.Classes = None
    group: folders.Group = None


class Task(Classifier, edge.Task):
    """Image classification for one variant's `data` section; see `slipway.core.protocol.Task`."""

    Data: ClassVar[type[Section]] = Data
    recognise = staticmethod(recognise)

    def __init__(self, data: Any) -> None:
        super().__init__(data.model_dump())
        self._height: int = data.height
        self._width: int = data.width
        self._classes: tuple[str, ...] | None = data.classes
        self._group: re.Pattern[str] | None = None if data.group is None else re.compile(data.group)

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The classes of `data.classes`; None if the folders name them."""
        return self._classes

    def index(self, raw: Path) -> Index:
        """List the pictures by their first bytes, without decoding them; `example` is the path relative to `raw`.

        Raises:
            DataError: there are no class folders, a folder is not a class, a class has no pictures, metadata.csv cannot
                be used, or the group expression matches no picture.
        """
        return folders.index(raw, self._classes, recognise, self._group, "pictures")

    def specify(self, raw: Path, examples: pd.DataFrame) -> Spec:
        """Return the size of the input and the class names; `examples` are not used."""
        classes = list(folders.class_folders(raw, self._classes))
        return {
            "objective": self.objective,
            "input": {"shape": [self._height, self._width, 3], "dtype": "uint8"},
            "outputs": classes,
            "classes": classes,
        }

    def encode(self, raw: Path, examples: pd.DataFrame, spec: Spec) -> Iterator[Encoded]:
        """Decode pictures in order on a few threads."""
        height, width, _ = spec["input"]["shape"]
        classes = {name: position for position, name in enumerate(spec["outputs"])}
        targets = examples["label"].map(classes).to_numpy(np.int64)

        def read(name: str) -> tuple[np.ndarray, int] | Problem:
            try:
                encoded = encode_picture(raw / name, height, width)
            except PictureError as error:
                return Problem(name, error.kind, error.detail)
            return encoded, difference_hash(encoded)

        for start, results in folders.read_ahead(read, examples["example"].tolist()):
            good = [(row, result) for row, result in enumerate(results) if not isinstance(result, Problem)]
            rows = np.array([start + row for row, _ in good], np.int64)
            inputs = np.empty((len(good), height, width, 3), np.uint8)
            for position, (_, (encoded, _)) in enumerate(good):
                inputs[position] = encoded
            yield Encoded(
                rows=rows,
                inputs=inputs,
                targets=targets[rows],
                hashes=np.array([fingerprint for _, (_, fingerprint) in good], np.uint64),
                problems=[result for result in results if isinstance(result, Problem)],
            )

    def usage(self, spec: Spec, shown: int, golden: np.ndarray | None) -> Usage:
        """Return how the model is called: with whole pictures."""
        return usage.pictures(spec, shown)
