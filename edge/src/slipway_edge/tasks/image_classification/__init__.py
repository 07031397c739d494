"""Image classification: which one of a few classes a picture shows.

Inputs: uint8 RGB [height, width, 3], turned upright by EXIF and squashed to size with an antialiased bilinear filter;
the model itself scales the values. Predictions: probabilities [n, classes].
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from slipway_edge.classes import Classifier
from slipway_edge.pictures import Picture, encode_pictures


class Task(Classifier):
    """Image classification; see `slipway_edge.predictor.Task`."""

    data_fields: ClassVar[Mapping[str, Any]] = {}
    spec_fields: ClassVar[Mapping[str, Any]] = {"input": {"shape": [int, int, 3]}}

    def __init__(self, data: Mapping[str, Any]) -> None:
        pass

    def preprocess(self, examples: Sequence[Picture], spec: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        """Return pictures (bytes, paths or RGB arrays) as uint8 [n, height, width, 3], and their positions [n].

        Raises:
            DataError: a picture cannot be decoded; the message says which one.
        """
        height, width, _ = spec["input"]["shape"]
        return encode_pictures(examples, height, width), np.arange(len(examples))
