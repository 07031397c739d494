"""`slipway log ...`: the logs of `slipway serve`."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from filelock import FileLock
from rich.progress import Progress

from slipway.cli.options import Json
from slipway.core.errors import ConfigError
from slipway.core.terminal import Console

app = typer.Typer(no_args_is_help=True)
FOLDER = Path("logs/traffic")


@app.callback()
def log() -> None:
    """What was asked of `slipway serve`, and what it answered."""


@app.command()
def compact(
    folder: Annotated[Path, typer.Option("--logs", metavar="FOLDER", help="Folder of the logs.")] = FOLDER,
    as_json: Json = False,
) -> None:
    """Turn the logs of past days into Parquet files by model and date, and remove the logs."""
    from slipway.traffic import compact, tables

    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder; give --logs the folder of `slipway serve --log`")
    console = Console(stderr=True)
    with (
        FileLock(folder / tables.LOCK),
        Progress(console=console, disable=not console.is_terminal, transient=True) as progress,
    ):
        done = [
            compact.compact(folder, one) for one in progress.track(compact.logs(folder), description="compacting logs")
        ]
    if as_json:
        print(json.dumps([asdict(one) for one in done], indent=1, default=str))
        return
    records, place = sum(one.records for one in done), folder / tables.FOLDER
    Console().print(f"{records} records of {len(done)} logs are now in {place}", soft_wrap=True, markup=False)
    for one in done:
        if one.damaged is not None:
            Console().print(
                f"{one.log}: the lines that are no records are in {one.damaged}", soft_wrap=True, markup=False
            )
