"""Formulas over columns: their syntax, and their values."""

import numpy as np
import pytest

from slipway_edge.rows.expressions import Expression, in_order

COLUMNS = {"a": np.array([1.0, 4.0, np.nan]), "b": np.array([2.0, 0.0, 1.0])}


@pytest.mark.parametrize(
    ("formula", "values"),
    [
        ("a - b", [-1, 4, np.nan]),
        ("-a ** 2 + 3 * b", [5, -16, np.nan]),
        ("sqrt(a)", [1, 2, np.nan]),
        ("where(b >= 1, 10, a)", [10, 4, 10]),
        ("minimum(a, b)", [1, 0, np.nan]),
        ("hypot(3 * b, 4 * b)", [10, 0, 5]),
        ("a / b", [0.5, np.nan, np.nan]),
        ("sqrt(b - 1)", [1, np.nan, 0]),
    ],
)
def test_a_formula_gives_a_number_for_each_row_and_nan_where_it_is_undefined(formula: str, values: list[float]) -> None:
    np.testing.assert_allclose(Expression(formula)(COLUMNS), values)


def test_a_formula_knows_the_columns_that_it_reads() -> None:
    assert set(Expression("where(b > 1, a, abs(a))").columns) == {"a", "b"}


def test_formulas_come_after_those_that_they_read_in_whatever_order_they_are_given() -> None:
    formulas = {"far": "near + z", "near": "a - 1", "z": "far0 * 2", "far0": "b"}
    orders = [list(in_order(dict(given), ["a", "b"])) for given in (formulas.items(), sorted(formulas.items()))]
    assert orders[0] == orders[1]
    assert all(orders[0].index(first) < orders[0].index(then) for first, then in [("z", "far"), ("far0", "z")])


@pytest.mark.parametrize(
    ("formula", "why"),
    [
        ("a -", "is not a valid formula"),
        ("a = 1", "is not a valid formula"),
        ("a.real", "a.real in 'a.real' is not allowed; use numbers"),
        ("__import__('os')", "is not allowed; use numbers, columns, operators"),
        ("open(a)", "is not allowed; use numbers, columns, operators"),
        ("'a' + b", "is not allowed"),
        ("[a for a in b]", "is not allowed"),
        ("(lambda: a)()", "is not allowed"),
        ("a[0]", "is not allowed"),
        ("0 < a < 1", "is not allowed"),
        ("sqrt + a", "is not allowed"),
        ("1 + 2", "reads no column"),
        ("hypot(a)", "cannot be computed"),
        ("where(a)", "does not give one value per row"),
    ],
)
def test_other_python_syntax_is_refused(formula: str, why: str) -> None:
    with pytest.raises(ValueError, match="(?s)" + why.replace("(", r"\(").replace(")", r"\)")):
        Expression(formula)
