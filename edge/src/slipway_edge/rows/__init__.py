"""Tables in which each row is an example: the features that trees get from the columns of a row.

The tasks for such tables share the columns and differ in what they predict.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from slipway_edge import tables
from slipway_edge.fields import Optional
from slipway_edge.rows import encoding, expressions
from slipway_edge.rows.encoding import Columns
from slipway_edge.rows.expressions import Expression
from slipway_edge.tables import Check, Table

KNOWN = 10
"""Number of categories that a message about a new one lists."""


class Rows:
    """A task whose examples are rows of a table; see `slipway_edge.predictor.Task`.

    Inputs: a float32 row of features for each row, missing values NaN (see `encoding`).
    """

    data_fields: ClassVar[Mapping[str, Any]] = {
        "numeric": list,
        "categorical": list,
        "derived": dict,
        "dates": Optional(list),
        "format": Optional({"decimal": str, "missing": list}),
    }
    spec_fields: ClassVar[Mapping[str, Any]] = {"categories": dict}

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._numeric: tuple[str, ...] = tuple(data["numeric"])
        self._dates: tuple[str, ...] = tuple(data.get("dates", ()))
        self._categorical: tuple[str, ...] = tuple(data["categorical"])
        self._formulas: Mapping[str, str] = data["derived"]
        self._written = tables.Written.of(data)

    def preprocess(self, examples: Table, spec: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        """Return the features [n, f] of rows, a list of dictionaries by column or a table, and the rows' positions [n].

        Target, group and time are ignored.

        Raises:
            DataError: a column is missing, or a row cannot be used: it lacks a value that every training row had, or
                its category is new and the training data has no rare or missing category that could stand for it.
        """
        columns = tables.columns(examples, [*self._numeric, *self._dates, *self._categorical])
        given = {name: self._written.known(values) for name, values in columns.items()}
        given |= {name: self._written.with_point(given[name]) for name in self._numeric}
        numeric = {name: tables.numbers("the table", name, given[name]) for name in self._numeric}
        dates = {name: tables.moments(given[name]) for name in self._dates}
        categorical = {name: tables.texts(given[name]) for name in self._categorical}
        checks = [*check_numeric(numeric, given), *check_dates(dates, given)]
        readable = ~np.any([check.wrong for check in checks], axis=0)
        gaps = self._not_in_training(numeric, dates, categorical, spec)
        checks += [check._replace(wrong=check.wrong & readable) for check in gaps]
        tables.refuse(checks, "fix or remove these rows")
        inputs = self.features(numeric, dates, categorical, spec)
        return inputs, np.arange(len(inputs))

    def features(self, numeric: Columns, dates: Columns, categorical: Columns, spec: Mapping[str, Any]) -> np.ndarray:
        """Return the features [n, f] float32 of rows, given as columns."""
        return encoding.encode(numeric, self.derived, dates, categorical, spec["categories"])

    @cached_property
    def derived(self) -> dict[str, Expression]:
        """The formulas of derived columns by name, in the order in which they can be computed."""
        return expressions.in_order(self._formulas, self._numeric)

    def _not_in_training(
        self, numeric: Columns, dates: Columns, categorical: Columns, spec: Mapping[str, Any]
    ) -> Iterator[Check]:
        """Check for missing values and new categories where the training data has none.

        Without a training example, a model treats a missing value as the smallest one. A spec of an earlier version
        has no `gaps`, and nothing is checked.
        """
        if "gaps" not in spec:
            return
        missing, unseen = encoding.lacking(numeric, self.derived, dates, categorical, spec["categories"])
        for name in sorted(set(missing) - set(spec["gaps"]["missing"])):
            yield Check(missing[name], "no value", f"{name} is missing, but every row of the training data has it")
        for name in sorted(set(unseen) - set(spec["gaps"]["unseen"]) - set(spec["gaps"]["missing"])):
            known = sorted(spec["categories"][name]["names"])
            listed = ", ".join(known[:KNOWN]) + (", ..." if len(known) > KNOWN else "")
            why = f", which is not in the training data ({listed}), nor is a rare or missing category "
            why += "that could stand for it"
            yield Check(unseen[name], "new category", f"{name} is", categorical[name], why)


def check_numeric(numeric: Columns, given: Mapping[str, Any]) -> Iterator[Check]:
    """Check numeric columns for text and infinity; `given` [n] are the original values of columns with text."""
    for name, values in numeric.items():
        if name in given:
            present = np.array([not tables.missing(value) and value != "" for value in given[name]], bool)
            yield Check(present & np.isnan(values), "not a number", f"{name} is", given[name], ", not a number")
        yield Check(np.isinf(values), "infinite value", f"{name} is", values)


def check_dates(dates: Columns, given: Mapping[str, Any]) -> Iterator[Check]:
    """Check columns of dates for other values; `given` [n] are the original values."""
    for name, values in dates.items():
        present = np.array([not tables.missing(value) and value != "" for value in given[name]], bool)
        yield Check(present & np.isnat(values), "not a date", f"{name} is", given[name], ", not a date")
