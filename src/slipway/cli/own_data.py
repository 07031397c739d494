"""`slipway new` and `slipway frames`: the commands that make variants and training data of a user's own files."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from slipway.cli.options import Json
from slipway.core.errors import DataError
from slipway.core.terminal import Console


def new(
    variant: Annotated[str, typer.Argument(help="Name of the new variant: letters, digits and -.")],
    task: Annotated[str, typer.Option(help="Task: the kind of model, as named in docs/tasks.")],
    data: Annotated[
        Path, typer.Option(help="Folder of examples; copied to data/raw/VARIANT unless it is already there.")
    ],
    group: Annotated[
        str | None,
        typer.Option(help="Regular expression whose (group) extracts the video, session, ... from an example's path."),
    ] = None,
    quarantine: Annotated[float, typer.Option(min=0, max=1, help="Largest share of bad files to set aside.")] = 0.0,
    group_copies: Annotated[
        bool, typer.Option("--group-copies", help="Keep copies and near copies on one side of the split.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Create a variant from your own data: a file in conf/variant and an entry in params.yaml and dvc.yaml."""
    from slipway.cli.new import new

    created = new(variant, task, data, group=group, quarantine=quarantine, group_copies=group_copies)
    if as_json:
        print(json.dumps(asdict(created), ensure_ascii=False, indent=1))
        return
    console = Console()
    table = Table(title=f"{variant}: contents of {escape(str(data))}")
    for heading in ("class", "examples", "groups"):
        table.add_column(heading, justify="left" if heading == "class" else "right")
    for name, counts in created.classes.items():
        table.add_row(escape(name), f"{counts['examples']:,}", f"{counts['groups']:,}")
    console.print(table)
    for note in created.notes:
        console.print(f"note: {note}", soft_wrap=True, markup=False)
    if created.unusable:
        console.print(f"{created.unusable:,} files cannot be used and will be quarantined", soft_wrap=True)
    if not created.grouped:
        advice = "if several come from one video, session or object, name it with --group or in metadata.csv"
        console.print(f"[yellow]warning[/]: each example is its own group; {advice}", soft_wrap=True)
    files = escape(", ".join(created.files))
    console.print(f"written and staged in Git: {files}", soft_wrap=True)
    console.print(f"check the gate in {escape(created.files[0])}, then: dvc repro register@{variant}", soft_wrap=True)


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
