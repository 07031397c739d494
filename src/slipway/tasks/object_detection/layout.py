"""The raw layouts of object detection, as one: the pictures of a folder with their objects.

The labels are YOLO text (`yolo`) or in COCO's format (`coco`), and metadata.csv may describe the pictures.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from slipway.core.errors import DataError
from slipway.core.protocol import Index, Problem
from slipway.data.readers import folders
from slipway.data.readers.litter import passed_over
from slipway.data.readers.metadata import LABELS
from slipway.tasks.object_detection import coco
from slipway.tasks.object_detection.labels import LabelError, Labels
from slipway.tasks.object_detection.names import Names, positions
from slipway.tasks.object_detection.yolo import Yolo
from slipway_edge.classes import text
from slipway_edge.pictures import recognise


class Annotated(Protocol):
    """A folder of pictures with labels; paths are relative to the raw folder."""

    @property
    def folders(self) -> Mapping[str, str | None]:
        """The folders of pictures, and the side of the split of each, if it has one."""

    @property
    def files(self) -> Collection[str]:
        """The files in the folders of pictures that are no pictures, but about them."""

    @property
    def names(self) -> Names | None:
        """The classes that the folder states, by number or id; None if it states none."""

    def where(self, picture: str) -> str:
        """Return the file to name in a message on the labels of a picture."""

    def labels(self, picture: str, positions: Mapping[Any, int | None], most: int) -> Labels:
        """Return the objects of a picture, at most `most`.

        Args:
            picture: its path.
            positions: by number or id, the position of the class; None for a class that the variant does not have.
            most: the most boxes that a picture may have.

        Raises:
            LabelError: they cannot be used.
        """

    def without(self, pictures: Sequence[str]) -> Mapping[str, Problem]:
        """Return the problem of each picture that has no labels of its own, not even empty ones."""

    def strays(self, pictures: Collection[str], notes: list[str]) -> Iterator[Problem]:
        """Yield the files and labels that belong to no picture; `pictures` are all files in the folders of pictures."""


class Layout:
    """The pictures of a raw folder and their objects, for the classes of a variant."""

    def __init__(self, raw: Path, classes: Sequence[str], most: int) -> None:
        """Find the layout, and read what is not about a single picture.

        Args:
            raw: the folder.
            classes: the names of the variant's classes.
            most: the most boxes that a picture may have.

        Raises:
            DataError: the folder has no such layout, or it does not have one of the classes.
        """
        self._raw, self._classes, self._most = raw, classes, most
        self._source = annotated(raw)
        stated = self._source.names
        self._positions: Mapping[Any, int | None] = (
            dict(enumerate(range(len(classes)))) if stated is None else positions(stated, classes, str(raw))
        )

    def labels(self, picture: str) -> Labels:
        """Return the objects of a picture.

        Raises:
            LabelError: they cannot be used.
        """
        return self._source.labels(picture, self._positions, self._most)

    def index(self, group: re.Pattern[str] | None, absent: str | None) -> Index:
        """List the pictures, recognized by their first bytes; `example` is the path.

        Args:
            group: searched for in a path within the folder of pictures (and its side of a split) without suffix; its
                match is the group.
            absent: the label of a picture without an object, if there is one class and each picture shows it or not.
                Otherwise a picture has the labels of the classes of its objects.

        Raises:
            DataError: metadata.csv cannot be used, the group expression matches no picture, or no picture shows an
                object.
        """
        problems: list[Problem] = []
        notes = passed_over(self._raw)
        found = self._pictures(problems, notes)
        shown = [[self._classes[number] for number in np.unique(one.classes)] for one in found.values()]
        texts = [absent if absent is not None and not names else text(names) for names in shown]
        examples = pd.DataFrame({"example": [*found], "label": texts}, dtype="str")
        if absent is None:
            examples[LABELS] = pd.Series(shown, dtype="object")
            notes += _described(found.values(), self._classes)
        examples = folders.placed(examples, self._source.folders)
        examples = folders.describe(self._raw, examples, group, "pictures", problems, notes)
        problems.sort(key=lambda problem: (problem.where, problem.kind))
        if not any(shown):
            raise DataError(self._no_object(problems))
        return Index(examples.sort_values("example", ignore_index=True), problems, notes)

    def _pictures(self, problems: list[Problem], notes: list[str]) -> dict[str, Labels]:
        """Return the usable pictures with their objects; bad files are added to `problems`."""
        source = self._source
        odd: list[Problem] = []
        names = sorted(
            name for top in source.folders for name in folders.walk(self._raw, self._raw / top, recognise, odd)
        )
        odd = [problem for problem in odd if problem.where not in source.files]
        problems += odd
        problems += source.strays({*names, *(problem.where for problem in odd)}, notes)
        without = source.without(names)
        problems += without.values()
        found: dict[str, Labels] = {}
        for name in names:
            if name in without:
                continue
            try:
                found[name] = self.labels(name)
            except LabelError as error:
                problems.append(Problem(source.where(name), error.kind, error.detail))
        notes += _interpreted(found.values())
        return found

    def _no_object(self, problems: Sequence[Problem]) -> str:
        if problems:
            first = problems[0]
            return (
                f"{self._raw}: no usable label has a box, and {len(problems)} files cannot be used; the first: "
                f"{first.where}: {first.kind}: {first.detail}"
            )
        return f"{self._raw}: no label has a box; draw one around each {' and each '.join(self._classes)} in a picture"


def annotated(raw: Path) -> Annotated:
    """Return the pictures of a raw folder with their labels.

    Raises:
        DataError: the folder has no layout of object detection.
    """
    found = coco.files(raw)
    return coco.Coco(raw, found) if found else Yolo(raw)


def _interpreted(found: Iterable[Labels]) -> list[str]:
    """Return sentences on labels that are read in a way that they do not state."""
    counts: Counter[str] = Counter()
    for one in found:
        counts.update({"outlines": one.outlines, "repeated": one.repeated, "left_out": one.left_out})
    said = {
        "outlines": "labels are outlines and are read as the boxes around them",
        "repeated": "labels repeat an earlier box and are not read",
        "left_out": "labels are of classes that the variant does not have and are not read",
    }
    return [f"{counts[kind]:,} {what}" for kind, what in said.items() if counts[kind]]


def _described(found: Iterable[Labels], classes: Sequence[str]) -> list[str]:
    """Return a sentence with the number of objects of each class."""
    numbers = [one.classes for one in found]
    objects = np.bincount(np.concatenate([np.zeros(0, np.int64), *numbers]), minlength=len(classes))
    empty = sum(not len(one) for one in numbers)
    listed = ", ".join(f"{count:,} of {name}" for name, count in zip(classes, objects.tolist(), strict=True))
    return [f"objects: {listed}; {empty:,} pictures without an object"]
