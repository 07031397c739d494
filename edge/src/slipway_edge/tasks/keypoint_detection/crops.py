"""The crop of a picture that a model sees of one person: the box with a margin, in the aspect ratio of the input.

Boxes and crops are [..., 4]: x and y of the upper left corner, width and height, in pixels of the upright picture.
"""

import math

import numpy as np
from PIL import Image

from slipway_edge.pictures import LARGEST, PictureError

GREY = (127, 127, 127)
"""The colour of a crop outside the picture."""


def around(box: np.ndarray, margin: float, height: int, width: int) -> np.ndarray:
    """Return the crops of boxes [..., 4].

    Both sides are made longer by the share `margin`, then one of them again to the ratio of `height` to `width`.
    """
    box = np.asarray(box, np.float64)
    middle = box[..., :2] + box[..., 2:] / 2
    sides = box[..., 2:] * (1 + margin)
    unit = np.maximum(sides[..., 0] / width, sides[..., 1] / height)
    sides = np.stack([unit * width, unit * height], axis=-1)
    return np.concatenate([middle - sides / 2, sides], axis=-1)


def cut(picture: np.ndarray, crop: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return the crop [4] of a picture, resized to uint8 RGB [height, width, 3] with an antialiased bilinear filter.

    Raises:
        PictureError: the crop is completely outside the picture, or too large.
    """
    x, y, w, h = map(float, crop)
    left, top, right, bottom = math.floor(x), math.floor(y), math.ceil(x + w), math.ceil(y + h)
    inside = max(left, 0), max(top, 0), min(right, picture.shape[1]), min(bottom, picture.shape[0])
    if inside[0] >= inside[2] or inside[1] >= inside[3]:
        size = f"{picture.shape[1]} x {picture.shape[0]}"
        raise PictureError("box outside", f"it is completely outside the picture of {size} pixels")
    if (right - left) * (bottom - top) > LARGEST:
        raise PictureError("too large", f"the crop has {right - left} x {bottom - top} pixels")
    region = Image.new("RGB", (right - left, bottom - top), GREY)
    part = picture[inside[1] : inside[3], inside[0] : inside[2]]
    region.paste(Image.fromarray(part), (inside[0] - left, inside[1] - top))
    place = x - left, y - top, x - left + w, y - top + h
    return np.array(region.resize((width, height), Image.Resampling.BILINEAR, box=place))


def to_shares(points: np.ndarray, crop: np.ndarray) -> np.ndarray:
    """Convert points [n, keypoints, 3] from pixels to shares of the crops [n, 4]; the third value is kept."""
    moved = (points[..., :2] - crop[:, None, :2]) / crop[:, None, 2:]
    return np.concatenate([moved, points[..., 2:]], axis=-1)


def to_pixels(points: np.ndarray, crop: np.ndarray) -> np.ndarray:
    """Convert points [n, keypoints, 3] from shares of the crops [n, 4] to pixels; the third value is kept."""
    moved = points[..., :2].astype(np.float64) * crop[:, None, 2:] + crop[:, None, :2]
    return np.concatenate([moved, points[..., 2:]], axis=-1)
