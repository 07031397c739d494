"""Numbers of a table's columns: what trees are given, so that they hold nothing but comparisons with borders.

A numeric column is itself, a derived one its formula's value. A categorical column becomes

- the smoothed share of positives among its training rows (Micci-Barreca, "A Preprocessing Scheme for High-Cardinality
  Categorical Attributes in Classification and Prediction Problems", 2001), which orders the categories;
- how common the category was in training, as a share of the rows;
- a 0 or 1 for each common category.

Categories that were rare in training are encoded as those that were never seen: no share of positives (NaN) and common
by 0, so that training knows what to make of new ones. A missing value is missing (NaN) in all of these.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from slipway.core.protocol import column
from slipway.data.readers.tables import distinct
from slipway.tasks.tabular_classification.expressions import Expression

Vocabulary = dict[str, Any]
"""Of one column: `names`, by share of positives; `positive` and `common` [names] floats; `own`, the names with
a 0 or 1 of their own."""


def vocabulary(values: pd.Series, positive: np.ndarray, smoothing: float, rare: int, own: float) -> Vocabulary:
    """What to know of a column's categories, from training rows: their texts [n], and whether each is positive [n].

    Args:
        values: the categories, None where missing.
        positive: the target.
        smoothing: how many rows at the overall share of positives each category is given on top of its own.
        rare: a category of fewer rows is left out.
        own: a category of at least this share of the rows has a 0 or 1 of its own.
    """
    counted = pd.Series(positive.astype(float)).groupby(values.to_numpy()).agg(["sum", "size"]).sort_index()
    counted = counted[counted["size"] >= rare]
    share = (counted["sum"] + smoothing * positive.mean()) / (counted["size"] + smoothing)
    counted = counted.assign(positive=share, common=counted["size"] / len(values))
    counted = counted.sort_values("positive", kind="stable")
    return {
        "names": [str(name) for name in counted.index],
        "positive": [round(float(one), 9) for one in counted["positive"]],
        "common": [round(float(one), 9) for one in counted["common"]],
        "own": sorted(str(name) for name in counted.index[counted["common"] >= own]),
    }


def names(
    numeric: Sequence[str],
    derived: Sequence[str],
    categorical: Sequence[str],
    vocabularies: Mapping[str, Vocabulary],
) -> list[str]:
    """The features' names, in the order in which `encode` gives them."""
    found = [*numeric, *derived]
    for name in categorical:
        found += [f"{name}: positive", f"{name}: common"]
        found += [f"{name} = {own}" for own in vocabularies[name]["own"]]
    return distinct(found)


def numbers(table: pd.DataFrame, numeric: Sequence[str], derived: Mapping[str, Expression]) -> dict[str, np.ndarray]:
    """The numeric columns of a table and those derived of them by name, [n] float64 each; arguments as of `encode`."""
    columns = {name: table[column(name)].to_numpy(np.float64) for name in numeric}
    for name, expression in derived.items():
        columns[name] = expression(columns)
    return columns


def lacking(
    table: pd.DataFrame,
    numeric: Sequence[str],
    derived: Mapping[str, Expression],
    categorical: Sequence[str],
    vocabularies: Mapping[str, Vocabulary],
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Which rows [n] have no value in a column, and which have a category that is not in its vocabulary, by column."""
    missing = {name: np.isnan(values) for name, values in numbers(table, numeric, derived).items()}
    missing |= {name: table[column(name)].isna().to_numpy() for name in categorical}
    known = {name: table[column(name)].isin(vocabularies[name]["names"]).to_numpy() for name in categorical}
    return missing, {name: ~missing[name] & ~known[name] for name in categorical}


def encode(
    table: pd.DataFrame,
    numeric: Sequence[str],
    derived: Mapping[str, Expression],
    categorical: Sequence[str],
    vocabularies: Mapping[str, Vocabulary],
) -> np.ndarray:
    """Features [n, f] float32 of a table's rows.

    Args:
        table: columns of the raw data by the name that `slipway.core.protocol.column` gives them; numeric ones as
            float64, NaN where missing; categorical ones as text, None where missing.
        numeric: those to take as they are.
        derived: formulas by name; each may read numeric columns and the results of those before it.
        categorical: those to encode.
        vocabularies: their categories, as `vocabulary` gave them.
    """
    features = list(numbers(table, numeric, derived).values())
    for name in categorical:
        features += _category(table[column(name)], vocabularies[name])
    largest = np.finfo(np.float32).max
    return np.stack([values.clip(-largest, largest) for values in features], axis=1).astype(np.float32)


def _category(values: pd.Series, known: Vocabulary) -> list[np.ndarray]:
    """The share of positives, how common, and the 0s and 1s, [n] each."""
    position = pd.Index(known["names"], dtype=object).get_indexer(pd.Index(values, dtype=object))
    present = values.notna().to_numpy()
    own = [np.where(present, values.to_numpy() == name, np.nan) for name in known["own"]]
    return [
        np.array([*known["positive"], np.nan])[position],
        np.where(present, np.array([*known["common"], 0.0])[position], np.nan),
        *own,
    ]
