"""Labels in COCO's format: one JSON file for all pictures of a folder.

- Roboflow: `_annotations.coco.json` among the pictures, in `train/`, `valid/` and `test/` if there is a split.
- Label Studio: `result.json` next to `images/`; any other name will do, if there is one such file.
- COCO's own downloads: `annotations/instances_train2017.json` and the pictures in `train2017/`, and so on.

A box is `[x, y, width, height]` in pixels, x and y those of the upper left corner.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from slipway.core.errors import DataError
from slipway.core.protocol import Problem
from slipway.data.readers import coco, folders
from slipway.data.readers.coco import PICTURES, Picture
from slipway.data.readers.litter import litter, subfolders
from slipway.data.readers.metadata import METADATA
from slipway.data.readers.sides import side_folders
from slipway.tasks.object_detection import names
from slipway.tasks.object_detection.labels import LabelError, Labels, box, labels

FILE = "_annotations.coco.json"
INSTANCES = "instances"


def files(raw: Path) -> dict[Path, str]:
    """Return the folder of pictures, relative to `raw`, of each file of labels; empty if the labels are not COCO's."""
    if not raw.is_dir():
        return {}
    if found := coco.downloaded(raw, INSTANCES):
        return found
    if (own := _file(raw)) is not None and (raw / PICTURES).is_dir():
        return {own: PICTURES}
    inside = {name: path for name in subfolders(raw) if (path := _file(raw / name)) is not None}
    return {path: f"{name}/{PICTURES}" if (raw / name / PICTURES).is_dir() else name for name, path in inside.items()}


def _file(folder: Path) -> Path | None:
    """The file of labels in a folder of pictures, or next to the folder `images`; None if there is none."""
    if (folder / FILE).is_file():
        return folder / FILE
    if not (folder / PICTURES).is_dir() or (folder / "labels").is_dir():
        return None
    found = sorted(path for path in folder.glob("*.json") if not litter(path.name) and path.name.lower() != names.NOTES)
    return found[0] if len(found) == 1 else None


def has_keypoints(path: Path) -> bool:
    """Return whether a file has a category with keypoints.

    Raises:
        DataError: it is not in COCO's format.
    """
    return any(isinstance(one, dict) and one.get("keypoints") for one in coco.content(path)["categories"])


