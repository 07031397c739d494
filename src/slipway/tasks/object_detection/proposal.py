"""What a new variant takes from its labels: the classes, and how many boxes there are."""

import math
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from slipway.core.errors import DataError
from slipway.data.readers import coco as readers
from slipway.data.readers import folders
from slipway.data.readers.litter import subfolders
from slipway.tasks.object_detection import coco, layout, yolo
from slipway.tasks.object_detection.labels import LabelError
from slipway_edge.pictures import recognise

LEAST_BOXES = 8
ROOM = 1.5
"""How many more boxes than in the fullest picture a prediction may have."""
FALSE = 0.1
"""False boxes that are allowed for each object, and the least that is allowed for each picture."""
SMALL = 0.1
"""A network learns objects with a smaller side, as a share of the picture's, better from windows."""
ROBOFLOW = re.compile(r"^(.+)\.rf\.")
"""How Roboflow names the pictures that it makes of one (augmentation); the group is the name of that one."""
MOST_BOXES, MOST_CLASSES = 10_000, 1_000


def fits(folder: Path) -> bool:
    """Return whether a folder has pictures and boxes around objects in them, in one of the layouts."""
    if files := coco.files(folder):
        try:
            return not any(coco.has_keypoints(path) for path in files)
        except DataError:
            return all(map(readers.resembles, files))  # the labels are read next, with a message on what is wrong
    parents = [folder, *(folder / name for name in subfolders(folder))] if folder.is_dir() else []
    return any((of / yolo.IMAGES).is_dir() and any((of / yolo.LABELS).rglob("*.txt")) for of in parents)


def stated(folder: Path) -> tuple[dict[str, Any], list[str]]:
    """Return the keys of the section `data` that depend on the labels, and sentences on them.

    Raises:
        DataError: the folder has no layout of object detection, or classes without names have gaps in their numbers.
    """
    source = layout.annotated(folder)
    names = source.names or {number: f"class {number}" for number in range(MOST_CLASSES)}
    order = list(dict.fromkeys(names.values()))
    positions = {number: order.index(name) for number, name in names.items()}
    objects, most, sides = np.zeros(len(order), np.int64), 0, [np.zeros(0)]
    pictures = [name for top in source.folders for name in folders.walk(folder, folder / top, recognise, [])]
    labelled = sorted(set(pictures) - source.without(pictures).keys())
    for name in labelled:
        try:
            found = source.labels(name, positions, MOST_BOXES)
        except LabelError:
            continue  # the index of the data reports it
        objects += np.bincount(found.classes, minlength=len(order))
        most = max(most, len(found.boxes))
        sides.append(np.sqrt(found.boxes[:, 2:].prod(axis=1)))
    classes = [name for name, count in zip(order, objects, strict=True) if count] or order[:1]
    notes = []
    if source.names is None:
        notes.append("no file names the classes, so they are called by number; write their names in data.classes")
        if classes != order[: len(classes)]:
            raise DataError(
                f"{folder}: the labels have {', '.join(classes)}, and no file names them; write classes.txt with "
                "the name of a class on each line, the first that of class 0"
            )
    elif unused := [name for name in order if name not in classes]:
        notes.append(f"classes without an object are left out: {', '.join(unused)}")
    copies = Counter(match[1] for name in labelled if (match := ROBOFLOW.search(Path(name).stem)))
    if sum(copies.values()) > len(copies):
        notes.append(
            f"several pictures are made of one; keep them on one side of the split: --group '{ROBOFLOW.pattern}'"
        )
    side = np.concatenate(sides)
    if len(side) and np.median(side) < SMALL:
        notes.append(
            f"half of the objects are smaller than {np.median(side):.2f} of the picture's side; they are learnt "
            "better from windows of the pictures: override /train: small_objects"
        )
    data = {
        "classes": classes,
        "max_boxes": max(LEAST_BOXES, math.ceil(ROOM * most)),
        "false_positives": max(FALSE, round(FALSE * int(objects.sum()) / max(1, len(labelled)), 2)),
    }
    return data, notes
