"""The raw layout: `images/`, a YOLO label file for each in `labels/`, and perhaps metadata.csv."""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pandas as pd

from slipway.errors import DataError
from slipway.protocol import Index, Problem
from slipway.raw import folders
from slipway.raw.pictures import recognise
from slipway.tasks.object_detection.labels import LabelError, read_labels

IMAGES, LABELS = "images", "labels"


def index(raw: Path, names: tuple[str, str], group: re.Pattern[str] | None, most: int) -> Index:
    """List the pictures by their first bytes and read their labels; `example` is the path relative to `raw`.

    Args:
        raw: the folder.
        names: what `label` says of a picture with and without an object.
        group: searched for in a path within images/ without suffix, names the group.
        most: number of boxes that a picture may have.

    Raises:
        DataError: a folder is missing, metadata.csv is unusable, the group expression fits no picture, or no picture
            shows an object.
    """
    for name in (IMAGES, LABELS):
        if not (raw / name).is_dir():
            raise DataError(f"{raw / name}: no such folder; pictures go to {IMAGES}/, their YOLO labels to {LABELS}/")
    problems: list[Problem] = []
    pictures = sorted(folders.walk(raw, raw / IMAGES, recognise, problems))
    unread = {label_of(problem.where) for problem in problems}
    problems += _astray(raw, {label_of(name) for name in pictures} | unread)
    examples = pd.DataFrame(_labelled(raw, pictures, names, most, problems), columns=["example", "label"], dtype="str")
    examples = folders.describe(raw, examples, group, "pictures", problems)
    if len(examples) and not (examples["label"] == names[0]).any():
        raise DataError(
            f"{raw / LABELS}: no label holds a box; write a line `0 x y width height` for each {names[0]} that the "
            "pictures show"
        )
    examples = examples.sort_values("example", ignore_index=True)
    return Index(examples, sorted(problems, key=lambda problem: (problem.where, problem.kind)))


def label_of(picture: str) -> str:
    """The path of a picture's label file, both relative to the raw folder."""
    path = PurePosixPath(picture)
    return PurePosixPath(LABELS, *path.parts[1:]).with_suffix(".txt").as_posix()


def _labelled(
    raw: Path, pictures: list[str], names: tuple[str, str], most: int, problems: list[Problem]
) -> Iterator[tuple[str, str]]:
    """Pictures whose labels can be used, and what they show."""
    taken: dict[str, str] = {}
    for picture in pictures:
        label = label_of(picture)
        if label in taken:
            problems.append(Problem(picture, "shares a label", f"{label} is that of {taken[label]}; rename one"))
            continue
        taken[label] = picture
        if not (raw / label).is_file():
            detail = f"there is no {label}; an empty file says that a picture shows nothing"
            problems.append(Problem(picture, "no label", detail))
            continue
        try:
            boxes = read_labels(raw / label, most)
        except LabelError as error:
            problems.append(Problem(label, error.kind, error.detail))
        else:
            yield picture, names[0] if len(boxes) else names[1]


def _astray(raw: Path, known: set[str]) -> Iterator[Problem]:
    """Files in labels/ that belong to no picture, and what lies beside the two folders."""
    for path in sorted((raw / LABELS).rglob("*")):
        where = folders.within(raw, path)
        if path.is_dir() or folders.litter(path.name) or where in known or where == f"{LABELS}/classes.txt":
            continue
        yield Problem(where, "no picture", f"no picture in {IMAGES}/ has this name")
    for path in sorted(raw.iterdir()):
        if path.name not in (IMAGES, LABELS, folders.METADATA) and not folders.litter(path.name):
            yield Problem(
                folders.within(raw, path), "not in a folder", f"pictures go to {IMAGES}/, their labels to {LABELS}/"
            )
