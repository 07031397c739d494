"""COCO's keypoint annotations as a table with one row per person (https://cocodataset.org/#format-data, version 1.0).

Coordinates are pixels of the upright picture; its left and upper edges are at 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd

from slipway.core.errors import DataError, ExampleError
from slipway.core.protocol import Problem
from slipway.data.readers import coco
from slipway.data.readers.sides import picture_folders

FILE = "annotations.json"
KEYPOINTS = "person_keypoints"
SLACK = 1.0
"""Pixels by which a box or a keypoint may be outside the picture, since annotations are rounded."""


@dataclass(frozen=True)
class Persons:
    """The content of the annotation files.

    `category` is the name of the persons' category, `names` [keypoints] its keypoints, `skeleton` its bones as pairs of
    names. `table` has one row per usable person: `example` (picture and annotation), `picture` (path relative to the
    raw folder), `picture_width`, `picture_height`, `box` and `keypoints` as flat lists in COCO's order, `area`.
    `pictures` are the paths of all pictures that the files list, with or without persons. `repeated` is the number of
    annotations that repeat a person of a picture, `unannotated` that of persons without an annotated keypoint.
    """

    category: str
    names: list[str]
    skeleton: list[tuple[str, str]]
    table: pd.DataFrame
    pictures: frozenset[str]
    repeated: int
    unannotated: int


def read(raw: Path, problems: list[Problem], area: bool = True) -> Persons:
    """Return the persons of the annotation files in `raw`; those that cannot be used are added to `problems`.

    There is one file, next to the folder of pictures, or one for each side of a split; see `tops`.

    Args:
        raw: the raw folder.
        problems: the list to which persons that cannot be used are added.
        area: whether each person must have an area; if not, it is that of the box.

    Raises:
        DataError: there is no such file, or more than one, or it is not in COCO's format; or the files of the sides
            have different keypoints.
    """
    files = _files(raw)
    contents = {path: coco.content(path) for path in files}
    category = _common({path: _category(path, content["categories"]) for path, content in contents.items()})
    rows: list[dict[str, Any]] = []
    seen, persons, listed = set(), set(), set()
    unannotated = 0
    for path, content in contents.items():
        pictures = coco.pictures(raw, path, content["images"], files[path])
        listed |= {picture.path for picture in pictures.values()}
        for number, annotation in enumerate(content["annotations"]):
            where = f"{path.relative_to(raw).as_posix()}, annotations[{number}]"
            if _is_unannotated(annotation):
                unannotated += 1
                continue
            try:
                row = _row(annotation, category, pictures, area)
                if row["example"] in seen:
                    raise ExampleError("listed twice", f"annotation {annotation['id']} occurs earlier in the list")
            except ExampleError as bad:
                problems.append(Problem(where, bad.kind, bad.detail))
            else:
                seen.add(row["example"])
                person = row["picture"], *np.round([*row["box"], *row["keypoints"]], 1).tolist()
                if person not in persons:
                    rows.append(row)
                persons.add(person)
    names = list(category["keypoints"])
    columns = ["example", "picture", "picture_width", "picture_height", "box", "keypoints", "area"]
    return Persons(
        category["name"],
        names,
        [(names[one - 1], names[other - 1]) for one, other in category.get("skeleton") or []],
        pd.DataFrame(rows, columns=columns),
        frozenset(listed),
        len(seen) - len(rows),
        unannotated,
    )


def present(raw: Path) -> bool:
    """Return whether there are files of annotations, with a category that has keypoints."""
    try:
        contents = [coco.content(path) for path in _files(raw)]
    except DataError:
        return False
    return any(isinstance(one, dict) and one.get("keypoints") for content in contents for one in content["categories"])


def names(raw: Path) -> list[str]:
    """Return the names of the keypoints [keypoints], in the order of the files.

    Raises:
        DataError: as `read`.
    """
    return list(_common({path: _category(path, coco.content(path)["categories"]) for path in _files(raw)})["keypoints"])


def _common(categories: Mapping[Path, dict[str, Any]]) -> dict[str, Any]:
    """The category of the persons, which all files must describe alike."""
    (first, category), *others = categories.items()
    for path, other in others:
        for key in ("id", "name", "keypoints"):
            if other[key] != category[key]:
                raise DataError(
                    f"{path}: {key} of the category with keypoints is {other[key]}, and in {first} it is "
                    f"{category[key]}; export both with the same categories"
                )
    return category


def tops(raw: Path) -> dict[str, str | None]:
    """Return the folders of pictures, relative to `raw`, and the side of the split of each.

    They are those of `picture_folders`, or of COCO's own downloads: `train2017` with
    `annotations/person_keypoints_train2017.json`, and so on.
    """
    found = coco.downloaded(raw, KEYPOINTS)
    return coco.sides(found.values()) if found else picture_folders(raw, coco.PICTURES)


def _files(raw: Path) -> dict[Path, str | None]:
    """The file of annotations of each folder of pictures; that folder if it is not `images` next to the file."""
    if not raw.is_dir():
        raise DataError(f"{raw}: no such folder; it must contain {coco.PICTURES}/ and {FILE}")
    if found := coco.downloaded(raw, KEYPOINTS):
        return dict(found)
    parents = [PurePosixPath(top.partition(coco.PICTURES)[0]) for top in picture_folders(raw, coco.PICTURES)]
    return dict.fromkeys(_file(raw / parent) for parent in parents)


def _file(folder: Path) -> Path:
    if not (folder / coco.PICTURES).is_dir():
        raise DataError(f"{folder}: no folder {coco.PICTURES}; put the pictures there")
    if (folder / FILE).is_file():
        return folder / FILE
    found = sorted(path for path in folder.glob("*.json") if not path.name.startswith("."))
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise DataError(f"{folder}: the COCO keypoints must be in {FILE} or the only *.json; found {names}")
    return found[0]


def _category(path: Path, categories: list[Any]) -> dict[str, Any]:
    """The one category that has keypoints."""
    found = [one for one in categories if isinstance(one, dict) and one.get("keypoints")]
    if len(found) != 1:
        raise DataError(f"{path}: {len(found)} categories have keypoints; exactly one, of the persons, must have them")
    (category,) = found
    names = category["keypoints"]
    if "id" not in category or not coco.text(category.get("name")):
        raise DataError(f"{path}: the category with keypoints has no id or no name")
    if not isinstance(names, list) or not all(map(coco.text, names)) or len(set(names)) < len(names):
        raise DataError(f"{path}: the keypoints of {category['name']} must be a list of different names, not {names}")
    known = range(1, len(names) + 1)
    skeleton = category.get("skeleton") or []
    for bone in skeleton if isinstance(skeleton, list) else [skeleton]:
        if (
            not isinstance(bone, list)
            or len(bone) != 2
            or any(type(end) is not int or end not in known for end in bone)
        ):
            raise DataError(f"{path}: skeleton {bone} of {category['name']} must be two numbers from 1 to {len(names)}")
    return category


def _is_unannotated(annotation: Any) -> bool:
    """Whether an annotation is of a person or a crowd without an annotated keypoint; most of COCO's own are."""
    points = annotation.get("keypoints") if isinstance(annotation, dict) else None
    return isinstance(points, list) and bool(points) and coco.numbers(points, len(points)) and not any(points)


