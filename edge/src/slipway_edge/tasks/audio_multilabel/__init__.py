"""Sounds with labels: which of several labels a sound clip has; it may have several, or none.

Inputs: the windows of a clip (`slipway_edge.windows`). Predictions: the probability of each label [n, labels]; for a
clip the mean over its windows. `present` adds the labels, by the spec's `threshold` of each.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from slipway_edge.classes import MultiLabel
from slipway_edge.windows import Windows


class Task(MultiLabel, Windows):
    """Labels of sounds; see `slipway_edge.predictor.Task`."""

    spec_fields: ClassVar[Mapping[str, Any]] = {**Windows.spec_fields, **MultiLabel.spec_fields}
