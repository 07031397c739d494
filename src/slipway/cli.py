"""The `slipway` command."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from rich.console import Console
from rich.table import Table

from slipway import tasks
from slipway.gate import verdict

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_show_locals=False)

MARKS = {"pass": "[green]pass[/]", "hold": "[yellow]hold[/]", "fail": "[red]fail[/]"}


@app.callback()
def slipway() -> None:
    """Build, gate and launch models from this repository. Building is DVC's: `dvc repro`, `dvc exp run`."""


@app.command()
def releases(as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Every variant: what it scored on its test split, its TFLite size and latency, its verdict, and its report."""
    params = Path("params.yaml")
    if not params.exists():
        raise typer.BadParameter(f"{params}: no such file; run slipway in the repository's root")
    rows = [_release(variant) for variant in yaml.safe_load(params.read_text())["all"]]
    if as_json:
        print(json.dumps(rows, indent=1))
        return
    table = Table(title="Releases: scores of model.tflite on the test split, with 95 % intervals")
    for heading in ("variant", "scores", "size", "latency p95", "verdict", "report"):
        table.add_column(heading, justify="right" if heading in ("size", "latency p95") else "left")
    for row in rows:
        if row["verdict"] is None:
            table.add_row(row["variant"], "", "", "", "not built", f"dvc repro register@{row['variant']}")
            continue
        scores = [f"{name} {_number(one['value'])}{_interval(one)}" for name, one in row["scores"].items()]
        why = [f"{rule['metric']}: {rule['reason']}" for rule in row["rules"] if rule["verdict"] != "pass"]
        table.add_row(
            row["variant"],
            "\n".join(scores),
            f"{row['size_bytes'] / 1024:,.0f} KiB",
            f"{row['latency_p95_ms']:.3g} ms",
            "\n".join([MARKS[row["verdict"]], *why]),
            row["report"],
        )
    Console(width=None if Console().is_terminal else 140).print(table)


def _release(variant: str) -> dict[str, Any]:
    """One row, from the release record and the benchmark beside it."""
    path, benchmark_path = Path("models") / variant / "release.json", Path("reports") / variant / "benchmark.json"
    if not (path.exists() and benchmark_path.exists()):
        return {"variant": variant, "verdict": None}
    record, benchmark = json.loads(path.read_text()), json.loads(benchmark_path.read_text())
    task = tasks.load(record["task"], record["data"])
    return {
        "variant": variant,
        "scores": {name: record["metrics"][name] for name in task.headline},
        "size_bytes": record["artifacts"]["model.tflite"]["bytes"],
        "latency_p95_ms": benchmark["metrics"]["latency_p95_ms"]["value"],
        "verdict": verdict.worst([record["gate"]["verdict"], benchmark["gate"]["verdict"]]),
        "rules": record["gate"]["rules"] + benchmark["gate"]["rules"],
        "report": str(path.with_name("card.md")),
    }


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4g}"


def _interval(one: dict[str, float | None]) -> str:
    return "" if one["low"] is None else f" ({_number(one['low'])} to {_number(one['high'])})"


if __name__ == "__main__":
    app()
