"""Image classification: which one of a few classes a picture shows.

Inputs: pictures, squashed to size (`slipway_edge.pictures`). Predictions: probabilities [n, classes].
"""

from slipway_edge.classes import Classifier
from slipway_edge.pictures import Pictures


class Task(Classifier, Pictures):
    """Image classification; see `slipway_edge.predictor.Task`."""
