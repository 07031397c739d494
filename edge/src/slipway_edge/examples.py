"""Whether a caller of the Predictor gives one example or several."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np


def single(given: Any, axes: int) -> bool:
    """Return whether `given` is one example.

    Texts, bytes, paths, tuples (samples and their rate), and single values by column (a row) are one example, and so is
    an array of numbers with at most `axes` axes. Lists and other iterables are several examples, and so are columns by
    name, such as a DataFrame.
    """
    if isinstance(given, np.ndarray):
        return given.ndim <= axes and given.dtype.kind in "biuf"
    if hasattr(given, "items"):
        return all(isinstance(name, str) and not _several(value) for name, value in given.items())
    return isinstance(given, tuple) or not _several(given)


def _several(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | bytes | Path)
