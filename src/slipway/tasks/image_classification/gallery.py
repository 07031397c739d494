"""How a page shows a picture of this task."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from slipway.core.shown import Shown, readable
from slipway.core.spec import Spec
from slipway_edge.pictures import decode_picture


def shown(
    task: Any, raw: Path, examples: pd.DataFrame, targets: np.ndarray, predictions: np.ndarray, spec: Spec
) -> Iterator[Shown]:
    """Yield the whole pictures, upright."""
    for name in examples["example"]:
        yield readable(_picture, raw / name)


def _picture(path: Path) -> Shown:
    return Shown(decode_picture(path))
