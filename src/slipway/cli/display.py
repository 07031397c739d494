"""Print versions, differences and events of the registry in a terminal."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from slipway.core.terminal import Console
from slipway.registry.comparison import Difference
from slipway_edge.redaction import plain, secrets

MARKS = {"pass": "[green]pass[/]", "hold": "[yellow]hold[/]", "fail": "[red]fail[/]", None: "none"}
VERDICTS = {"pass": "green", "hold": "yellow", "fail": "red"}
"""Colours of the verdicts."""
FACTS = ("Verdict: ", "SHA-256: ", "Rollout: ", "From: ", "Plan: ", "Evidence: ")
"""Prefixes of the lines of a tag's message that the table omits; --json keeps them."""


def screen() -> Console:
    """Return a console on standard output: as wide as the terminal, or 140 columns if it is not a terminal."""
    return Console(width=None if Console().is_terminal else 140)


def print_columns(headings: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> None:
    """Print a line per row, in columns as wide as their widest cell; a Rich table takes seconds for many rows."""
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


def print_events(events: Iterable[Mapping[str, Any]]) -> None:
    """Print a table of events from `slipway.registry.listing.event`."""
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
    """Return the lines of a tag's message that a table shows: what was done, the reason, and what was overruled."""
    return [line for line in why.splitlines() if line and not line.startswith(FACTS)]


def cells(one: Difference) -> tuple[str, str, str, str, str]:
    """Return the cells of a difference: metric, first value, second value, difference, and difference in percent."""
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
    """Format the value of a metric: four significant digits, or no decimals from ten thousand on."""
    return "undefined" if value is None else f"{value:,.0f}" if abs(value) >= 1e4 else f"{value:.4g}"


def interval(one: Mapping[str, float | None]) -> str:
    """Format the interval of a metric in brackets; an empty string if it has none."""
    low, high = one.get("low"), one.get("high")
    return "" if low is None or high is None else f"({number(low)} to {number(high)})"
