"""The differences between a converted model and the native one on the same examples."""

import numpy as np

TOLERANCE = 0.01
"""Two numbers agree if they differ by no more than this share of the native one."""


def differences(native: np.ndarray, converted: np.ndarray, agree: np.ndarray, scale: float = 1.0) -> dict[str, float]:
    """Return the agreement and the differences of predictions [n, *k].

    Args:
        native: predictions of the native model.
        converted: predictions of the converted model.
        agree: [n], whether both models make the same decision.
        scale: divisor of the differences.

    Returns:
        `agreement`: share of examples with the same decision; `max_difference`, `mean_difference`: of all predictions.
    """
    difference = np.abs(native.astype(np.float64) - converted)
    return {
        "agreement": round(float(agree.mean()), 6),
        "max_difference": round(float(difference.max() / scale), 9),
        "mean_difference": round(float(difference.mean() / scale), 9),
    }


def numbers(native: np.ndarray, converted: np.ndarray) -> dict[str, float]:
    """Return `differences` for numbers with a unit: agreement within 1 %, differences as shares of the native mean."""
    agree = np.abs(native.astype(np.float64) - converted) <= TOLERANCE * np.abs(native)
    scale = float(np.abs(native).mean()) or 1.0
    return differences(native, converted, agree.reshape(len(native), -1).all(axis=1), scale)
