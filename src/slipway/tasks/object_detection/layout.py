"""The raw layout: pictures in `images/`, a YOLO label file for each in `labels/`, and optionally metadata.csv.

If the data is already split, the sides are folders below these two (`images/train`, `labels/train`) or above them
(`train/images`).
"""

import re
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath

import pandas as pd

from slipway.core.errors import DataError
from slipway.core.protocol import Index, Problem
from slipway.data.readers import folders
from slipway.data.readers.litter import litter, passed_over
from slipway.data.readers.metadata import METADATA
from slipway.data.readers.sides import above_pictures, side_folders
from slipway.tasks.object_detection.labels import LabelError, read_labels
from slipway_edge.pictures import recognise

IMAGES, LABELS = "images", "labels"
EXPORTED = frozenset(
    {"classes.txt", "predefined_classes.txt", "notes.json", "data.yaml", "data.yml", "dataset.yaml", "obj.names"}
    | {"readme.md", "readme.txt", "readme.dataset.txt", "readme.roboflow.txt", "license", "license.txt"}
)
"""Files, in lower case, that annotation tools put next to the folders or the labels; they are about no picture."""


def index(raw: Path, names: tuple[str, str], group: re.Pattern[str] | None, most: int) -> Index:
    """List the pictures by their first bytes and read their labels; `example` is the path relative to `raw`.

    Args:
        raw: the folder.
        names: the `label` of a picture with and without an object.
        group: searched for in a path within images/ (and its side of a split) without suffix; its match is the group.
        most: the most boxes that a picture may have.

    Raises:
        DataError: a folder is missing, metadata.csv cannot be used, the group expression matches no picture, or no
            picture shows an object.
    """
    tops = _picture_folders(raw)
    problems: list[Problem] = []
    notes = passed_over(raw)
    pictures = sorted(name for top in tops for name in folders.walk(raw, raw / top, recognise, problems))
    unread = {label_of(problem.where) for problem in problems}
    problems += _unmatched(raw, tops, {label_of(name) for name in pictures} | unread, notes)
    rows = _labelled(raw, pictures, names, most, problems, notes)
    examples = folders.placed(pd.DataFrame(rows, columns=["example", "label"], dtype="str"), tops)
    examples = folders.describe(raw, examples, group, "pictures", problems, notes)
    problems.sort(key=lambda problem: (problem.where, problem.kind))
    if len(examples) and not (examples["label"] == names[0]).any():
        raise DataError(_no_box(raw, names[0], problems))
    return Index(examples.sort_values("example", ignore_index=True), problems, notes)


def label_of(picture: str) -> str:
    """Return the path of a picture's label file; both paths are relative to the raw folder."""
    parts = list(PurePosixPath(picture).parts)
    parts[parts.index(IMAGES)] = LABELS
    return PurePosixPath(*parts).with_suffix(".txt").as_posix()


def _picture_folders(raw: Path) -> dict[str, str | None]:
    """The folders of pictures, relative to `raw`, and the side of the split of each."""
    if not (raw / IMAGES).is_dir() and raw.is_dir() and side_folders(raw):
        tops = {f"{top}/{IMAGES}": side for top, side in above_pictures(raw).items()}
    else:
        tops = above_pictures(raw, IMAGES) if (raw / IMAGES).is_dir() else {IMAGES: None}
    for top in tops:
        for folder in (top, LABELS if top.startswith(IMAGES) else label_of(top).removesuffix(".txt")):
            if not (raw / folder).is_dir():
                raise DataError(
                    f"{raw / folder}: no such folder; pictures go to {IMAGES}/, their YOLO labels to {LABELS}/"
                )
    return tops


def _no_box(raw: Path, name: str, problems: list[Problem]) -> str:
    """The message if no picture shows an object."""
    if problems:
        first = problems[0]
        return (
            f"{raw}: no usable label file has a box, and {len(problems)} files cannot be used; the first: "
            f"{first.where}: {first.kind}: {first.detail}"
        )
    return f"{raw / LABELS}: no label file has a box; write a line `0 x y width height` for each {name} in a picture"


def _labelled(
    raw: Path, pictures: list[str], names: tuple[str, str], most: int, problems: list[Problem], notes: list[str]
) -> list[tuple[str, str]]:
    """The pictures whose labels can be used, and the class of each."""
    taken: dict[str, str] = {}
    shown: list[tuple[str, str]] = []
    outlines, repeated = 0, 0
    for picture in pictures:
        label = label_of(picture)
        if label in taken:
            problems.append(Problem(picture, "shares a label", f"{label} belongs to {taken[label]}; rename one"))
            continue
        taken[label] = picture
        if not (raw / label).is_file():
            detail = f"there is no {label}; write an empty file for a picture without objects"
            problems.append(Problem(picture, "no label", detail))
            continue
        try:
            labels = read_labels(raw / label, most)
        except LabelError as error:
            problems.append(Problem(label, error.kind, error.detail))
        else:
            shown.append((picture, names[0] if len(labels.boxes) else names[1]))
            outlines, repeated = outlines + labels.outlines, repeated + labels.repeated
    if outlines:
        notes.append(f"{outlines:,} lines of the label files are outlines and are read as the boxes around them")
    if repeated:
        notes.append(f"{repeated:,} lines of the label files repeat an earlier box and are not read")
    return shown


def _unmatched(raw: Path, tops: Collection[str], known: set[str], notes: list[str]) -> Iterator[Problem]:
    """Yield files that belong to no picture and are not known files of annotation tools."""
    labels = {LABELS if top.startswith(IMAGES) else label_of(top).removesuffix(".txt") for top in tops}
    parents = {PurePosixPath(folder).parent.as_posix() for folder in labels}
    paths = {path for folder in labels for path in (raw / folder).rglob("*") if not path.is_dir()}
    own = {*(raw / folder for folder in (*labels, *parents)), raw / METADATA, raw / IMAGES}
    own |= {raw / top for top in tops}
    paths |= {path for parent in parents | {"."} for path in (raw / parent).iterdir() if path not in own}
    exported = 0
    for path in sorted(paths):
        where = folders.within(raw, path)
        if any(litter(part) for part in path.relative_to(raw).parts) or where in known:
            continue
        if path.is_file() and (path.name.lower() in EXPORTED or path.suffix == ".cache"):
            exported += 1
        elif any(where.startswith(f"{folder}/") for folder in labels):
            yield Problem(where, "no picture", f"no picture in {IMAGES}/ has this name")
        else:
            yield Problem(where, "not in a folder", f"pictures go to {IMAGES}/, their labels to {LABELS}/")
    if exported:
        notes.append(f"{exported:,} files of the annotation tool are not read (classes.txt, data.yaml, ...)")
