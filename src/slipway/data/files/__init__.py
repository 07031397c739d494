"""Files in which each one is an example of one class: the folders they are in, and their encoding.

Input: a raw folder with a folder for each class (`slipway.data.readers.folders`). Targets: int64, the position of the
class in the spec's `outputs`. The modules of this package say what is in the files, `pictures` or `sounds`, and
`several` that a file may be of several classes.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from slipway.core.config import Section
from slipway.core.errors import ExampleError
from slipway.core.protocol import Encoded, Index, Problem
from slipway.core.spec import Spec
from slipway.data.readers import folders


class Labels(Section):
    """What the classes and groups of files are; a part of the `data` section.

    `classes`: folder names in the order of the model's outputs, for two classes the positive one first; with null, all
    folders sorted by name. `group`: a regular expression with one group, searched for in a file's path within its class
    folder without suffix; files with the same match stay on one side of a split (`^([^/]+)/` for one folder per video
    or recording). With null, the `group` column of metadata.csv is used, and without that column each file is a group.
    """

    classes: folders.Classes = None
    group: folders.Group = None


class Files(ABC):
    """A task whose examples are files; see `slipway.core.protocol.Task`."""

    objective: ClassVar[str]
    noun: ClassVar[str]
    """The word for the examples in messages, in the plural."""

    def __init__(self, data: Any) -> None:
        super().__init__(data.model_dump())  # type: ignore[call-arg]  # the class of the edge, in each task
        self.data = data
        self.group: re.Pattern[str] | None = None if data.group is None else re.compile(data.group)

    @staticmethod
    @abstractmethod
    def recognise(start: bytes) -> object:
        """Check the first 12 bytes of a file.

        Raises:
            ExampleError: it is not an example.
        """

    @abstractmethod
    def input(self) -> dict[str, Any]:
        """Return the spec's `input`: shape, dtype, and the meaning of the values."""

    @abstractmethod
    def inputs(self, path: Path) -> np.ndarray:
        """Return the inputs [n, *shape] of a file.

        Raises:
            ExampleError: it cannot be decoded.
        """

    @staticmethod
    @abstractmethod
    def hash(one: np.ndarray, /) -> int:
        """Return the 64-bit perceptual hash of an input [*shape]; near copies differ in few bits."""

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The classes of `data.classes`; None if the raw data names them."""
        classes: tuple[str, ...] | None = self.data.classes
        return classes

    def index(self, raw: Path) -> Index:
        """List the files by their first bytes, without decoding them; `example` is the path relative to `raw`.

        Raises:
            DataError: there are no class folders, a folder is not a class, a class has no files, metadata.csv cannot
                be used, or the group expression matches no file.
        """
        return folders.index(raw, self.classes, self.recognise, self.group, self.noun)

    def specify(self, raw: Path, examples: pd.DataFrame) -> Spec:
        """Return the input and the class names; `examples` are not used."""
        classes = list(self.names(raw))
        return {"objective": self.objective, "input": self.input(), "outputs": classes, "classes": classes}

    def names(self, raw: Path) -> Sequence[str]:
        """Return the class names, in the order of the outputs."""
        return folders.class_folders(raw, self.classes)

    def targets(self, examples: pd.DataFrame, names: Sequence[str]) -> np.ndarray:
        """Return the targets [n] of examples: the positions of their classes in `names`."""
        return examples["label"].map({name: position for position, name in enumerate(names)}).to_numpy(np.int64)

    def encode(self, raw: Path, examples: pd.DataFrame, spec: Spec) -> Iterator[Encoded]:
        """Decode files in order on a few threads; a file's row is repeated for each of its inputs."""
        targets = self.targets(examples, spec["outputs"])

        def read(name: str) -> tuple[np.ndarray, list[int]] | Problem:
            try:
                inputs = self.inputs(raw / name)
            except ExampleError as error:
                return Problem(name, error.kind, error.detail)
            return inputs, [self.hash(one) for one in inputs]

        for start, results in folders.read_ahead(read, examples["example"].tolist()):
            good = [(start + row, *one) for row, one in enumerate(results) if not isinstance(one, Problem)]
            rows = np.repeat([row for row, _, _ in good], [len(inputs) for _, inputs, _ in good]).astype(np.int64)
            yield Encoded(
                rows=rows,
                inputs=np.concatenate([np.empty((0, *spec["input"]["shape"]), np.uint8), *(one for _, one, _ in good)]),
                targets=targets[rows],
                hashes=np.array([one for _, _, hashes in good for one in hashes], np.uint64),
                problems=[result for result in results if isinstance(result, Problem)],
            )
