"""Columns derived from others by a formula, such as `sqrt(dx ** 2 + dy ** 2)` or `where(home == 1, x, 100 - x)`.

A formula has numbers, names of columns, `+ - * / **`, comparisons, and the functions of `FUNCTIONS`; it is Python's
syntax, and nothing else of Python can be said in it. Undefined values (1 / 0, the square root of -1) are missing.
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
    """A formula, parsed once; `columns` are the names that it reads.

    Raises:
        ValueError: it is no formula.
    """

    def __init__(self, formula: str) -> None:
        try:
            tree = ast.parse(formula, mode="eval")
        except (SyntaxError, ValueError):
            raise ValueError(f"{formula!r} is no formula")
        functions = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        for node in ast.walk(tree):
            if not _allowed(node, id(node) in functions):
                known = ", ".join(FUNCTIONS)
                raise ValueError(f"{ast.unparse(node)} in {formula!r} is no number, column, operator or one of {known}")
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
            raise ValueError(f"{formula!r} gives no value a row")

    def __call__(self, columns: Mapping[str, np.ndarray]) -> np.ndarray:
        """Values [n] float64, from columns [n] float64 each; NaN where the result is not finite."""
        read = {name: columns[name] for name in self.columns}
        with np.errstate(all="ignore"):
            values = np.asarray(eval(self._code, {"__builtins__": {}, **FUNCTIONS}, read), np.float64)
        known: np.ndarray = np.where(np.isfinite(values), values, np.nan)
        return known


def in_order(formulas: Mapping[str, str], columns: Sequence[str]) -> dict[str, Expression]:
    """Formulas by name, those that others read first and else by name; each may read `columns` and any other's result.

    Raises:
        ValueError: a formula is none, reads what there is not, or needs its own result.
    """
    parsed = {name: Expression(formulas[name]) for name in sorted(formulas)}
    for name, expression in parsed.items():
        if unknown := [column for column in expression.columns if column not in {*columns, *parsed}]:
            raise ValueError(f"derived {name} reads {unknown[0]}, which is no numeric column and not derived")
    sorter = TopologicalSorter({name: [one for one in e.columns if one in parsed] for name, e in parsed.items()})
    try:
        return {name: parsed[name] for name in sorter.static_order()}
    except CycleError as error:
        raise ValueError(f"derived columns need one another: {', '.join(error.args[1])}")


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
