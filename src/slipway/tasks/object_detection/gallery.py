"""How a page shows a picture of this task: with the boxes of its label, and those that the model finds."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from slipway.core.shown import Box, Shown, readable
from slipway.core.spec import Spec
from slipway.metrics.boxes import ENOUGH
from slipway_edge.boxes import edges, overlap
from slipway_edge.pictures import decode_picture


def shown(
    task: Any, raw: Path, examples: pd.DataFrame, targets: np.ndarray, predictions: np.ndarray, spec: Spec
) -> Iterator[Shown]:
    """Yield the whole pictures, upright, with the labelled boxes and the predicted ones from the threshold on."""
    for name, target, prediction in zip(examples["example"], targets, predictions, strict=True):
        found = prediction[prediction[:, 4] >= spec["threshold"]]
        boxes = [*_boxes(target, [""] * len(target), True), *_boxes(found, [f"{one:.2f}" for one in found[:, 4]])]
        yield readable(_picture, raw / name, boxes)


def _picture(path: Path, boxes: list[Box]) -> Shown:
    return Shown(decode_picture(path), boxes=boxes)


def confidence(targets: np.ndarray, predictions: np.ndarray, spec: Spec) -> np.ndarray:
    """Return how sure the model is of its worst mistake in each picture, [n].

    It is the highest score of a box that overlaps no labelled object, or 1 less the score with which a labelled object
    is found, whichever is larger.

    Args:
        targets: [n, m, 4], unused rows NaN.
        predictions: [n, k, 5], unused rows with score 0.
        spec: not used.
    """
    score = predictions[..., 4]
    near = (overlap(edges(predictions[..., :4]), edges(np.nan_to_num(targets))) >= ENOUGH) & (score > 0)[..., None]
    invented = np.where(near.any(axis=2), 0, score).max(axis=1, initial=0)
    found = np.where(near, score[..., None], 0).max(axis=1, initial=0)
    missed = np.where(np.isnan(targets[..., 0]), 0, 1 - found).max(axis=1, initial=0)
    return np.asarray(np.maximum(invented, missed))


def _boxes(boxes: np.ndarray, texts: list[str], actual: bool = False) -> Iterator[Box]:
    for (left, top, right, bottom), text in zip(edges(boxes[:, :4]).tolist(), texts, strict=True):
        if not np.isnan(left):
            yield Box(left, top, right - left, bottom - top, text, actual)
