"""Markdown for model cards and reports: templates, tables, figures with the digits they deserve, text that stays text.

What is Markdown already has the type `Markdown`, which the functions here return. All else is text of unknown origin:
a template or a table that puts it on a page escapes it, without being asked.
"""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from html import escape
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined

from slipway_edge.redaction import plain


class Markdown(str):
    """Markdown that goes on a page as it is. What is made of it (a sum, a slice, a join) is a mere text again."""

    __slots__ = ()


UNKNOWN = Markdown("n/a")

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


def environment(package: str) -> Environment:
    """Jinja over the templates of Markdown in a package, with the functions of this module as filters.

    Jinja hands the value of each `{{ }}` to `finalize`, and here that is `shown`: what is not `Markdown` is escaped by
    `text`. So `{{ x }}` is safe by itself, and nothing in a template turns that off: what operators, macros and Jinja's
    own filters return, `safe` among them, is not `Markdown` and is escaped, if need be for a second time. A filter is
    for places where something else than text belongs: `code`, `html`, `target`. A name that is not given is an error.
    """
    made = Environment(
        loader=PackageLoader(package, "."),
        finalize=shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    filters = (bound, code, figure, figures, html, listed, measured, number, share, size, strong, table, target, words)
    made.filters |= {one.__name__: one for one in filters}
    return made


def shown(value: object) -> Markdown:
    """The value as Markdown: as it is where it is that already, else as text."""
    return value if isinstance(value, Markdown) else text(value)


def listed(values: Iterable[object]) -> Markdown:
    """The values with commas between them."""
    return Markdown(", ".join(map(shown, values)))


def table(rows: Iterable[Sequence[object]], head: Sequence[object], numbers: int = 0) -> Markdown:
    """A table whose last `numbers` columns are set flush right."""
    rule = [Markdown("---")] * (len(head) - numbers) + [Markdown("---:")] * numbers
    return Markdown("\n".join(f"| {' | '.join(map(shown, cells))} |" for cells in (head, rule, *rows)))


def strong(value: object) -> Markdown:
    """The value in bold."""
    return Markdown(f"**{shown(value)}**")


def number(value: float, form: str = ",") -> Markdown:
    """A number in one of Python's formats.

    Raises:
        TypeError: it is none, so that a text cannot pass for one.
    """
    if not isinstance(value, int | float):
        raise TypeError(f"{value!r} is no number")
    return Markdown(format(value, form))


def figures(values: Iterable[float | None], decimals: int | None = None) -> list[Markdown]:
    """Figures of one row with the same number of decimals, where not given four significant digits of the largest.

    Counts have none.
    """
    given = list(values)
    if all(isinstance(value, int | None) for value in given):
        return [UNKNOWN if value is None else number(value) for value in given]
    if decimals is None:
        largest = max((abs(value) for value in given if value is not None), default=0.0)
        decimals = min(max(3 - math.floor(math.log10(largest)), 0), 9) if largest > 0 else 0
    return [UNKNOWN if value is None else number(value, f",.{decimals}f") for value in given]


def measured(value: float | None, low: float | None, high: float | None, decimals: int | None = None) -> Markdown:
    """A figure, with its interval in brackets where it has one; `decimals` as in `figures`."""
    told, *ends = figures([value, low, high], decimals)
    return told if low is None or high is None else Markdown(f"{told} ({' to '.join(ends)})")


def bound(value: float) -> Markdown:
    """A figure that someone set, as it was set."""
    return number(value, ",.10g")


def figure(value: float | None) -> Markdown:
    """A figure to three significant digits."""
    return UNKNOWN if value is None else Markdown("0") if value == 0 else number(value, ".3g")


def share(share: float) -> Markdown:
    """A share in percent; what is not all is not rounded to all."""
    percent = 100 * share
    told = number(percent, ".1f") if percent <= 99.9 or percent == 100 else bound(math.floor(percent * 1000) / 1000)
    return Markdown(f"{told} %")


def size(count: int) -> Markdown:
    """So many bytes, in the unit that suits them."""
    for unit, of in (("MiB", 2**20), ("KiB", 2**10)):
        if count >= of:
            return Markdown(f"{count / of:.1f} {unit}")
    return Markdown(f"{count} bytes")


def words(name: str) -> str:
    """A key as a heading."""
    return name.replace("_", " ").capitalize()


def text(value: object) -> Markdown:
    """Text of unknown origin as Markdown that shows just that, in a line, a cell of a table or a heading.

    Nothing of it is markup, and nothing is alive: what a host of Git makes a link, a mention or a picture of by itself
    (addresses, @names, #1, hashes of commits, :emoji:, formulas) stands as code, where no host looks for it.
    """
    words = plain(str(value)).split()
    escaped = " ".join(_parts(word, _escaped) for word in words)
    return Markdown(_FIRST.sub(r"\1\\", escaped))


def code(value: object) -> Markdown:
    """The same as code, all of it."""
    return Markdown(_parts(" ".join(plain(str(value)).split()), _spanned))


def html(value: object) -> Markdown:
    """The same within an HTML block, where Markdown is not read."""
    words = plain(str(value)).split()
    return Markdown(" ".join(f"<code>{escape(word)}</code>" if _ALIVE.search(word) else escape(word) for word in words))


def target(path: str) -> Markdown:
    """A path as the target of a link."""
    return Markdown(quote(path, safe="/"))


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