def _row(
    annotation: Any, category: Mapping[str, Any], pictures: Mapping[Any, coco.Picture], area: bool
) -> dict[str, Any]:
    """Check an annotation, and return its row of the table."""
    for key in ("id", "image_id", "category_id", "bbox", "keypoints", *(["area"] if area else [])):
        if not isinstance(annotation, dict) or annotation.get(key) is None:
            raise ExampleError("incomplete", f"it has no {key}")
    if annotation["category_id"] != category["id"]:
        raise ExampleError("unknown category", f"category {annotation['category_id']} is not {category['name']}'s")
    if not isinstance(annotation["id"], int | float) and not coco.text(annotation["id"]):
        raise ExampleError("bad id", f"id must be a number or text, not {annotation['id']!r}")
    image = annotation["image_id"]
    if not isinstance(image, int | float | str) or image not in pictures:
        raise ExampleError("unknown picture", f"images has no id {image!r}")
    if annotation.get("iscrowd"):
        raise ExampleError("crowd", "it is of several persons; remove it")
    picture = pictures[image]
    box = _box(annotation["bbox"], picture.width, picture.height)
    return {
        "example": f"{picture.path}#{annotation['id']}",
        "picture": picture.path,
        "picture_width": picture.width,
        "picture_height": picture.height,
        "box": box,
        "keypoints": _keypoints(annotation["keypoints"], category["keypoints"], picture.width, picture.height),
        "area": _area(annotation["area"]) if area else box[2] * box[3],
    }


def _box(values: Any, width: int, height: int) -> list[float]:
    if not coco.numbers(values, 4):
        raise ExampleError("bad box", f"bbox must be four numbers, x, y, width and height, not {values!r}")
    x, y, w, h = map(float, values)
    if w <= 0 or h <= 0:
        raise ExampleError("empty box", f"a box of {w:g} x {h:g} pixels")
    if x < -SLACK or y < -SLACK or x + w > width + SLACK or y + h > height + SLACK:
        raise ExampleError("box outside", f"the box {[x, y, w, h]} leaves the picture of {width} x {height}")
    return [x, y, w, h]


def _keypoints(values: Any, names: list[str], width: int, height: int) -> list[float]:
    if not coco.numbers(values, 3 * len(names)):
        found = f"{len(values)} values" if isinstance(values, list) else repr(values)
        raise ExampleError(
            "bad keypoints", f"{len(names)} keypoints need {3 * len(names)} numbers (x, y and v for each), not {found}"
        )
    keypoints = np.array(values, np.float64).reshape(-1, 3)
    annotated = keypoints[:, 2] > 0
    if not np.isin(keypoints[:, 2], (0, 1, 2)).all():
        raise ExampleError(
            "bad keypoints", f"v must be 0, 1 or 2, not {sorted(set(keypoints[:, 2].tolist()) - {0, 1, 2})[0]:g}"
        )
    if not annotated.any():
        raise ExampleError("no keypoint", "no keypoint is annotated (v above 0)")
    outside = annotated & ~(
        (keypoints[:, :2] >= -SLACK).all(axis=1) & (keypoints[:, :2] <= np.array([width, height]) + SLACK).all(axis=1)
    )
    for position in np.flatnonzero(outside):
        x, y = keypoints[position, :2]
        raise ExampleError(
            "keypoint outside", f"{names[position]} at {x:g}, {y:g} is outside the picture of {width} x {height}"
        )
    return [float(value) for value in np.where(annotated[:, None], keypoints, 0.0).ravel()]


def _area(value: Any) -> float:
    if not coco.numbers([value], 1) or value <= 0:
        raise ExampleError("bad area", f"area must be square pixels, not {value!r}")
    return float(value)
