"""Pictures with labels: which of several labels a picture has; it may have several, or none.

Inputs: pictures, squashed to size (`slipway_edge.pictures`). Predictions: the probability of each label [n, labels].
`present` adds the labels, by the spec's `threshold` of each.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from slipway_edge.classes import MultiLabel
from slipway_edge.pictures import Pictures


class Task(MultiLabel, Pictures):
    """Labels of pictures; see `slipway_edge.predictor.Task`."""

    spec_fields: ClassVar[Mapping[str, Any]] = {**Pictures.spec_fields, **MultiLabel.spec_fields}
