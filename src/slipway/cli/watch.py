"""`slipway watch ...`: a version in use, measured from the logs of `slipway serve`."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from slipway.cli.display import MARKS, interval, number, screen
from slipway.cli.log import FOLDER as LOGS
from slipway.cli.options import Json
from slipway.cli.verdict_command import VerdictCommand
from slipway.core.errors import ModelError, SlipwayError

if TYPE_CHECKING:
    from slipway.registry.state import Version

app = typer.Typer(no_args_is_help=True)
ALL = "all"
Variant = Annotated[str, typer.Argument(help="Variant.")]
Which = Annotated[str, typer.Option("--version", metavar="VERSION", help="A version, a role, or `latest`.")]
Days = Annotated[float, typer.Option(min=0.001, max=3660, help="The days until now to look at.")]
Logs = Annotated[Path, typer.Option("--logs", metavar="FOLDER", help="Folder of the logs of `slipway serve`.")]
LEVELS = {
    "healthy": "[green]healthy[/]",
    "unknown": "[yellow]unknown[/]",
    "warning": "[yellow]warning[/]",
    "critical": "[red]critical[/]",
}


@app.callback()
def watch() -> None:
    """Measure a version in use: performance, drift, health."""


@app.command()
def performance(
    variant: Variant,
    version: Annotated[
        str, typer.Option(metavar="VERSION", help="A version, a role, `latest`, or `all` for all versions.")
    ] = "production",
    days: Days = 7.0,
    logs: Logs = LOGS,
    as_json: Json = False,
) -> None:
    """Show requests, failures, times, confidence and the share of each class."""
    from slipway.monitoring import drift, window
    from slipway.monitoring import performance as figures

    found = _version(variant, "latest" if version == ALL else version)
    try:
        record = drift.record_of(found)
        classes, positive = figures.classes(record), figures.positive(record)
    except ModelError:
        classes, positive = [], None
    seen = window.read(logs, variant, None if version == ALL else found.version, datetime.now(UTC), days)
    measured = figures.measure(seen, seen.counts(classes), positive).to_json()
    which = None if version == ALL else found.version
    if as_json:
        print(json.dumps({"model": variant, "version": which, **measured}, indent=1))
        return
    _show_performance(f"{variant}, all versions" if which is None else found.name, measured)


@app.command(cls=VerdictCommand)
def drift(
    variant: Variant, version: Which = "production", days: Days = 7.0, logs: Logs = LOGS, as_json: Json = False
) -> None:
    """Compare answers with those on the version's own test examples. Exit codes: 0 pass, 1 fail, 2 hold, 3 error."""
    from slipway.monitoring import drift, window

    found = _version(variant, version)
    try:
        known = drift.reference(found)
        seen = window.read(logs, variant, found.version, datetime.now(UTC), days)
        differences = drift.compare(seen.counts(list(known.counts.classes)), known)
        issues = (
            [] if differences else ["its answers have neither a confidence nor classes, so nothing can be compared"]
        )
    except SlipwayError as error:
        differences, issues = [], [str(error)]
    compared = drift.to_json(differences, issues)
    if as_json:
        print(json.dumps({"model": variant, "version": found.version, **compared}, indent=1))
    else:
        _show_drift(found.name, compared)
    raise typer.Exit({"pass": 0, "fail": 1, "hold": 2}[compared["verdict"]])


@app.command(cls=VerdictCommand)
def health(
    variant: Variant, version: Which = "production", days: Days = 7.0, logs: Logs = LOGS, as_json: Json = False
) -> None:
    """Judge a version in use. Exit codes: 0 healthy, 1 warning or critical, 2 unknown, 3 error."""
    from slipway.monitoring import health

    found = _version(variant, version)
    judged, evidence = health.examine(found, logs, datetime.now(UTC), days)
    values = judged.to_json()
    if as_json:
        print(json.dumps({"model": variant, "version": found.version, **values, "evidence": evidence}, indent=1))
    else:
        _show_health(found.name, values)
    raise typer.Exit({"healthy": 0, "unknown": 2}.get(judged.status, 1))


def _version(variant: str, which: str) -> "Version":
    """The version that a version, a role or `latest` means."""
    from slipway.registry import grammar, state

    return state.find(state.read(), f"{variant}{'#' if which in grammar.LIVE else '@'}{which}")


def _show_performance(name: str, measured: Mapping[str, Any]) -> None:
    table = Table(title=escape(f"{name}, from {measured['from']} until {measured['until']}"))
    table.add_column("figure")
    table.add_column("value", justify="right")
    outcomes = ", ".join(f"{count:,} {what}" for what, count in measured["outcomes"].items() if count)
    table.add_row("requests", f"{measured['requests']:,}{f' ({outcomes})' if outcomes else ''}")
    table.add_row("units", f"{measured['units']:,}")
    table.add_row("examples", f"{measured['total_inferences']:,}")
    table.add_row("requests a second", _known(measured["requests_per_second"]))
    table.add_row("error rate", _figures(measured["error_rate"]))
    for what in ("latency", "inference"):
        times = ", ".join(f"{key} {_known(value)}" for key, value in measured[f"{what}_ms"].items())
        table.add_row(f"{what} in ms", times)
    table.add_row("slow answers", _figures(measured["slow_rate"]))
    table.add_row("confidence", _figures(measured["confidence"]))
    for of, share in measured["class_shares"].items():
        table.add_row(escape(f"share of {of}"), _figures(share))
    screen().print(table)


def _show_drift(name: str, compared: Mapping[str, Any]) -> None:
    table = Table(title=escape(f"{name}, requests beside its test examples"))
    for heading in ("difference", "requests", "test examples", "verdict", "result"):
        table.add_column(heading, overflow="fold")
    for one in compared["findings"]:
        here, there = _figures(one["window"]), _figures(one["reference"])
        table.add_row(escape(one["name"]), here, there, MARKS[one["verdict"]], escape(one["reason"]))
    screen().print(table)
    for one in compared["issues"]:
        screen().print(f"{LEVELS['unknown']}: {escape(one)}", soft_wrap=True)
    screen().print(f"verdict: {MARKS[compared['verdict']]}", soft_wrap=True)


def _show_health(name: str, values: Mapping[str, Any]) -> None:
    score = values["health_score"]
    shown = f"{escape(name)}: {LEVELS[values['status']]}"
    screen().print(shown if score is None else f"{shown}, {score} of 100 points", soft_wrap=True)
    for one in values["findings"]:
        points = f", -{one['points']}" if one["points"] else ""
        screen().print(f"  {LEVELS[one['level']]} {one['name']}{points}: {escape(one['reason'])}", soft_wrap=True)
    for one in values["recommendations"]:
        screen().print(f"to do: {escape(one)}", soft_wrap=True)


def _figures(one: Mapping[str, float | None]) -> str:
    return " ".join(part for part in (_known(one["value"]), interval(one)) if part)


def _known(value: float | None) -> str:
    return "unknown" if value is None else number(value)
