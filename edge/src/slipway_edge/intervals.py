"""A predicted number with its interval, in the form for callers."""

from typing import Any

import numpy as np

INTERVAL = "interval"
"""The name of the interval in a prediction, which no target may have."""


def presented(target: str, values: np.ndarray, low: np.ndarray, high: np.ndarray) -> list[dict[str, Any]]:
    """Return for each row the value, by the name of the target, and the ends of its `interval`; all arrays are [n]."""
    return [
        {target: value, INTERVAL: ends}
        for value, *ends in zip(values.tolist(), low.tolist(), high.tolist(), strict=True)
    ]
