"""Pack `data/raw/<variant>` into `data/prepared/<variant>`, and report in `reports/<variant>/dataset.json`."""

import json
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from slipway import tasks
from slipway.core import config
from slipway.core.config import Checks, Split
from slipway.core.errors import DataError
from slipway.core.terminal import Console
from slipway.data import preparation
from slipway.data.splits import SIDES
from slipway.stages import run


def prepare(variant: str) -> None:
    """Index, check, split, pack."""
    values = config.read(variant)
    raw = Path("data/raw") / variant
    if not raw.is_dir():
        raise DataError(
            f"{raw}: no such folder; put the data there and `dvc add {raw}`, or simulate {variant} in params.yaml"
        )
    report = Path("reports") / variant / "dataset.json"
    preparation.prepare(
        tasks.load(values["task"], values["data"]),
        raw,
        Path("data/prepared") / variant,
        report,
        Split(**values["split"]),
        Checks(**values["checks"]),
        values["seed"],
    )
    _show(variant, report)


def _show(variant: str, report: Path) -> None:
    """Print the splits as a table, and the notes and warnings below it."""
    found = json.loads(report.read_text())
    console = Console()
    table = Table(title=f"{escape(variant)}: {found['found']:,} examples found")
    for heading in ("set", "total", "groups", "class or target", "examples", "share"):
        table.add_column(heading, justify="left" if heading in ("set", "class or target") else "right")
    for side in (*SIDES, "calibration"):
        counts = found["splits"][side]
        first = (side, f"{counts['total']:,}", f"{counts['groups']:,}")
        rows = [(escape(name), f"{n:,}", f"{n / counts['total']:.1%}") for name, n in counts.get("classes", {}).items()]
        if target := counts.get("target"):
            rows = [(f"mean {target['mean']:,.4g}, {target['min']:,.4g} to {target['max']:,.4g}", "", "")]
        for row in rows or [("", "", "")]:
            table.add_row(*first, *row)
            first = ("", "", "")
    console.print(table)
    if found["left_out"]:
        console.print(f"left out: {found['left_out']:,}, beyond checks.max_examples", soft_wrap=True)
    for kind, count in found["problems"]["kinds"].items():
        console.print(f"set aside: {count:,} ({escape(kind)}), listed in {escape(str(report))}", soft_wrap=True)
    for note in found["notes"]:
        console.print(f"note: {escape(note)}", soft_wrap=True)
    for warning in found["warnings"]:
        console.print(f"[yellow]warning[/]: {escape(warning)}", soft_wrap=True)
    if any(part["listed"] for part in found["copies"].values()):
        console.print(f"all copies are listed in {escape(str(report))}", soft_wrap=True)


if __name__ == "__main__":
    run(prepare)
