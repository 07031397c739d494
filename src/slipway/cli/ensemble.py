"""`slipway ensemble ...`: versions that answer together."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from slipway.cli.display import MARKS, interval, number, print_columns, screen
from slipway.cli.options import Json
from slipway.cli.verdict_command import VerdictCommand
from slipway.core.errors import SlipwayError
from slipway.core.terminal import Console

if TYPE_CHECKING:
    from slipway.ensembles.members import Ensemble
    from slipway.ensembles.verdict import Evaluation

app = typer.Typer(no_args_is_help=True)
Name = Annotated[str, typer.Argument(metavar="NAME", help="The name of ensembles/NAME.yaml.")]


@app.callback()
def ensemble() -> None:
    """Let versions answer together, once the gate has passed what they say together."""


@app.command("list")
def list_ensembles(as_json: Json = False) -> None:
    """List the ensembles of this folder, with their members and whether a verdict of today is a pass."""
    from slipway.ensembles.definition import FOLDER

    rows = [_row(path.stem) for path in sorted(FOLDER.glob("*.yaml"))]
    if as_json:
        print(json.dumps(rows, indent=1))
        return
    headings = ("name", "strategy", "members", "version", "verdict")
    print_columns(headings, [[str(row[key] or "") for key in headings] for row in rows])


@app.command()
def show(name: Name, as_json: Json = False) -> None:
    """Show an ensemble: what its members are today, and its last verdict."""
    from slipway.ensembles import verdict

    found, evaluation = _assembled(name), _last(name)
    why = verdict.objection(evaluation, found)
    if as_json:
        print(
            json.dumps(
                {
                    "name": name,
                    **found.definition.model_dump(mode="json", exclude_none=True),
                    "version": found.version,
                    "versions": {one.address: one.version.name for one in found.members},
                    "may_answer": why is None,
                    "why_not": why,
                    "evaluation": None if evaluation is None else evaluation.to_json(),
                },
                ensure_ascii=False,
                indent=1,
            )
        )
        return
    console = Console()
    console.print(f"{name} {found.version}: {found.definition.description}", soft_wrap=True, markup=False)
    for one, weight in zip(found.members, found.definition.members.values(), strict=True):
        console.print(f"  {one.address}: {one.version.name}, weight {weight:g}", soft_wrap=True, markup=False)
    if evaluation is not None:
        _print(evaluation)
    told = "may answer, if definition and verdict are committed" if why is None else f"does not answer: {why}"
    console.print(f"{name} {told}", soft_wrap=True, markup=False)


@app.command(cls=VerdictCommand)
def evaluate(name: Name, as_json: Json = False) -> None:
    """Score an ensemble on the shared test split, compare it with each member, and judge it.

    Writes ensembles/NAME.json. Exit codes: 0 pass, 1 fail, 2 hold, 3 could not be judged.
    """
    from slipway.ensembles import evaluation, verdict
    from slipway.gate.result import EXIT_CODES

    judged = evaluation.evaluate(_assembled(name))
    path = verdict.write(judged)
    if as_json:
        print(json.dumps(judged.to_json(), ensure_ascii=False, indent=1))
    else:
        _print(judged)
        told = f"written: {path}; next: git add ensembles && git commit -m 'Ensemble {name}'"
        Console().print(told, soft_wrap=True, markup=False)
    raise typer.Exit(EXIT_CODES[judged.verdict])


def _assembled(name: str) -> "Ensemble":
    from slipway.ensembles import definition, members
    from slipway.registry import state

    variants = state.read()
    return members.assemble(name, definition.read(name), variants, members.holders(variants))


def _last(name: str) -> "Evaluation | None":
    """The verdict in the working folder; None if there is none."""
    from slipway.ensembles import verdict

    path = verdict.file_of(name)
    return verdict.read(path.read_bytes(), path.as_posix()) if path.is_file() else None


def _row(name: str) -> dict[str, Any]:
    from slipway.ensembles import definition, verdict

    row: dict[str, Any] = {"name": name, "strategy": None, "members": None, "version": None}
    try:
        said = definition.read(name)
        row |= {"strategy": said.voting_strategy, "members": ", ".join(said.members)}
        found = _assembled(name)
        return {**row, "version": found.version, "verdict": verdict.objection(_last(name), found) or "pass"}
    except SlipwayError as error:
        return {**row, "verdict": f"unusable: {'; '.join(str(error).splitlines())}"}


def _print(evaluation: "Evaluation") -> None:
    """Print the scores beside those of each member, and the outcome of each rule."""
    from slipway.gate.result import named

    table = Table(
        title=f"{escape(evaluation.ensemble)} on {evaluation.examples:,} test examples in {evaluation.groups:,} groups",
        caption="Differences: the ensemble minus the member, on the same draws.",
    )
    table.add_column("metric")
    table.add_column("ensemble", justify="right")
    for one in evaluation.compared:
        table.add_column(f"minus {escape(one.member)}", justify="right")
    for metric, figures in evaluation.metrics.items():
        differences = [one.difference.get(metric, {}) for one in evaluation.compared]
        table.add_row(escape(metric), _figure(figures), *map(_figure, differences))
    changed = [f"{one.better:,} better, {one.worse:,} worse" for one in evaluation.compared]
    table.add_row("examples", "", *changed)
    screen().print(table)
    judged = [(None, rule) for rule in evaluation.gate.rules]
    for member, rule in [*judged, *((one.member, rule) for one in evaluation.compared for rule in one.rules)]:
        of = named(rule) if member is None else f"{named(rule)}, beside {member}"
        screen().print(f"{MARKS[rule.verdict]} {escape(of)}: {escape(rule.reason)}", soft_wrap=True)
    screen().print(f"verdict: {MARKS[evaluation.verdict]}", soft_wrap=True)


def _figure(one: Mapping[str, float | None]) -> str:
    return " ".join(part for part in (number(one.get("value")), interval(one)) if part)
