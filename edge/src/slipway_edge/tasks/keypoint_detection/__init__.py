"""Keypoint detection: where the joints of a person are, given the person's box (top-down pose estimation).

Inputs: the crop around the person's box (`crops`) as uint8 RGB [height, width, 3]. Predictions: float32
[keypoints, 3], x and y as shares of the crop and a score from 0 to 1, computed from heatmaps (`heatmaps`).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from slipway_edge.errors import DataError
from slipway_edge.fields import NUMBER
from slipway_edge.pictures import Picture, PictureError, decode_picture
from slipway_edge.tasks.keypoint_detection import crops, heatmaps

Box = Sequence[float]
"""x, y, width and height of a person in pixels of the upright picture."""
Example = Picture | tuple[Picture, Box]
"""A picture with the box of a person, or a picture that one person fills."""


class Task:
    """Keypoint detection; see `slipway_edge.predictor.Task`."""

    data_fields: ClassVar[Mapping[str, Any]] = {"height": int, "width": int, "margin": NUMBER}
    spec_fields: ClassVar[Mapping[str, Any]] = {"input": {"shape": [int, int, 3]}}

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._height: int = data["height"]
        self._width: int = data["width"]
        self._margin: float = data["margin"]

    def preprocess(self, examples: Sequence[Example], spec: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        """Return persons (pictures, or pictures and boxes) as uint8 [n, height, width, 3], and their positions [n].

        Raises:
            DataError: a picture cannot be decoded, or a box is invalid; the message says which one.
        """
        height, width, _ = spec["input"]["shape"]
        inputs = np.empty((len(examples), height, width, 3), np.uint8)
        for number, example in enumerate(examples):
            picture, box = _split(number, example)
            try:
                decoded = decode_picture(picture)
                inputs[number] = crops.cut(decoded, self._crop(decoded, box), height, width)
            except PictureError as error:
                name = f" ({picture})" if isinstance(picture, str | Path) else ""
                raise DataError(f"picture {number}{name}: {error}")
        return inputs, np.arange(len(examples))

    def postprocess(self, outputs: np.ndarray, inputs: np.ndarray, spec: Mapping[str, Any]) -> np.ndarray:
        """Return the places and scores [n, keypoints, 3] of heatmaps [n, height / 4, width / 4, keypoints]."""
        return heatmaps.places(outputs)

    def present(
        self, predictions: np.ndarray, examples: Sequence[Example], spec: Mapping[str, Any]
    ) -> list[dict[str, dict[str, float]]]:
        """Return x and y in pixels of the upright picture and the score, by name of the keypoint."""
        crop = np.array([self._crop(*_split(*numbered)) for numbered in enumerate(examples)]).reshape(-1, 4)
        return [
            {
                name: dict(zip(("x", "y", "score"), map(float, point), strict=True))
                for name, point in zip(spec["outputs"], person, strict=True)
            }
            for person in crops.to_pixels(predictions, crop)
        ]

    def _crop(self, picture: Picture, box: np.ndarray | None) -> np.ndarray:
        """The crop around a box, or around the whole picture."""
        if box is None:
            height, width, _ = decode_picture(picture).shape
            box = np.array([0, 0, width, height])
        return crops.around(box, self._margin, self._height, self._width)


def _split(number: int, example: Example) -> tuple[Picture, np.ndarray | None]:
    """The picture and the box [4] of a caller's example; the box is None if none is given."""
    if not isinstance(example, tuple):
        return example, None
    try:
        picture, box = example[0], np.array(example[1], np.float64)
    except (IndexError, TypeError, ValueError):
        raise DataError(f"picture {number}: give a picture, or a picture and its box, not {len(example)} values")
    if box.shape != (4,) or not np.isfinite(box).all() or (box[2:] <= 0).any():
        raise DataError(f"picture {number}: a box is x, y, width and height in pixels, not {example[1]}")
    return picture, box
