"""How a page shows a picture of this task: with the boxes of its label, and those that the model finds."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from slipway.core.shown import Box, Shown, readable
from slipway.core.spec import Spec
from slipway.metrics.matching import ENOUGH
from slipway_edge.boxes import edges, overlap
from slipway_edge.pictures import decode_picture


def shown(
    task: Any, raw: Path, examples: pd.DataFrame, targets: np.ndarray, predictions: np.ndarray, spec: Spec
) -> Iterator[Shown]:
    """Yield the whole pictures, upright, with the labelled boxes and the predicted ones from the threshold on."""
    for name, target, prediction in zip(examples["example"], targets, predictions, strict=True):
        found = prediction[prediction[:, 4] >= spec["threshold"]]
        labels = _names(target, 4, spec)
        scores = [
            f"{name} {score:.2f}".strip() for name, score in zip(_names(found, 5, spec), found[:, 4], strict=True)
        ]
        yield readable(_picture, raw / name, [*_boxes(target, labels, True), *_boxes(found, scores)])


def _picture(path: Path, boxes: list[Box]) -> Shown:
    return Shown(decode_picture(path), boxes=boxes)


def confidence(targets: np.ndarray, predictions: np.ndarray, spec: Spec) -> np.ndarray:
    """Return how sure the model is of its worst mistake in each picture, [n].

    It is the highest score of a box that overlaps no labelled object of its class, or 1 less the score with which a
    labelled object is found, whichever is larger.

    Args:
        targets: [n, m, 4], unused rows NaN; with several classes [n, m, 5], the last value the number of the class.
        predictions: [n, k, 5], unused rows with score 0; with several classes [n, k, 6].
        spec: not used.
    """
    score = predictions[..., 4]
    boxes, objects = predictions[..., :4], np.nan_to_num(targets[..., :4])
    near = (overlap(edges(boxes), edges(objects)) >= ENOUGH) & (score > 0)[..., None]
    if targets.shape[-1] > 4:
        near &= predictions[..., 5][:, :, None] == targets[..., 4][:, None]
    invented = np.where(near.any(axis=2), 0, score).max(axis=1, initial=0)
    found = np.where(near, score[..., None], 0).max(axis=1, initial=0)
    missed = np.where(np.isnan(targets[..., 0]), 0, 1 - found).max(axis=1, initial=0)
    return np.asarray(np.maximum(invented, missed))


def _boxes(boxes: np.ndarray, texts: list[str], actual: bool = False) -> Iterator[Box]:
    for (left, top, right, bottom), text in zip(edges(boxes[:, :4]).tolist(), texts, strict=True):
        if not np.isnan(left):
            yield Box(left, top, right - left, bottom - top, text, actual)


def _names(boxes: np.ndarray, column: int, spec: Spec) -> list[str]:
    """The class of each box [n, *], whose number is in a column, empty without that column."""
    if boxes.shape[1] <= column:
        return [""] * len(boxes)
    return ["" if np.isnan(one) else spec["outputs"][int(one)] for one in boxes[:, column]]
