"""Edges and overlap of boxes; a box is [..., 4]: x and y of its centre, width and height."""

import numpy as np


def edges(boxes: np.ndarray) -> np.ndarray:
    """Convert centres and sizes [..., 4] to left, top, right, bottom."""
    return np.concatenate([boxes[..., :2] - boxes[..., 2:4] / 2, boxes[..., :2] + boxes[..., 2:4] / 2], axis=-1)


def overlap(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the intersection over union [..., a, b] of boxes by edges [..., a, 4] and [..., b, 4]; 0 if empty."""
    one, other = one[..., :, None, :], other[..., None, :, :]
    sides = np.minimum(one[..., 2:], other[..., 2:]) - np.maximum(one[..., :2], other[..., :2])
    shared = sides.clip(0).prod(axis=-1)
    union = (one[..., 2:] - one[..., :2]).prod(axis=-1) + (other[..., 2:] - other[..., :2]).prod(axis=-1) - shared
    return np.where(union > 0, shared / np.where(union > 0, union, 1), 0)
