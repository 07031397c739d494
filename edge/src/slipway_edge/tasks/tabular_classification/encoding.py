"""Numbers of a table's columns: what trees are given, so that they hold nothing but comparisons with borders.

A numeric column is itself, a derived one its formula's value. A categorical column becomes

- the smoothed share of positives among its training rows (Micci-Barreca, "A Preprocessing Scheme for High-Cardinality
  Categorical Attributes in Classification and Prediction Problems", 2001), which orders the categories;
- how common the category was in training, as a share of the rows;
- a 0 or 1 for each common category.

Categories that were rare in training are encoded as those that were never seen: no share of positives (NaN) and common
by 0, so that training knows what to make of new ones. A missing value is missing (NaN) in all of these.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from slipway_edge.tables import positions
from slipway_edge.tasks.tabular_classification.expressions import Expression

Vocabulary = Mapping[str, Any]
"""Of one column: `names`, by share of positives; `positive` and `common` [names] floats; `own`, the names with
a 0 or 1 of their own."""
Columns = Mapping[str, np.ndarray]
"""Values [n] by column: of numeric ones float64, NaN where missing; of categorical ones texts, None where missing."""


def numbers(numeric: Columns, derived: Mapping[str, Expression]) -> dict[str, np.ndarray]:
    """The numeric columns and those derived of them by name, [n] float64 each; arguments as of `encode`."""
    columns = dict(numeric)
    for name, expression in derived.items():
        columns[name] = expression(columns)
    return columns


def lacking(
    numeric: Columns,
    derived: Mapping[str, Expression],
    categorical: Columns,
    vocabularies: Mapping[str, Vocabulary],
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Which rows [n] have no value in a column, and which have a category that is not in its vocabulary, by column."""
    missing = {name: np.isnan(values) for name, values in numbers(numeric, derived).items()}
    missing |= {name: ~_present(values) for name, values in categorical.items()}
    known = {name: positions(values, vocabularies[name]["names"]) >= 0 for name, values in categorical.items()}
    return missing, {name: ~missing[name] & ~known[name] for name in categorical}


def encode(
    numeric: Columns,
    derived: Mapping[str, Expression],
    categorical: Columns,
    vocabularies: Mapping[str, Vocabulary],
) -> np.ndarray:
    """Features [n, f] float32 of a table's rows.

    Args:
        numeric: columns to take as they are.
        derived: formulas by name; each may read numeric columns and the results of those before it.
        categorical: columns to encode.
        vocabularies: their categories by column.
    """
    features = list(numbers(numeric, derived).values())
    for name, values in categorical.items():
        features += _category(values, vocabularies[name])
    largest = np.finfo(np.float32).max
    return np.stack([values.clip(-largest, largest) for values in features], axis=1).astype(np.float32)


def _present(texts: np.ndarray) -> np.ndarray:
    return np.array([isinstance(text, str) for text in texts], bool)


def _category(values: np.ndarray, known: Vocabulary) -> list[np.ndarray]:
    """The share of positives, how common, and the 0s and 1s, [n] each."""
    position, present = positions(values, known["names"]), _present(values)
    own = [np.where(present, values == name, np.nan) for name in known["own"]]
    return [
        np.array([*known["positive"], np.nan])[position],
        np.where(present, np.array([*known["common"], 0.0])[position], np.nan),
        *own,
    ]
