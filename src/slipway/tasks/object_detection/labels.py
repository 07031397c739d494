"""YOLO labels: a text file a picture with a line a box, `class x y width height`.

x and y are the box's centre; all four are shares of the picture's width and height. An empty file says that there is
no object.
"""

from pathlib import Path

import numpy as np

from slipway.raw.folders import ExampleError

ROUNDING = 0.002
"""How far (share of the picture) an edge may stand outside and be moved onto the picture's: what rounding does."""


class LabelError(ExampleError):
    """A label file cannot be used."""


def read_labels(path: Path, most: int) -> np.ndarray:
    """The boxes of a label file, float32 [n, 4] of x, y, width, height in shares, none beyond the picture's edges.

    Args:
        path: the file.
        most: number of boxes that a picture may have.

    Raises:
        LabelError: the file cannot be read, a line is no box, its class is not 0, or there are too many.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise LabelError("malformed label", "not text in UTF-8")
    except OSError as error:
        raise LabelError("unreadable", error.strerror or str(error))
    lines = [(number, line.split()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if len(lines) > most:
        raise LabelError("too many boxes", f"{len(lines)}; data.max_boxes allows {most}")
    boxes = [_box(number, fields) for number, fields in lines]
    return np.array(boxes, np.float32).reshape(-1, 4)


def _box(number: int, fields: list[str]) -> list[float]:
    said = f"line {number}: {' '.join(fields)!r}"
    try:
        kind, box = int(fields[0]), [float(field) for field in fields[1:]]
    except ValueError:
        raise LabelError("malformed label", f"{said}; a line is `class x y width height`, in numbers")
    if len(box) != 4 or not np.isfinite(box).all():
        raise LabelError("malformed label", f"{said}; a line is `class x y width height`, in numbers")
    if kind != 0:
        raise LabelError("unknown class", f"{said}; the one class is number 0")
    centre, size = np.array(box[:2]), np.array(box[2:])
    if (size <= 0).any():
        raise LabelError("empty box", f"{said}; width and height must be more than 0")
    low, high = centre - size / 2, centre + size / 2
    if low.min() < -ROUNDING or high.max() > 1 + ROUNDING:
        raise LabelError("box outside", f"{said}; it leaves the picture, in shares 0 to 1 of its sides")
    low, high = low.clip(0, 1), high.clip(0, 1)
    return [*((low + high) / 2), *(high - low)]
