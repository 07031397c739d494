"""Markdown for model cards and reports: templates, tables, rounded figures, and escaped text.

Text that is already Markdown has the type `Markdown`, which the functions here return. Everything else is text of
unknown origin: templates and tables escape it automatically.
"""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from html import escape
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined

from slipway_edge.redaction import plain


class Markdown(str):
    """Markdown that goes on a page unchanged. A sum, a slice or a join of it is plain text again."""

    __slots__ = ()


UNKNOWN = Markdown("n/a")

_AUTOLINKED = re.compile(
    r"""
    [@#$]                                       # mentions, e-mail addresses, issues, formulas
    | :// | www\. | (mailto|xmpp|tel|data|javascript):
    | :[\w+-]+:                                 # emoji
    | [!%&][0-9]                                # GitLab: merge requests, milestones, epics
    | (?<![a-z0-9])[a-z]+-[0-9]+                # GH-1, and similar references that a project has set up
    | (?<![0-9a-f])[0-9a-f]{7,64}(?![0-9a-f])   # hashes of commits
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""Plain text that a Git host turns into a link, a mention or another element."""
_MARKS = re.compile(r"[\\`*_\[\]~]")
_FIRST = re.compile(r"^([0-9]+(?=[.)](?: |$))|(?=[=>]|[-+](?:[- ]|$)))")
"""Text that at the start of a line begins a list or a quotation, or turns the line above into a heading."""


def environment(package: str) -> Environment:
    """Return a Jinja environment for the Markdown templates of a package, with the functions of this module as filters.

    Jinja passes the value of each `{{ }}` to `finalize`, which is `shown` here: `text` escapes every value that is not
    `Markdown`. So `{{ x }}` is always safe, and nothing in a template turns that off: the results of operators, macros
    and Jinja's own filters, including `safe`, are not `Markdown` and are escaped, even a second time. Filters are for
    places that need something other than text: `code`, `html`, `target`. An undefined name is an error.
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
    """Return the value as Markdown: unchanged where it is `Markdown`, else escaped as text."""
    return value if isinstance(value, Markdown) else text(value)


def listed(values: Iterable[object]) -> Markdown:
    """Return the values with commas between them."""
    return Markdown(", ".join(map(shown, values)))


def table(rows: Iterable[Sequence[object]], head: Sequence[object], numbers: int = 0) -> Markdown:
    """Return a table whose last `numbers` columns are aligned right."""
    rule = [Markdown("---")] * (len(head) - numbers) + [Markdown("---:")] * numbers
    return Markdown("\n".join(f"| {' | '.join(map(shown, cells))} |" for cells in (head, rule, *rows)))


def strong(value: object) -> Markdown:
    """Return the value in bold."""
    return Markdown(f"**{shown(value)}**")


def number(value: float, form: str = ",") -> Markdown:
    """Return a number in one of Python's formats.

    Raises:
        TypeError: the value is not a number, so text cannot pass as one.
    """
    if not isinstance(value, int | float):
        raise TypeError(f"{value!r} is not a number")
    return Markdown(format(value, form))


def figures(values: Iterable[float | None], decimals: int | None = None) -> list[Markdown]:
    """Return the figures of a row with the same number of decimals; by default the largest has four significant digits.

    Whole numbers get no decimals.
    """
    given = list(values)
    if all(isinstance(value, int | None) for value in given):
        return [UNKNOWN if value is None else number(value) for value in given]
    if decimals is None:
        largest = max((abs(value) for value in given if value is not None), default=0.0)
        decimals = min(max(3 - math.floor(math.log10(largest)), 0), 9) if largest > 0 else 0
    return [UNKNOWN if value is None else number(value, f",.{decimals}f") for value in given]


def measured(value: float | None, low: float | None, high: float | None, decimals: int | None = None) -> Markdown:
    """Return a figure, with its interval in brackets where it has one; `decimals` as in `figures`."""
    formatted, *ends = figures([value, low, high], decimals)
    return formatted if low is None or high is None else Markdown(f"{formatted} ({' to '.join(ends)})")


def bound(value: float) -> Markdown:
    """Return a configured figure with all its digits."""
    return number(value, ",.10g")


def figure(value: float | None) -> Markdown:
    """Return a figure with three significant digits."""
    return UNKNOWN if value is None else Markdown("0") if value == 0 else number(value, ".3g")


def share(share: float) -> Markdown:
    """Return a share in percent; a share below 1 is never rounded up to 100 %."""
    percent = 100 * share
    formatted = (
        number(percent, ".1f") if percent <= 99.9 or percent == 100 else bound(math.floor(percent * 1000) / 1000)
    )
    return Markdown(f"{formatted} %")


def size(count: int) -> Markdown:
    """Return a number of bytes, in bytes, KiB or MiB."""
    for unit, of in (("MiB", 2**20), ("KiB", 2**10)):
        if count >= of:
            return Markdown(f"{count / of:.1f} {unit}")
    return Markdown(f"{count} bytes")


def words(name: str) -> str:
    """Return a key as a heading."""
    return name.replace("_", " ").capitalize()


def text(value: object) -> Markdown:
    """Return text of unknown origin as Markdown that shows exactly this text, in a line, a table cell or a heading.

    All markup is escaped. Text that a Git host turns into a link, a mention or a picture (addresses, @names, #1, hashes
    of commits, :emoji:, formulas) becomes code, where no host looks for it.
    """
    words = plain(str(value)).split()
    escaped = " ".join(_parts(word, _escaped) for word in words)
    return Markdown(_FIRST.sub(r"\1\\", escaped))


def code(value: object) -> Markdown:
    """Return text of unknown origin as code."""
    return Markdown(_parts(" ".join(plain(str(value)).split()), _spanned))


def html(value: object) -> Markdown:
    """Return text of unknown origin for an HTML block, in which Markdown is not parsed."""
    words = plain(str(value)).split()
    return Markdown(
        " ".join(f"<code>{escape(word)}</code>" if _AUTOLINKED.search(word) else escape(word) for word in words)
    )


def target(path: str) -> Markdown:
    """Return a path as the target of a link."""
    return Markdown(quote(path, safe="/"))


def _parts(word: str, shown: Callable[[str], str]) -> str:
    """Return a word with each | escaped, because | ends a table cell even in code."""
    return "\\|".join(shown(part) for part in word.split("|"))


def _escaped(part: str) -> str:
    if _AUTOLINKED.search(part):
        return _spanned(part)
    return _MARKS.sub(r"\\\g<0>", part).replace("&", "&amp;").replace("<", "&lt;")


def _spanned(part: str) -> str:
    if not part:
        return ""
    fence = "`" * (max(map(len, re.findall("`+", part)), default=0) + 1)
    padding = " " if part[0] in "` " or part[-1] in "` " else ""
    return f"{fence}{padding}{part}{padding}{fence}"
