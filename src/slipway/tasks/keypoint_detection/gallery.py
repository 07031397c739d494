"""How a page shows a person of this task: the crop that the model sees, with labelled and predicted keypoints."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from slipway.core.shown import Pose, Shown, readable
from slipway.core.spec import Spec
from slipway.tasks.keypoint_detection import CROP
from slipway_edge.pictures import decode_picture
from slipway_edge.tasks.keypoint_detection import crops

LARGER = 3
"""The crop is shown with this many times the pixels of the model's input in each direction."""


def shown(
    task: Any, raw: Path, examples: pd.DataFrame, targets: np.ndarray, predictions: np.ndarray, spec: Spec
) -> Iterator[Shown]:
    """Yield the crops with the labelled skeletons, without keypoints that are not annotated, and the predicted ones."""
    height, width, _ = spec["input"]["shape"]
    bones = spec.get("skeleton", ())
    labelled = np.where(targets[..., 2:] > 0, targets[..., :2], np.nan)
    for name, crop, label, prediction in zip(
        examples["picture"], examples[CROP].to_numpy(np.float64), labelled, predictions, strict=True
    ):
        poses = [Pose(label, bones, actual=True), Pose(prediction[:, :2], bones, actual=False)]
        yield readable(_crop, raw / name, crop, LARGER * height, LARGER * width, poses)


def _crop(path: Path, crop: np.ndarray, height: int, width: int, poses: list[Pose]) -> Shown:
    return Shown(crops.cut(decode_picture(path), crop, height, width), poses=poses)
