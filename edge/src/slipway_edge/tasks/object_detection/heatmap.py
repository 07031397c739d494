"""Turn a network's heat map into boxes, after Zhou et al., "Objects as Points", 2019.

A cell of the map covers `stride` x `stride` pixels and holds values from 0 to 1: for each class, the probability that
the centre of an object of this class is in the cell; the position of the centre in x and in y, from one cell before
this one (0) to one cell after it (1); and width and height on a logarithmic scale from the smallest size (0) to the
whole picture (1). Position and size are shared by all classes, as in the paper. Since all values have the same range,
one INT8 scale fits them, and a step of 1/256 is the same share of a small object as of a large one.
"""

from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np

from slipway_edge.boxes import edges, overlap

CANDIDATES = 4
"""Number of peaks that are considered for each box that is returned."""
LEAST = 0.01
"""Peaks with a lower score are ignored."""
SAME = 0.3
"""Two boxes of a class that overlap by more than this IoU are of the same object; the one with the higher score is
kept."""
PLACE = 4
"""Number of values of a cell that say where the box is; those before them are the classes."""


def boxes(outputs: np.ndarray, spec: Mapping[str, Any]) -> np.ndarray:
    """Return the boxes, best first: x, y, width, height as shares of the picture, and score [n, max_boxes, 5].

    With several classes, the class is the sixth value [n, max_boxes, 6]. Rows without a box are 0.

    Args:
        outputs: heat maps [n, height / stride, width / stride, classes + 4].
        spec: `input` and `heatmap` ({"stride", "smallest": share of a side, "max_boxes"}).
    """
    settings = spec["heatmap"]
    most, smallest = settings["max_boxes"], settings["smallest"]
    count, rows, columns, depth = outputs.shape
    classes = depth - PLACE
    heat = outputs[..., :classes]
    peaks = np.where(heat == _highest_near(heat), heat, 0)
    flat = peaks.reshape(count, -1)
    best = np.argsort(-flat, axis=1, kind="stable")[:, : CANDIDATES * most]
    scores = np.take_along_axis(flat, best, axis=1)
    cell, kind = np.divmod(best, classes)
    row, column = np.divmod(cell, columns)
    places = _averaged(outputs, row, column, kind)
    centre = places[..., :2] / np.array([columns, rows])
    size = smallest ** (1 - places[..., 2:])
    low, high = (centre - size / 2).clip(0, 1), (centre + size / 2).clip(0, 1)
    found = np.concatenate([(low + high) / 2, high - low], axis=-1)
    scores = np.where((scores < LEAST) | (high <= low).any(axis=-1), 0, scores)
    kept = np.where(_distinct(found, scores, kind), scores, 0)
    order = np.argsort(-kept, axis=1, kind="stable")[:, :most]
    values = [found, kept[..., None], *([kind[..., None]] if classes > 1 else [])]
    given = np.take_along_axis(np.concatenate(values, axis=-1), order[..., None], axis=1)
    out = np.zeros((count, most, given.shape[-1]), np.float32)
    out[:, : order.shape[1]] = given
    out[out[..., PLACE] == 0] = 0
    return out


def _highest_near(heat: np.ndarray) -> np.ndarray:
    """For each cell of maps [n, rows, columns, classes], the highest value of it and the eight cells around it."""
    highest = np.pad(heat, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    highest = np.maximum(np.maximum(highest[:, :-2], highest[:, 1:-1]), highest[:, 2:])
    near: np.ndarray = np.maximum(np.maximum(highest[:, :, :-2], highest[:, :, 1:-1]), highest[:, :, 2:])
    return near


def _averaged(outputs: np.ndarray, row: np.ndarray, column: np.ndarray, kind: np.ndarray) -> np.ndarray:
    """Centre and size [n, k, 4] at the cells `row` and `column` [n, k]: the mean with their neighbours, by heat.

    The heat is that of the class `kind` [n, k]. The centre is in cells, the size as in the map. The cells next to a
    centre learn the same box, so their mean is more accurate than a single cell.
    """
    count, rows, columns, _ = outputs.shape
    total, weight = np.zeros((*row.shape, PLACE)), np.full((*row.shape, 1), np.finfo(float).tiny)
    for down, right in product((-1, 0, 1), repeat=2):
        y, x = row + down, column + right
        inside = (y >= 0) & (y < rows) & (x >= 0) & (x < columns)
        cells = outputs[np.arange(count)[:, None], y.clip(0, rows - 1), x.clip(0, columns - 1)]
        centre = np.stack([x, y], axis=-1) + 3 * cells[..., -4:-2] - 1
        heat = np.take_along_axis(cells, kind[..., None], axis=-1) * inside[..., None]
        total += heat * np.concatenate([centre, cells[..., -2:]], axis=-1)
        weight += heat
    return total / weight


def _distinct(found: np.ndarray, scores: np.ndarray, kind: np.ndarray) -> np.ndarray:
    """Which boxes [n, k, 4], sorted by falling score, to keep: those that overlap no better kept box of their class.

    This is greedy non-maximum suppression.
    """
    corners = edges(found)
    stays = scores > 0
    for number in range(1, found.shape[1]):
        shared = overlap(corners[:, number : number + 1], corners[:, :number])[:, 0]
        same = (shared > SAME) & (kind[:, number : number + 1] == kind[:, :number])
        stays[:, number] &= ~(same & stays[:, :number]).any(axis=1)
    return stays
