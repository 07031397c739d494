"""How far a converted model is from the native one on the same examples."""

from collections.abc import Mapping
from typing import Any

import numpy as np

TOLERANCE = 0.01
"""Two numbers agree when they differ by no more than this share of the native one."""


def compare(native: np.ndarray, converted: np.ndarray, spec: Mapping[str, Any]) -> dict[str, float]:
    """Agreement and differences of predictions [n, k].

    Returns:
        `agreement`: share of examples with the same decision (the likeliest class; for a number, within 1 %);
        `max_difference`, `mean_difference`: of all predictions, absolute for probabilities, else relative to the
        native one's mean size.
    """
    difference = np.abs(native.astype(np.float64) - converted)
    if spec["objective"] == "multiclass":
        agree = native.argmax(axis=1) == converted.argmax(axis=1)
        scale = 1.0
    else:
        agree = (difference <= TOLERANCE * np.abs(native)).all(axis=1)
        scale = float(np.abs(native).mean()) or 1.0
    return {
        "agreement": round(float(agree.mean()), 6),
        "max_difference": round(float(difference.max() / scale), 9),
        "mean_difference": round(float(difference.mean() / scale), 9),
    }
