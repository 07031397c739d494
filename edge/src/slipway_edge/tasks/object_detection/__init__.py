"""Object detection: where the objects of one or more classes are in a picture, as boxes with a class and a score.

Inputs: uint8 RGB [height, width, 3], squashed to size, which does not change coordinates given as shares of the sides.
Predictions: float32 [n, max_boxes, 5]: x, y, width, height as shares and a score, best first; with several classes
[n, max_boxes, 6], the last value the class's position in `outputs`. Unused rows have score 0 (see `heatmap`).
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from slipway_edge.fields import NUMBER
from slipway_edge.pictures import Picture, Pictures, picture_size
from slipway_edge.tasks.object_detection import heatmap


class Task(Pictures):
    """Object detection; see `slipway_edge.predictor.Task`."""

    spec_fields: ClassVar[Mapping[str, Any]] = {
        **Pictures.spec_fields,
        "heatmap": {"max_boxes": int, "smallest": NUMBER},
        "outputs": list,
        "threshold": NUMBER,
    }

    def postprocess(self, outputs: np.ndarray, inputs: np.ndarray, spec: Mapping[str, Any]) -> np.ndarray:
        """Return the best peaks of the heat maps as boxes with a score."""
        return heatmap.boxes(outputs, spec)

    def present(
        self, predictions: np.ndarray, examples: Sequence[Picture], spec: Mapping[str, Any]
    ) -> list[list[dict[str, Any]]]:
        """Return the boxes at or above the threshold, best first, as `label`, `x`, `y`, `width`, `height` and `score`.

        `label` is the name of the class, `x` and `y` the centre. Coordinates are in pixels of the given picture, turned
        upright.
        """
        names, presented = spec["outputs"], []
        for found, picture in zip(predictions, examples, strict=True):
            height, width = picture_size(picture)
            chosen = found[found[:, 4] >= spec["threshold"]]
            kinds = chosen[:, 5].astype(int) if len(names) > 1 else np.zeros(len(chosen), int)
            scaled = chosen[:, :5] * np.array([width, height, width, height, 1])
            presented.append(
                [
                    {"label": names[kind], **dict(zip(("x", "y", "width", "height", "score"), box, strict=True))}
                    for kind, box in zip(kinds, scaled.tolist(), strict=True)
                ]
            )
        return presented
