"""Labels as YOLO text: pictures in `images/`, and in `labels/` a text file of the same name for each picture.

A line is a box, `class x y width height`. x and y are the box's centre; all four are shares of the picture's width and
height. An empty file means that there is no object. A line of three points or more, `class x y x y x y ...`, outlines
an object and is read as the box around it.

If the data is already split, the sides are folders below the two (`images/train`, `labels/train`) or above them
(`train/images`, `train/labels`).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from slipway.core.errors import DataError
from slipway.core.protocol import Problem
from slipway.data.readers import folders
from slipway.data.readers.litter import litter, subfolders
from slipway.data.readers.metadata import METADATA
from slipway.data.readers.sides import picture_folders
from slipway.tasks.object_detection import names
from slipway.tasks.object_detection.labels import LabelError, Labels, box, labels

IMAGES, LABELS = "images", "labels"
EXPORTED = frozenset(
    {*names.TEXTS, names.NOTES, "data.yaml", "data.yml", "dataset.yaml", "dataset.yml"}
    | {"readme.md", "readme.txt", "readme.dataset.txt", "readme.roboflow.txt", "license", "license.txt"}
)
"""Files, in lower case, that annotation tools put next to the folders or the labels; they are about no picture."""
_FORM = "a line is `class x y width height`, in numbers"


class Yolo:
    """A folder of pictures with their labels as YOLO text; see `slipway.tasks.object_detection.layout.Annotated`."""

    files: frozenset[str] = frozenset()

    def __init__(self, raw: Path) -> None:
        self._raw = raw
        self.folders = _picture_folders(raw)
        self._tops = [LABELS if top.startswith(IMAGES) else label_of(top).removesuffix(".txt") for top in self.folders]
        for folder in (*self.folders, *self._tops):
            if not (raw / folder).is_dir():
                raise DataError(
                    f"{raw / folder}: no such folder; pictures go to {IMAGES}/, their labels as YOLO text to {LABELS}/ "
                    f"or in COCO's format to one JSON file next to {IMAGES}/"
                )

    @property
    def names(self) -> names.Names | None:
        """The names of the classes by number; None if no file states them."""
        tops = [self._raw / top for top in self._tops]
        return names.stated(dict.fromkeys([self._raw, *(top.parent for top in tops), *tops]))

    def where(self, picture: str) -> str:
        """Return the path of a picture's label file."""
        return label_of(picture)

    def labels(self, picture: str, positions: Mapping[int, int | None], most: int) -> Labels:
        """Return the objects of a picture; see `read_labels`."""
        return read_labels(self._raw / label_of(picture), positions, most)

    def without(self, pictures: Sequence[str]) -> dict[str, Problem]:
        """Return the problem of each picture that has no label file, or none of its own."""
        taken: dict[str, str] = {}
        found: dict[str, Problem] = {}
        for picture in pictures:
            label = label_of(picture)
            if label in taken:
                found[picture] = Problem(
                    picture, "shares a label", f"{label} belongs to {taken[label]}; rename one of the pictures"
                )
            elif not (self._raw / label).is_file():
                detail = f"there is no {label}; write an empty file for a picture without objects"
                found[picture] = Problem(picture, "no label", detail)
            taken.setdefault(label, picture)
        return found

    def strays(self, pictures: Collection[str], notes: list[str]) -> Iterator[Problem]:
        """Yield the files that belong to no picture and are not known files of annotation tools.

        Args:
            pictures: all files in the folders of pictures.
            notes: the list to which a sentence on known files is added.
        """
        raw, known = self._raw, {label_of(picture) for picture in pictures}
        parents = {PurePosixPath(folder).parent.as_posix() for folder in self._tops}
        paths = {path for folder in self._tops for path in (raw / folder).rglob("*") if not path.is_dir()}
        own = {raw / folder for folder in (*self._tops, *parents, *self.folders, IMAGES)}
        own |= {raw / parent / METADATA for parent in parents | {"."}}
        paths |= {path for parent in parents | {"."} for path in (raw / parent).iterdir() if path not in own}
        exported = 0
        for path in sorted(paths):
            where = folders.within(raw, path)
            if any(litter(part) for part in path.relative_to(raw).parts) or where in known:
                continue
            if path.is_file() and (path.name.lower() in EXPORTED or path.suffix in (".cache", ".yaml", ".yml")):
                exported += 1
            elif any(where.startswith(f"{folder}/") for folder in self._tops):
                yield Problem(where, "no picture", f"no picture in {IMAGES}/ has this name")
            else:
                yield Problem(where, "not in a folder", f"pictures go to {IMAGES}/, their labels to {LABELS}/")
        if exported:
            notes.append(
                f"{exported:,} files of the annotation tool are about no picture (classes.txt, data.yaml, ...)"
            )


