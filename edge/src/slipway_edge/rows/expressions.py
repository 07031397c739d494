"""Columns derived from others by a formula, such as `sqrt(dx ** 2 + dy ** 2)` or `where(home == 1, x, 100 - x)`.

A formula is written in Python's syntax and may contain only numbers, names of columns, `+ - * / **`, comparisons, and
the functions in `FUNCTIONS`. Undefined values (1 / 0, the square root of -1) are missing.
"""

import ast
from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

import numpy as np

FUNCTIONS = {
    "abs": np.abs,
    "sqrt": np.sqrt,
    "hypot": np.hypot,
    "log1p": np.log1p,
    "sin": np.sin,
    "cos": np.cos,
    "minimum": np.minimum,
    "maximum": np.maximum,
    "where": np.where,
}
_ALLOWED = (
    *(ast.Expression, ast.Load, ast.BinOp, ast.UnaryOp, ast.USub),
    *(ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow),
    *(ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq),
)


class Expression:
    """A parsed formula; `columns` are the names of the columns that it reads.

    Raises:
        ValueError: the formula is invalid.
    """

    def __init__(self, formula: str) -> None:
        try:
            tree = ast.parse(formula, mode="eval")
        except (SyntaxError, ValueError):
            raise ValueError(f"{formula!r} is not a valid formula")
        functions = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        for node in ast.walk(tree):
            if not _allowed(node, id(node) in functions):
                known = ", ".join(FUNCTIONS)
                wrong = f"{ast.unparse(node)} in {formula!r}"
                raise ValueError(f"{wrong} is not allowed; use numbers, columns, operators or {known}")
        names = {node.id: None for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in functions}
        self.columns = tuple(names)
        self._code = compile(tree, formula, "eval")
        if not names:
            raise ValueError(f"{formula!r} reads no column")
        try:
            shape = self(dict.fromkeys(names, np.ones(2))).shape
        except (TypeError, ValueError) as error:
            raise ValueError(f"{formula!r} cannot be computed: {error}")
        if shape != (2,):
            raise ValueError(f"{formula!r} does not give one value per row")

    def __call__(self, columns: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the values [n] float64 for columns [n] float64 each; NaN where the result is not finite."""
        read = {name: columns[name] for name in self.columns}
        with np.errstate(all="ignore"):
            values = np.asarray(eval(self._code, {"__builtins__": {}, **FUNCTIONS}, read), np.float64)
        known: np.ndarray = np.where(np.isfinite(values), values, np.nan)
        return known


def in_order(formulas: Mapping[str, str], columns: Sequence[str]) -> dict[str, Expression]:
    """Return the parsed formulas by name in an order in which they can be computed.

    A formula may read `columns` and the results of the other formulas.

    Raises:
        ValueError: a formula is invalid, reads an unknown column, or depends on its own result.
    """
    parsed = {name: Expression(formulas[name]) for name in sorted(formulas)}
    for name, expression in parsed.items():
        if unknown := [column for column in expression.columns if column not in {*columns, *parsed}]:
            raise ValueError(f"derived {name} reads {unknown[0]}, which is neither a numeric nor a derived column")
    sorter = TopologicalSorter({name: [one for one in e.columns if one in parsed] for name, e in parsed.items()})
    try:
        return {name: parsed[name] for name in sorter.static_order()}
    except CycleError as error:
        raise ValueError(f"derived columns depend on each other in a circle: {', '.join(error.args[1])}")


def _allowed(node: ast.AST, called: bool) -> bool:
    match node:
        case ast.Name(id=name):
            return name in FUNCTIONS if called else name not in FUNCTIONS
        case ast.Constant(value=value):
            return type(value) in (int, float)
        case ast.Call(func=ast.Name(), keywords=keywords):
            return not keywords
        case ast.Compare(ops=operators):
            return len(operators) == 1
    return isinstance(node, _ALLOWED)
