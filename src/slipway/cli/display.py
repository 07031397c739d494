"""How versions, differences and events of the registry read in a terminal."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from slipway.core.terminal import Console
from slipway.registry.comparison import Difference
from slipway.registry.grammar import Tag
from slipway.registry.state import Variant
from slipway_edge.redaction import plain, secrets

MARKS = {"pass": "[green]pass[/]", "hold": "[yellow]hold[/]", "fail": "[red]fail[/]", None: "none"}
VERDICTS = {"pass": "green", "hold": "yellow", "fail": "red"}
"""Their colours."""
EVENTS = {
    "register": "registration",
    "assign": "assignment",
    "unassign": "unassignment",
}
"""What `gto history` calls them."""
FACTS = ("Verdict: ", "SHA-256: ")
"""Lines of a tag's message that the table leaves out; --json has them."""


def screen() -> Console:
    """Standard output: as wide as the terminal, else of 140 columns."""
    return Console(width=None if Console().is_terminal else 140)


def print_columns(headings: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> None:
    """A line for each row, in columns as wide as their widest cell; a table of Rich's takes seconds for many rows."""
    hidden = secrets()
    table = [[cell if isinstance(cell, Text) else Text(plain(cell, hidden)) for cell in row] for row in rows]
    table.insert(0, [Text(heading, "bold") for heading in headings])
    widths = [max(cell.cell_len for cell in column) for column in zip(*table, strict=True)]
    console = screen()
    for row in table:
        line = Text()
        for cell, width in zip(row, widths, strict=True):
            line.append_text(cell).append(" " * (width - cell.cell_len + 2))
        line.rstrip()
        console.print(line, soft_wrap=True)


def event(variant: Variant, tag: Tag) -> dict[str, Any]:
    """What a tag of a variant did: when, who, what, to which version, and why."""
    return {
        "when": tag.time,
        "who": tag.who,
        "email": tag.email,
        "variant": tag.variant,
        "what": EVENTS[tag.action],
        "version": tag.version or variant.version_at(tag.commit) or tag.commit,
        "role": tag.role,
        "why": tag.why,
        "tag": tag.name,
        "commit": tag.commit,
    }


def print_events(events: Iterable[Mapping[str, Any]]) -> None:
    """A table of events, as `event` gives them."""
    table = Table(title="History")
    for heading in ("when", "who", "what", "version", "role", "why"):
        table.add_column(heading, overflow="fold")
    for one in events:
        version = f"{one['variant']}@{one['version']}"
        why = "\n".join(lines_of(one["why"]))
        cells = (one["when"], one["who"], one["what"], version, one["role"] or "", why)
        table.add_row(*map(escape, cells))
    screen().print(table)


def lines_of(why: str) -> list[str]:
    """What a tag's message says to people: what was done, the reason, and what was overruled."""
    return [line for line in why.splitlines() if line and not line.startswith(FACTS)]


def cells(one: Difference) -> tuple[str, str, str, str, str]:
    """A difference as metric, first, second, by how much, and that in percent."""
    by = ""
    if one.absolute is not None:
        between = "" if one.low is None or one.high is None else f" ({one.low:+.4g} to {one.high:+.4g})"
        by = f"{one.absolute:+.4g}{between}"
    percent = "" if one.percent is None else f"{one.percent:+.1f} %"
    return escape(one.metric), _measured(one.first), _measured(one.second), by, percent


def _measured(one: Mapping[str, float | None] | None) -> str:
    if one is None:
        return "none"
    return " ".join(part for part in (number(one.get("value")), interval(one)) if part)


def number(value: float | None) -> str:
    """A value of a metric, to four digits; from ten thousand on without decimals."""
    return "undefined" if value is None else f"{value:,.0f}" if abs(value) >= 1e4 else f"{value:.4g}"


def interval(one: Mapping[str, float | None]) -> str:
    """The interval of a metric in brackets; nothing where it has none."""
    low, high = one.get("low"), one.get("high")
    return "" if low is None or high is None else f"({number(low)} to {number(high)})"