def label_of(picture: str) -> str:
    """Return the path of a picture's label file; both paths are relative to the raw folder."""
    parts = list(PurePosixPath(picture).parts)
    parts[parts.index(IMAGES)] = LABELS
    return PurePosixPath(*parts).with_suffix(".txt").as_posix()


def read_labels(path: Path, positions: Mapping[int, int | None], most: int) -> Labels:
    """Return the objects of a label file.

    Args:
        path: the file.
        positions: by class number, the position of the class; None for a class that the variant does not have.
        most: the most boxes that a picture may have.

    Raises:
        LabelError: the file cannot be read, a line is not a box, a class is unknown, or there are too many boxes.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise LabelError("malformed label", "not text in UTF-8")
    except OSError as error:
        raise LabelError("unreadable", error.strerror or str(error))
    lines = [(number, line.split()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    found = [_object(number, fields, positions) for number, fields in lines]
    return labels(found, most, sum(len(fields) > 6 for _, fields in lines))


def _object(number: int, fields: list[str], positions: Mapping[int, int | None]) -> tuple[np.ndarray, int | None]:
    shown = " ".join(fields[:9]) + (" ..." if len(fields) > 9 else "")
    line = f"line {number}: {shown!r}"
    try:
        kind, values = float(fields[0]), np.array(fields[1:], np.float64)
    except ValueError:
        raise LabelError("malformed label", f"{line}; {_FORM}")
    if not kind.is_integer() or not np.isfinite(values).all():
        raise LabelError(
            "malformed label", f"{line}; {_FORM}; the class is a whole number, and no value is NaN or infinite"
        )
    if int(kind) not in positions:
        known = ", ".join(map(str, positions))
        raise LabelError("unknown class", f"{line}; the numbers of the classes are {known}")
    low, high = _corners(line, values)
    hint = "; are these pixels?" if values.max() > 2 else ""
    return box(low, high, line, f", whose sides are 0 to 1{hint}"), positions[int(kind)]


def _corners(line: str, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The upper left and the lower right corner of a box, or of the box around an outline."""
    if len(values) == 4:
        return values[:2] - values[2:] / 2, values[:2] + values[2:] / 2
    if len(values) == 5:
        raise LabelError("malformed label", f"{line}; 6 numbers: are these detections with a score? {_FORM}")
    if len(values) < 6 or len(values) % 2:
        found = f"{len(values) + 1} numbers are neither a box (5) nor an outline (a class and points)"
        raise LabelError("malformed label", f"{line}; {found}; {_FORM}")
    if len(values) % 3 == 1 and np.isin(values[6::3], (0, 1, 2)).all():
        raise LabelError("malformed label", f"{line}; a box with keypoints; {_FORM}")
    points = values.reshape(-1, 2)
    return points.min(axis=0), points.max(axis=0)


def _picture_folders(raw: Path) -> dict[str, str | None]:
    """The folders of pictures, relative to `raw`, and the side of the split of each.

    An export without a split may have all pictures in one folder that is named like a side.
    """
    inside = [name for name in subfolders(raw) if (raw / name / IMAGES).is_dir()] if raw.is_dir() else []
    if len(inside) == 1 and not (raw / IMAGES).is_dir():
        return {f"{inside[0]}/{IMAGES}": None}
    return picture_folders(raw, IMAGES)
