"""Encode a table's columns as numbers, so that trees need only comparisons with thresholds.

A numeric column is taken unchanged, a derived column is the value of its formula. A column of dates becomes the parts
of a date in `PARTS`. A categorical column becomes

- the smoothed share of positives among its training rows (Micci-Barreca, "A Preprocessing Scheme for High-Cardinality
  Categorical Attributes in Classification and Prediction Problems", 2001), which orders the categories; with more than
  two classes, the share of each class; for a number to predict, its mean;
- the frequency of the category in training, as a share of the rows;
- a 0 or 1 for each common category (one-hot).

Categories that are rare in training are encoded like unseen ones: the share of positives is missing (NaN) and the
frequency is 0, so that the model learns how to treat new categories. A missing value is NaN in all of these features.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from slipway_edge.rows.expressions import Expression
from slipway_edge.tables import positions

Vocabulary = Mapping[str, Any]
"""The categories of a column: `names`, sorted by share of positives; `positive` and `common` [names], the shares and
frequencies; `own`, the names that have a one-hot feature. With several classes, `positive` has the shares [names] of
each class."""
Columns = Mapping[str, np.ndarray]
"""Values [n] by column: numeric ones float64, NaN where missing; dates datetime64, NaT where missing; categorical ones
texts, None where missing."""
PARTS = ("year", "month", "day", "weekday", "hour", "days")
"""The features of a date: `weekday` is 0 on Mondays, `days` are the days since 1970, with their fraction."""


def numbers(numeric: Columns, derived: Mapping[str, Expression]) -> dict[str, np.ndarray]:
    """Return the numeric columns and those derived from them by name, [n] float64 each; see `encode`."""
    columns = dict(numeric)
    for name, expression in derived.items():
        columns[name] = expression(columns)
    return columns


def lacking(
    numeric: Columns,
    derived: Mapping[str, Expression],
    dates: Columns,
    categorical: Columns,
    vocabularies: Mapping[str, Vocabulary],
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return by column which rows [n] have no value, and which have a category that is not in the vocabulary."""
    missing = {name: np.isnan(values) for name, values in numbers(numeric, derived).items()}
    missing |= {name: np.isnat(values) for name, values in dates.items()}
    missing |= {name: ~_present(values) for name, values in categorical.items()}
    known = {name: positions(values, vocabularies[name]["names"]) >= 0 for name, values in categorical.items()}
    return missing, {name: ~missing[name] & ~known[name] for name in categorical}


def encode(
    numeric: Columns,
    derived: Mapping[str, Expression],
    dates: Columns,
    categorical: Columns,
    vocabularies: Mapping[str, Vocabulary],
) -> np.ndarray:
    """Return the features [n, f] float32 of a table's rows.

    Args:
        numeric: columns to take unchanged.
        derived: formulas by name; each may read numeric columns and the results of the formulas before it.
        dates: columns whose parts are features.
        categorical: columns to encode.
        vocabularies: their categories by column.
    """
    features = list(numbers(numeric, derived).values())
    for values in dates.values():
        features += parts(values)
    for name, values in categorical.items():
        features += _category(values, vocabularies[name])
    largest = np.finfo(np.float32).max
    return np.stack([values.clip(-largest, largest) for values in features], axis=1).astype(np.float32)


def parts(dates: np.ndarray) -> list[np.ndarray]:
    """Return the features `PARTS` of dates [n] datetime64, [n] float64 each; NaN where missing."""
    seconds = dates.astype("datetime64[s]")
    whole, month, year = (seconds.astype(f"datetime64[{unit}]") for unit in "DMY")
    found = [
        year.astype(np.int64) + 1970,
        month.astype(np.int64) % 12 + 1,
        (whole - month).astype(np.int64) + 1,
        (whole.astype(np.int64) + 3) % 7,  # 1970 began on a Thursday
        (seconds - whole).astype(np.int64) // 3600,
        seconds.astype(np.int64) / 86400,
    ]
    return [np.where(np.isnat(seconds), np.nan, values) for values in found]


def _present(texts: np.ndarray) -> np.ndarray:
    return np.array([isinstance(text, str) for text in texts], bool)


def _category(values: np.ndarray, known: Vocabulary) -> list[np.ndarray]:
    """The share of positives or of each class, the frequency, and the one-hot features, [n] each."""
    position, present = positions(values, known["names"]), _present(values)
    own = [np.where(present, values == name, np.nan) for name in known["own"]]
    shares = np.atleast_2d(np.array(known["positive"], np.float64))
    return [
        *(np.array([*share, np.nan])[position] for share in shares),
        np.where(present, np.array([*known["common"], 0.0])[position], np.nan),
        *own,
    ]
