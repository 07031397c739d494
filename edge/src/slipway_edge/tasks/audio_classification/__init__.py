"""Audio classification: which one of a few classes a sound clip belongs to.

Inputs: the windows of a clip (`slipway_edge.windows`). Predictions: probabilities [n, classes]; for a clip the mean
over its windows.
"""

from slipway_edge.classes import Classifier
from slipway_edge.windows import Windows


class Task(Classifier, Windows):
    """Audio classification; see `slipway_edge.predictor.Task`."""
