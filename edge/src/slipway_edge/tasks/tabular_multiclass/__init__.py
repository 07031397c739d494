"""Tabular classification with several classes: which one of them a row of a table is of.

Inputs: the features of each row (see `slipway_edge.rows`). Predictions: the probability of each class [n, classes].
"""

from slipway_edge.classes import Classifier
from slipway_edge.rows import Rows


class Task(Rows, Classifier):
    """Classification of the rows of a table into several classes; see `slipway_edge.predictor.Task`."""
