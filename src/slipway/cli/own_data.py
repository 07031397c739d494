"""The commands for own data: `slipway new`, `rename`, `remove`, `predict`, `score` and `frames`."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from slipway.cli.options import Json
from slipway.core.errors import DataError
from slipway.core.terminal import Console

if TYPE_CHECKING:
    from slipway.cli.variants import Changed

MOST_ROWS = 15
"""The most rows of a breakdown that are shown."""


def new(
    variant: Annotated[str, typer.Argument(help="Name of the new variant: letters, digits and -.")],
    data: Annotated[
        Path,
        typer.Option(help="Folder of examples, or a table; copied to data/raw/VARIANT unless it is already there."),
    ],
    task: Annotated[
        str | None, typer.Option(help="Task: the kind of model, as named in docs/tasks; found by the data if absent.")
    ] = None,
    target: Annotated[str | None, typer.Option(help="Column of a table to predict.")] = None,
    group: Annotated[
        str | None,
        typer.Option(
            help="Column of a table that names the customer, session, ...; for files, a regular expression whose "
            "(group) extracts it from an example's path."
        ),
    ] = None,
    test: Annotated[
        Path | None,
        typer.Option(help="Folder of examples, or a table, that is the test split; the data is then train and val."),
    ] = None,
    quarantine: Annotated[float, typer.Option(min=0, max=1, help="Largest share of bad examples to set aside.")] = 0.0,
    group_copies: Annotated[
        bool, typer.Option("--group-copies", help="Keep copies and near copies on one side of the split.")
    ] = False,
    baseline: Annotated[
        bool, typer.Option("--baseline", help="Also train a plain baseline, and report whether the model beats it.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be written, and write nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Create a variant from your own data: a file in conf/variant and an entry in params.yaml and dvc.yaml."""
    from slipway.cli import held_out
    from slipway.cli.new import new

    with held_out.joined(variant, data, test) as folder:
        created = new(
            variant,
            task,
            folder,
            group=group,
            target=target,
            quarantine=quarantine,
            group_copies=group_copies,
            baseline=baseline,
            dry_run=dry_run,
        )
    if as_json:
        print(json.dumps(asdict(created), ensure_ascii=False, indent=1))
        return
    console = Console()
    console.print(f"task: {created.task}", markup=False)
    if created.columns:
        table = Table("column", "used as", "holds", title=f"{variant}: columns of {escape(str(data))}")
        for one in created.columns:
            table.add_row(escape(one.name), escape(one.kind), escape(one.seen))
        console.print(table)
    if created.classes:
        table = Table(title=f"{variant}: contents of {escape(str(data))}")
        for heading in ("class", "examples", "groups"):
            table.add_column(heading, justify="left" if heading == "class" else "right")
        for name, counts in created.classes.items():
            table.add_row(escape(name), f"{counts['examples']:,}", f"{counts['groups']:,}")
        console.print(table)
    for note in created.notes:
        console.print(f"note: {note}", soft_wrap=True, markup=False)
    noun, source, where = ("rows", "customer", "") if created.columns else ("files", "video", " or in metadata.csv")
    if created.unusable:
        console.print(f"{created.unusable:,} {noun} cannot be used and will be quarantined", soft_wrap=True)
    if not created.grouped:
        advice = f"if several come from one {source}, session or object, name it with --group{where}"
        console.print(f"[yellow]warning[/]: each example is its own group; {advice}", soft_wrap=True)
    if dry_run:
        console.print(f"conf/variant/{variant}.yaml would be:\n\n{created.text}", soft_wrap=True, markup=False)
        return
    files = escape(", ".join(created.files))
    console.print(f"written and staged in Git: {files}", soft_wrap=True)
    console.print(f"check the columns and the gate in {escape(created.files[0])}, then:", soft_wrap=True)
    built = f"register@{variant} baseline@{variant}" if baseline else f"register@{variant}"
    for command in (f"dvc repro {built}", "git add --all", f"git commit --message 'Add {variant}'"):
        console.print(f"  {command}", soft_wrap=True, markup=False)
    if baseline:
        console.print("slipway releases and slipway report then say whether the model beats the plain baseline")


def rename(
    variant: Annotated[str, typer.Argument(help="Name of the variant.")],
    to: Annotated[str, typer.Argument(help="Its new name: letters, digits and -.")],
    as_json: Json = False,
) -> None:
    """Rename a variant. What was built under the old name is removed; its versions in the registry keep their name."""
    from slipway.cli.variants import rename

    _print(rename(variant, to), f"then: dvc repro register@{to}, and git commit", as_json)


def remove(
    variant: Annotated[str, typer.Argument(help="Name of the variant.")],
    force: Annotated[
        bool, typer.Option("--force", help="Also remove what is not committed or not in DVC's cache.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Remove a variant with its configuration, data and outputs. `git revert` and `dvc checkout` bring it back."""
    from slipway.cli.variants import remove

    _print(remove(variant, force), f"then: git commit --message 'Remove {variant}'", as_json)


def _print(changed: "Changed", then: str, as_json: bool) -> None:
    if as_json:
        print(json.dumps(asdict(changed), ensure_ascii=False, indent=1))
        return
    console = Console()
    for title, paths in (("removed", changed.gone), ("new", changed.new)):
        if paths:
            console.print(f"{title}: {', '.join(paths)}", soft_wrap=True, markup=False)
    for path in changed.left:
        console.print(f"left in place, since neither Git nor DVC has it: {path}", soft_wrap=True, markup=False)
    console.print(f"staged in Git; {then}", soft_wrap=True, markup=False)


def frames(
    videos: Annotated[list[Path], typer.Argument(help="Video files.", metavar="VIDEO...", show_default=False)],
    every: Annotated[str, typer.Option(help="Time between frames: 1s, 500ms, 2.5s, 0.5.")],
    out: Annotated[Path, typer.Option(help="Folder to write frames and metadata.csv to.")],
    label: Annotated[str | None, typer.Option(help="Class of the frames; without it, sort them yourself.")] = None,
    as_json: Json = False,
) -> None:
    """Extract training frames from videos. Videos that cannot be read are skipped, and the exit code is then 3."""
    from slipway.cli.frames import frames, interval

    results = frames(videos, out, interval(every), label)
    if as_json:
        print(json.dumps([asdict(one) for one in results], ensure_ascii=False, indent=1))
    else:
        table = Table(title=f"Frames in {escape(str(out))}")
        for heading in ("video", "frames", "last at", "problem"):
            table.add_column(heading, justify="right" if heading in ("frames", "last at") else "left", overflow="fold")
        for one in results:
            wrong = f"[red]{escape(one.error)}[/]" if one.error else ""
            table.add_row(escape(one.video), f"{one.frames:,}", f"{one.seconds:,.1f} s" if one.frames else "", wrong)
        Console().print(table)
    if any(one.error for one in results):
        raise typer.Exit(DataError.exit_code)


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
    as_json: Json = False,
) -> None:
    """Score a built model, or a version, on new labelled data, next to the scores on its test split."""
    from slipway.cli.predict import loaded
    from slipway.cli.score import score

    with loaded(model) as predictor:
        found = score(predictor, data)
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
