"""A model's predictions on a split as one table, the content of `predictions.parquet` and `shipped.parquet`.

There is one row per example: the columns of the index, then `target...` and `predicted...`. Numbers have one column per
name; places are nested lists.
"""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

TARGET, PREDICTED = "target", "predicted"


def table(examples: pd.DataFrame, targets: np.ndarray, predictions: np.ndarray, names: Sequence[str]) -> bytes:
    """Return the table as Parquet.

    Args:
        examples: [n] rows of the index.
        targets: [n, *target].
        predictions: [n, *p].
        names: the names of the outputs.
    """
    kept = examples.assign(**_columns(TARGET, targets, [TARGET]), **_columns(PREDICTED, predictions, names))
    written: bytes = kept.to_parquet(index=False)
    return written


def read(parquet: bytes) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Return examples, targets [n, *target] and predictions [n, *p], as they were given to `table`."""
    frame = pd.read_parquet(io.BytesIO(parquet))
    targets, predicted = _named(frame, TARGET), _named(frame, PREDICTED)
    return frame.drop(columns=[*targets, *predicted]), _values(frame[targets]), _values(frame[predicted])


def _columns(what: str, values: np.ndarray, names: Sequence[str]) -> dict[str, Any]:
    """Return values [n, *k] as columns of a table."""
    if values.ndim == 1:
        return {what: values}
    if values.shape[1:] == (len(names),):
        return {f"{what} {name}": column for name, column in zip(names, values.T, strict=True)}
    return {what: values.tolist()}


def _named(frame: pd.DataFrame, what: str) -> list[str]:
    return [str(name) for name in frame if name == what or str(name).startswith(f"{what} ")]


def _values(columns: pd.DataFrame) -> np.ndarray:
    if columns.shape[1] > 1 or columns.columns[0] not in (TARGET, PREDICTED):
        return columns.to_numpy()
    values: np.ndarray = columns.iloc[:, 0].to_numpy()
    return values if values.dtype != object else np.stack([_array(row) for row in values])


def _array(nested: Any) -> np.ndarray:
    """Return nested lists as an array; Parquet returns them as arrays of arrays, with None for NaN."""
    if nested.dtype == object and isinstance(nested[0], np.ndarray):
        return np.stack([_array(one) for one in nested])
    return np.asarray(nested, np.float32)
