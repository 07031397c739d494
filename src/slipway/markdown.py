"""Markdown for model cards and reports: tables, figures with as many digits as they deserve, text that stays text."""

import math
from collections.abc import Iterable, Sequence

UNKNOWN = "n/a"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: int = 0) -> list[str]:
    """A table whose last `numbers` columns are set flush right."""
    rule = [*["---"] * (len(head) - numbers), *["---:"] * numbers]
    return [f"| {' | '.join(cells)} |" for cells in (head, rule, *rows)]


def figures(values: Iterable[float | None]) -> list[str]:
    """Figures of one row with the same number of decimals: four significant digits of the largest."""
    given = list(values)
    largest = max((abs(value) for value in given if value is not None), default=0.0)
    decimals = min(max(3 - math.floor(math.log10(largest)), 0), 9) if largest > 0 else 0
    return [UNKNOWN if value is None else f"{value:,.{decimals}f}" for value in given]


def bound(value: float) -> str:
    """A figure that someone set, as it was set."""
    return f"{value:,.10g}"


def figure(value: float | None) -> str:
    """A figure to three significant digits."""
    return UNKNOWN if value is None else "0" if value == 0 else f"{value:.3g}"


def share(share: float) -> str:
    """A share in percent; what is not all is not rounded to all."""
    percent = 100 * share
    return f"{percent:.1f} %" if percent <= 99.9 or percent == 100 else f"{math.floor(percent * 1000) / 1000:g} %"


def size(count: int) -> str:
    """So many bytes, in the unit that suits them."""
    for unit, of in (("MiB", 2**20), ("KiB", 2**10)):
        if count >= of:
            return f"{count / of:.1f} {unit}"
    return f"{count} bytes"


def words(name: str) -> str:
    """A key as a heading."""
    return name.replace("_", " ").capitalize()


def text(value: object) -> str:
    """Text of unknown origin, so that it neither breaks a table nor turns into markup."""
    escaped = " ".join(str(value).split())
    for mark in "\\`*_[]|~":
        escaped = escaped.replace(mark, f"\\{mark}")
    return escaped.replace("&", "&amp;").replace("<", "&lt;")
