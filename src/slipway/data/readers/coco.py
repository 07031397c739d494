"""COCO's format of annotations: one JSON file with lists of pictures, annotations and categories, checked.

See https://cocodataset.org/#format-data, version 1.0. Coordinates are pixels; the left and upper edges of a picture are
at 0.
"""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from slipway.core.errors import DataError
from slipway.data.readers.sides import side_of_folder

PICTURES = "images"
ANNOTATIONS = "annotations"
LISTS = ("images", "annotations", "categories")


@dataclass(frozen=True)
class Picture:
    """A picture that a file lists: its path relative to the raw folder, and its size in pixels."""

    path: str
    width: int
    height: int


def content(path: Path) -> dict[str, list[Any]]:
    """Return the lists of a file.

    Raises:
        DataError: it is not JSON, or it does not have the lists `images`, `annotations` and `categories`.
    """
    try:
        read: dict[str, list[Any]] = json.loads(path.read_bytes())
    except (ValueError, OSError, RecursionError) as error:
        raise DataError(f"{path}: not JSON ({error}); export the annotations again")
    for key in LISTS:
        if not isinstance(read, dict) or not isinstance(read.get(key), list):
            raise DataError(f"{path}: no list {key!r}, so it is not COCO's format; see cocodataset.org/#format-data")
    return read


def downloaded(raw: Path, kind: str) -> dict[Path, str]:
    """Return the folder of pictures, relative to `raw`, of each file of a kind in the layout of COCO's own downloads.

    The files are `annotations/<kind>_<name>.json`, and their pictures are in the folder `<name>` or `images/<name>`,
    such as `train2017`. Files without such a folder are left out: COCO's annotations come in one archive.
    """
    found: dict[Path, str] = {}
    for path in sorted((raw / ANNOTATIONS).glob(f"{kind}_*.json")):
        name = path.stem.removeprefix(f"{kind}_")
        top = next((top for top in (name, f"{PICTURES}/{name}") if name and (raw / top).is_dir()), None)
        if top is not None:
            found[path] = top
    return found


def sides(tops: Iterable[str]) -> dict[str, str | None]:
    """Return the side of the split that each folder is named after; None for all if they are no split."""
    found = {top: side_of_folder(PurePosixPath(top).name) for top in tops}
    is_split = len(found) > 1 and None not in found.values() and "train" in found.values()
    return found if is_split else dict.fromkeys(found)


def pictures(raw: Path, path: Path, images: list[Any], folder: str | None = None) -> dict[Any, Picture]:
    """Return the pictures of the list `images` by id.

    Paths in the file are relative to `folder`; if that is None, to the file's folder, or to the folder of pictures in
    that. If there is no such file, it is the one of that name directly in the folder of pictures.

    Args:
        raw: the raw folder.
        path: the file.
        images: the list.
        folder: the folder of its pictures, relative to `raw`.

    Raises:
        DataError: an entry lacks a key, is there twice, or has a path outside the folder; or two are of one picture.
    """
    parent = PurePosixPath(path.parent.relative_to(raw).as_posix() if folder is None else folder)
    apart = folder is None and (path.parent / PICTURES).is_dir()
    found: dict[Any, Picture] = {}
    taken: set[str] = set()
    for number, image in enumerate(images):
        where = f"{path}: images[{number}]"
        missing = [
            key for key in ("id", "file_name", "width", "height") if not isinstance(image, dict) or key not in image
        ]
        if missing:
            raise DataError(f"{where} has no {missing[0]}")
        if not isinstance(image["id"], int | float | str) or image["id"] in found:
            raise DataError(f"{where}: id {image['id']!r} is not a number or text, or occurs earlier in the list")
        name = PurePosixPath(image["file_name"].replace("\\", "/")) if text(image["file_name"]) else PurePosixPath("..")
        place = PICTURES / name if apart and name.parts[:1] != (PICTURES,) else name
        own = parent / PICTURES / name.name if apart else parent / name.name
        if ".." in name.parts or (name.is_absolute() and not (raw / own).is_file()):
            raise DataError(f"{where}: file_name {image['file_name']!r} must be a path in {PICTURES}")
        if not all(_is_size(image[key]) for key in ("width", "height")):
            raise DataError(f"{where}: width and height must be pixels, not {image['width']!r} and {image['height']!r}")
        # Some tools write the path that the picture had where it was labelled.
        elsewhere = name.is_absolute() or not (raw / parent / place).is_file()
        at = own if elsewhere and (raw / own).is_file() else parent / place
        if (path_of := at.as_posix()) in taken:
            raise DataError(f"{where}: {path_of} is listed earlier, with another id")
        taken.add(path_of)
        found[image["id"]] = Picture(path_of, int(image["width"]), int(image["height"]))
    return found


def _is_size(value: Any) -> bool:
    """Whether a value is a number of pixels; some tools write 80.0."""
    return isinstance(value, int | float) and value > 0 and float(value).is_integer()


def resembles(path: Path) -> bool:
    """Return whether a file is a JSON document with one of the lists of COCO's format, but perhaps not all."""
    try:
        read = json.loads(path.read_bytes())
    except (ValueError, OSError, RecursionError):
        return False
    return isinstance(read, dict) and any(isinstance(read.get(key), list) for key in LISTS)


def numbers(values: Any, count: int) -> bool:
    """Whether `values` is a list of `count` finite numbers."""
    try:
        return isinstance(values, list) and len(values) == count and all(map(math.isfinite, values))
    except (TypeError, OverflowError):
        return False


def text(value: Any) -> bool:
    """Whether `value` is text that can be written as UTF-8: JSON can hold lone surrogates."""
    return isinstance(value, str) and not any("\ud800" <= one <= "\udfff" for one in value)
