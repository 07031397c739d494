"""YOLO labels: a text file for each picture with one line per box, `class x y width height`.

x and y are the box's centre; all four are shares of the picture's width and height. An empty file means that there is
no object. A line of three points or more, `class x y x y x y ...`, outlines an object and is read as the box around it.
A box that is listed twice is one object.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from slipway.core.errors import ExampleError

ROUNDING = 0.002
"""An edge that is outside the picture by no more than this share of it, through rounding, is moved onto its edge."""
SAME = 0.0005
"""Two boxes whose edges differ by no more than this share of the picture are the same, written with fewer digits."""
_FORM = "a line is `class x y width height`, in numbers"


class LabelError(ExampleError):
    """A label file cannot be used."""


@dataclass(frozen=True)
class Labels:
    """The content of a label file.

    `boxes`: float32 [n, 4] of x, y, width, height as shares, all within the picture, each listed once. `outlines`: the
    number of lines that are outlines; `repeated`: the number of lines that repeat a box.
    """

    boxes: np.ndarray
    outlines: int
    repeated: int


def read_labels(path: Path, most: int) -> Labels:
    """Return the boxes of a label file.

    Args:
        path: the file.
        most: the most boxes that a picture may have.

    Raises:
        LabelError: the file cannot be read, a line is not a box, a class is not 0, or there are too many boxes.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise LabelError("malformed label", "not text in UTF-8")
    except OSError as error:
        raise LabelError("unreadable", error.strerror or str(error))
    lines = [(number, line.split()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    boxes: list[np.ndarray] = []
    for number, fields in lines:
        box = _box(number, fields)
        if not any(np.abs(_edges(box) - _edges(other)).max() <= SAME for other in boxes):
            boxes.append(box)
        if len(boxes) > most:
            raise LabelError("too many boxes", f"line {number} is one more than data.max_boxes, {most}, allows")
    outlines = sum(len(fields) > 6 for _, fields in lines)
    return Labels(np.array(boxes, np.float32).reshape(-1, 4), outlines, len(lines) - len(boxes))


def _box(number: int, fields: list[str]) -> np.ndarray:
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
    if kind != 0:
        raise LabelError("unknown class", f"{line}; the only class is number 0")
    low, high = _corners(line, values)
    if (high <= low).any():
        raise LabelError("empty box", f"{line}; width and height must be more than 0")
    if low.min() < -ROUNDING or high.max() > 1 + ROUNDING:
        unit = "; are these pixels?" if values.max() > 2 else ""
        raise LabelError("box outside", f"{line}; it leaves the picture, whose sides are 0 to 1{unit}")
    low, high = low.clip(0, 1), high.clip(0, 1)
    return np.concatenate([(low + high) / 2, high - low])


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


def _edges(box: np.ndarray) -> np.ndarray:
    return np.concatenate([box[:2] - box[2:] / 2, box[:2] + box[2:] / 2])
