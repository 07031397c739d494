"""The commands that start from own data: `slipway new` and `slipway frames`."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from slipway.cli.options import Json
from slipway.core.errors import ConfigError, DataError
from slipway.core.terminal import Console

if TYPE_CHECKING:
    from slipway.cli.new import Created


def new(
    variant: Annotated[str, typer.Argument(help="Name of the new variant: letters, digits and -.")],
    data: Annotated[
        Path,
        typer.Option(help="Folder of examples, or a table; copied to data/raw/VARIANT unless it is already there."),
    ],
    task: Annotated[
        str | None, typer.Option(help="Task: the kind of model, as named in docs/tasks; found by the data if absent.")
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="Column to predict: of a table, or of the file of --labels.")
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(help="Table of the labels of the files in a folder, with columns such as path and label."),
    ] = None,
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
    weights: Annotated[
        Path | None, typer.Option(help="File of a network that Keras saved, from whose weights training starts.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Network or trees, a file in conf/model; chosen by the data if absent.")
    ] = None,
    baseline: Annotated[
        bool, typer.Option("--baseline", help="Also train a plain baseline, and report whether the model beats it.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be written, and write nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Create a variant from your own data: a file in conf/variant and an entry in params.yaml and dvc.yaml."""
    from slipway.cli import held_out
    from slipway.cli.labelled import labelled
    from slipway.cli.new import check, new
    from slipway.cli.variants import RAW

    check(variant, task, model)
    if labels is not None and test is not None:
        raise ConfigError(f"--labels and --test: {labels} can say it in a column split (train, val, test)")
    with (
        held_out.joined(variant, data, test) as joined,
        labelled(joined, labels, task=task, target=target, raw=RAW / variant) as laid,
    ):
        created = new(
            variant,
            task,
            laid.folder,
            group=group,
            target=None if laid.notes else target,
            quarantine=quarantine,
            group_copies=group_copies,
            weights=weights,
            model=model,
            baseline=baseline,
            dry_run=dry_run,
        )
    created = replace(created, notes=(*laid.notes, *created.notes))
    if as_json:
        print(json.dumps(asdict(created), ensure_ascii=False, indent=1))
    else:
        _show(created, data, dry_run, baseline)


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


def _show(created: "Created", data: Path, dry_run: bool, baseline: bool) -> None:
    """Print what was found in the data, and what to do next."""
    variant = created.variant
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
