"""The objects of a picture: boxes and their classes, checked, each listed once.

A box that is listed twice is one object. Boxes are x and y of the centre, width and height, as shares of the picture.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from slipway.core.errors import ExampleError
from slipway_edge.boxes import edges

ROUNDING = 0.002
"""An edge that is outside the picture by no more than this share of it, through rounding, is moved onto its edge."""
SAME = 0.0005
"""Two boxes whose edges differ by no more than this share of the picture are the same, written with fewer digits."""


class LabelError(ExampleError):
    """The labels of a picture cannot be used."""


@dataclass(frozen=True)
class Labels:
    """The objects of a picture.

    `boxes`: float32 [n, 4]. `classes`: int64 [n], the position of each one's class among those of the variant.
    `repeated`: the number of boxes that repeat another; `left_out`: the number of boxes of classes that the variant
    does not have; `outlines`: the number of objects that are given by an outline.
    """

    boxes: np.ndarray
    classes: np.ndarray
    repeated: int
    left_out: int
    outlines: int


def labels(found: Sequence[tuple[np.ndarray, int | None]], most: int, outlines: int = 0) -> Labels:
    """Return the objects of a picture.

    Args:
        found: each box [4] with the position of its class, None for a class that the variant does not have.
        most: the most boxes that a picture may have.
        outlines: the number of them that are given by an outline.

    Raises:
        LabelError: there are too many boxes.
    """
    wanted = [(box, position) for box, position in found if position is not None]
    kept: list[tuple[np.ndarray, int]] = []
    for box, position in wanted:
        corners = edges(box)
        if not any(position == of and np.abs(corners - edges(other)).max() <= SAME for other, of in kept):
            kept.append((box, position))
        if len(kept) > most:
            raise LabelError("too many boxes", f"{len(wanted)}, and data.max_boxes allows {most}")
    return Labels(
        np.array([box for box, _ in kept], np.float32).reshape(-1, 4),
        np.array([position for _, position in kept], np.int64),
        len(wanted) - len(kept),
        len(found) - len(wanted),
        outlines,
    )


def box(low: np.ndarray, high: np.ndarray, where: str, hint: str = "") -> np.ndarray:
    """Return the box [4] between two corners [2], which are shares of the picture.

    Args:
        low: the upper left corner.
        high: the lower right corner.
        where: the place of the box, for the message.
        hint: a question to add to the message if the box leaves the picture.

    Raises:
        LabelError: it has no size, or it leaves the picture by more than `ROUNDING`.
    """
    if (high <= low).any():
        raise LabelError("empty box", f"{where}; width and height must be more than 0")
    if low.min() < -ROUNDING or high.max() > 1 + ROUNDING:
        raise LabelError("box outside", f"{where}; it leaves the picture{hint}")
    low, high = low.clip(0, 1), high.clip(0, 1)
    return np.concatenate([(low + high) / 2, high - low])
