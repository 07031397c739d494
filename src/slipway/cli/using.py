"""The commands that use a model on other data: `slipway predict` and `slipway score`."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from slipway.cli.options import Json
from slipway.core.errors import DataError
from slipway.core.terminal import Console

MOST_ROWS = 15
"""The most rows of a breakdown that are shown."""


def predict(
    model: Annotated[str, typer.Argument(help="VARIANT as built, or VARIANT@VERSION, VARIANT@latest, VARIANT#ROLE.")],
    paths: Annotated[list[Path], typer.Argument(help="Files, folders of files, or tables.", metavar="FILE...")],
    out: Annotated[
        Path | None, typer.Option(help="File to write the predictions to, as JSON Lines; a stopped run goes on there.")
    ] = None,
) -> None:
    """Print or write a prediction for each file or row of a table, as JSON Lines. Exit code 3 if any cannot be read."""
    from slipway.cli.predict import files, loaded, predict

    with loaded(model) as predictor:
        wrong = predict(predictor, files(paths), out)
    if wrong:
        Console(stderr=True).print(f"{wrong:,} cannot be read and have an error in place of a prediction")
        raise typer.Exit(DataError.exit_code)


def score(
    model: Annotated[str, typer.Argument(help="VARIANT as built, or VARIANT@VERSION, VARIANT@latest, VARIANT#ROLE.")],
    data: Annotated[Path, typer.Argument(help="Folder in the layout of the task, or one table, with labels.")],
    labels: Annotated[
        Path | None,
        typer.Option(help="Table of the labels of the files in a folder, with columns such as path and label."),
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(help="Column, or regular expression for files, that groups this data, as in slipway new."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Score a built model, or a version, on new labelled data, next to the scores on its test split."""
    from slipway.cli.labelled import labelled
    from slipway.cli.predict import loaded
    from slipway.cli.score import score

    with loaded(model) as predictor, labelled(data, labels, task=predictor.record["task"]) as laid:
        found = score(predictor, laid.folder, group)
    if as_json:
        print(json.dumps(asdict(found), ensure_ascii=False, indent=1))
        return
    console = Console()
    table = Table(
        title=f"{escape(model)} on {found.examples:,} examples in {found.groups:,} groups of {escape(str(data))}"
    )
    for heading in ("metric", "here", "on its test split"):
        table.add_column(heading, overflow="fold")
    for metric, one in found.metrics.items():
        table.add_row(escape(metric), _figure(one), _figure(found.own.get(metric, {})))
    console.print(table)
    for name, rows in found.tables.items():
        if name not in found.curves and rows:
            console.print(_breakdown(name, rows[:MOST_ROWS]))
            if len(rows) > MOST_ROWS:
                console.print(f"and {len(rows) - MOST_ROWS:,} more rows: --json has all", soft_wrap=True)
    for note in found.notes:
        console.print(f"note: {note}", soft_wrap=True, markup=False)
    if found.problems:
        first = found.problems[0]
        said = f"{len(found.problems):,} examples cannot be read and are left out: {first.where}: {first.detail}"
        said += ", ..." if len(found.problems) > 1 else ""
        console.print(f"[yellow]warning[/]: {escape(said)}", soft_wrap=True)


def _breakdown(name: str, rows: list[dict[str, Any]]) -> Table:
    """Return a table of a breakdown; a score has its interval in the same cell."""
    table = Table(title=escape(name.replace("_", " ")))
    columns = [
        key for key in rows[0] if not any(f"{key}" == f"{of}_{end}" for of in rows[0] for end in ("low", "high"))
    ]
    for number, column in enumerate(columns):
        table.add_column(escape(column), justify="right" if number else "left", overflow="fold")
    for row in rows:
        table.add_row(
            *(
                _figure({"value": row[key], "low": row[f"{key}_low"], "high": row[f"{key}_high"]})
                if f"{key}_low" in row
                else escape(f"{row[key]:,}" if isinstance(row[key], int) else str(row[key]))
                for key in columns
            )
        )
    return table


def _figure(one: Mapping[str, float | None]) -> str:
    """Return a score with its interval, as text."""
    value, low, high = (one.get(key) for key in ("value", "low", "high"))
    if value is None:
        return "undefined"
    return f"{value:.4g}" if low is None or high is None else f"{value:.4g} ({low:.4g} to {high:.4g})"
