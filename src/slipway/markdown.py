"""Markdown for model cards and reports: tables, figures with as many digits as they deserve, text that stays text."""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from html import escape
from urllib.parse import quote

from slipway.redaction import plain

UNKNOWN = "n/a"

_ALIVE = re.compile(
    r"""
    [@#$]                                       # mentions, addresses of mail, issues, formulas
    | :// | www\. | (mailto|xmpp|tel|data|javascript):
    | :[\w+-]+:                                 # emoji
    | [!%&][0-9]                                # of GitLab: merge requests, milestones, epics
    | (?<![a-z0-9])[a-z]+-[0-9]+                # GH-1, and what a project has set up like it
    | (?<![0-9a-f])[0-9a-f]{7,64}(?![0-9a-f])   # commits
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""What a host of Git makes something of in plain text."""
_MARKS = re.compile(r"[\\`*_\[\]~]")
_FIRST = re.compile(r"^([0-9]+(?=[.)](?: |$))|(?=[=>]|[-+](?:[- ]|$)))")
"""What begins a list or a quotation at the beginning of a line, or underlines the one above it."""


def table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: int = 0) -> list[str]:
    """A table whose last `numbers` columns are set flush right."""
    rule = [*["---"] * (len(head) - numbers), *["---:"] * numbers]
    return [f"| {' | '.join(cells)} |" for cells in (head, rule, *rows)]


def figures(values: Iterable[float | None]) -> list[str]:
    """Figures of one row with the same number of decimals: four significant digits of the largest, none of counts."""
    given = list(values)
    if all(isinstance(value, int | None) for value in given):
        return [UNKNOWN if value is None else f"{value:,}" for value in given]
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
    """Text of unknown origin as Markdown that shows just that, in a line, a cell of a table or a heading.

    Nothing of it is markup, and nothing is alive: what a host of Git makes a link, a mention or a picture of by itself
    (addresses, @names, #1, hashes of commits, :emoji:, formulas) stands as code, where no host looks for it.
    """
    words = plain(str(value)).split()
    escaped = " ".join(_parts(word, _escaped) for word in words)
    return _FIRST.sub(r"\1\\", escaped)


def code(value: object) -> str:
    """The same as code, all of it."""
    return _parts(" ".join(plain(str(value)).split()), _spanned)


def html(value: object) -> str:
    """The same within an HTML block, where Markdown is not read."""
    words = plain(str(value)).split()
    return " ".join(f"<code>{escape(word)}</code>" if _ALIVE.search(word) else escape(word) for word in words)


def target(path: str) -> str:
    """A path as the target of a link."""
    return quote(path, safe="/")


def _parts(word: str, shown: Callable[[str], str]) -> str:
    """A word around its |, which ends a cell of a table also within code."""
    return "\\|".join(shown(part) for part in word.split("|"))


def _escaped(part: str) -> str:
    if _ALIVE.search(part):
        return _spanned(part)
    return _MARKS.sub(r"\\\g<0>", part).replace("&", "&amp;").replace("<", "&lt;")


def _spanned(part: str) -> str:
    if not part:
        return ""
    fence = "`" * (max(map(len, re.findall("`+", part)), default=0) + 1)
    padding = " " if part[0] in "` " or part[-1] in "` " else ""
    return f"{fence}{padding}{part}{padding}{fence}"