class Coco:
    """A folder of pictures with labels in COCO's format; see `slipway.tasks.object_detection.layout.Annotated`."""

    def __init__(self, raw: Path, of_files: Mapping[Path, str]) -> None:
        """Read the files of labels.

        Args:
            raw: the folder.
            of_files: see `files`.

        Raises:
            DataError: a file is not in COCO's format, or two files have different categories.
        """
        if len({top.count("/") for top in of_files.values()}) > 1:
            raise DataError(f"{raw}: some folders have {PICTURES}/ and some have pictures: give all the same layout")
        self._raw = raw
        downloaded = coco.downloaded(raw, INSTANCES)
        sides = side_folders(raw)
        self.folders: dict[str, str | None] = (
            coco.sides(downloaded.values())
            if downloaded
            else {top: sides.get(top.partition("/")[0]) for top in of_files.values()}
        )
        listing = [folders.within(raw, path) for path in of_files]
        self.files = frozenset([*listing, *(f"{top}/{METADATA}" for top in self.folders)])
        self._listing = ", ".join(listing)
        self.names: names.Names = {}
        self._pictures: dict[str, Picture] = {}
        self._annotations: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
        for path in of_files:
            content = coco.content(path)
            named = _categories(path, content["categories"])
            if self.names and named != self.names:
                raise DataError(
                    f"{path}: its categories are {names.described(named)}, but another side of the split has "
                    f"{names.described(self.names)}; export all sides together"
                )
            self.names = named
            pictures = coco.pictures(raw, path, content["images"], downloaded.get(path))
            self._pictures |= {picture.path: picture for picture in pictures.values()}
            for number, annotation in enumerate(content["annotations"]):
                where = f"{folders.within(raw, path)}, annotations[{number}]"
                of = annotation.get("image_id") if isinstance(annotation, dict) else None
                picture = pictures.get(of) if isinstance(of, int | float | str) else None
                if picture is None:
                    raise DataError(f"{raw / where}: it is of no picture; its image_id must be an id of images")
                self._annotations.setdefault(picture.path, []).append((where, annotation))

    def where(self, picture: str) -> str:
        """Return the picture: the files of labels have all pictures."""
        return picture

    def labels(self, picture: str, positions: Mapping[Any, int | None], most: int) -> Labels:
        """Return the objects of a picture.

        Args:
            picture: its path relative to the raw folder.
            positions: by category, the position of the class; None for a class that the variant does not have.
            most: the most boxes that a picture may have.

        Raises:
            LabelError: an annotation of the picture cannot be used, or there are too many.
        """
        of = self._pictures[picture]
        found = [_object(where, one, of, positions) for where, one in self._annotations.get(picture, ())]
        return labels(found, most)

    def without(self, pictures: Sequence[str]) -> dict[str, Problem]:
        """Return the problem of each picture that no file of labels lists."""
        detail = f"{self._listing} does not list it; a picture without objects is listed too"
        return {
            picture: Problem(picture, "not listed", detail) for picture in pictures if picture not in self._pictures
        }

    def strays(self, pictures: Collection[str], notes: list[str]) -> Iterator[Problem]:
        """Yield the pictures that are listed and missing, and the folders that hold no pictures of the split.

        Args:
            pictures: all files in the folders of pictures.
            notes: the list to which a sentence on files that are not read is added.
        """
        for picture in sorted(self._pictures.keys() - set(pictures)):
            yield Problem(picture, "missing file", "it is listed among the labels, and there is no such file")
        known, passed = {METADATA, *self.files, *(top.partition("/")[0] for top in self.folders)}, 0
        known |= {name.partition("/")[0] for name in self.files}
        for path in sorted(self._raw.iterdir()):
            where = folders.within(self._raw, path)
            if where in known or litter(path.name):
                continue
            if path.is_file():
                passed += 1
            elif coco.ANNOTATIONS in known:  # such as test2017 and unlabeled2017, which COCO offers without labels
                notes.append(f"the pictures in {where} are not read, since no file of labels is about them")
            else:
                yield Problem(where, "not in a folder", f"pictures go to {', '.join(self.folders)}")
        if passed:
            notes.append(f"{passed:,} files next to the folders of pictures are not read (README, licence, ...)")


def _categories(path: Path, categories: Sequence[Any]) -> names.Names:
    """Return the name of each category by id."""
    found: dict[Any, str] = {}
    for number, category in enumerate(categories):
        if (
            not isinstance(category, dict)
            or not isinstance(category.get("id"), int | float | str)
            or not coco.text(category.get("name"))
        ):
            raise DataError(f"{path}: categories[{number}] has no id or no name")
        found[category["id"]] = category["name"].strip()
    if not found:
        raise DataError(f"{path}: the list categories is empty; it must have an id and a name for each class")
    return found


def _object(
    where: str, one: Mapping[str, Any], picture: Picture, positions: Mapping[Any, int | None]
) -> tuple[np.ndarray, int | None]:
    """Check an annotation; return its box [4] in shares of the picture and the position of its class."""
    category, values = one.get("category_id"), one.get("bbox")
    if not isinstance(category, int | float | str) or category not in positions:
        raise LabelError("unknown class", f"{where}: categories has no id {category!r}")
    if one.get("iscrowd"):
        raise LabelError("crowd", f"{where}: it is of several objects; label each of them")
    if not coco.numbers(values, 4):
        raise LabelError("malformed label", f"{where}: bbox must be x, y, width and height, not {values!r}")
    edges, size = np.array(values, np.float64), np.array([picture.width, picture.height], np.float64)
    shown = f"{where}: the box {values} in a picture of {picture.width} x {picture.height} pixels"
    return box(edges[:2] / size, (edges[:2] + edges[2:]) / size, shown), positions[category]
