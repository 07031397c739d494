"""The `slipway` command."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table
from typer.core import TyperGroup

from slipway.cli import (
    changing,
    deployment,
    ensemble,
    experiment,
    log,
    own_data,
    promotion,
    registry,
    rollout,
    serve,
    token,
    using,
    watch,
)
from slipway.cli.options import Json
from slipway.cli.verdict_command import VerdictCommand
from slipway.core.errors import ConfigError, SlipwayError
from slipway.core.terminal import Console
from slipway.release import markdown
from slipway_edge.redaction import guard


class Commands(TyperGroup):
    """The command group: an expected error ends a command with one line and its exit code, without traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the requested command."""
        guard()
        try:
            return super().invoke(ctx)
        except SlipwayError as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(error.exit_code)


app = typer.Typer(cls=Commands, no_args_is_help=True, add_completion=False, pretty_exceptions_show_locals=False)

MARKS = {
    "pass": "[green]pass[/]",
    "hold": "[yellow]hold[/]",
    "fail": "[red]fail[/]",
    "unjudged": "[red]not judged[/]",
}


@app.callback()
def slipway() -> None:
    """Gate, register and promote the models of this repository. DVC builds them: `dvc repro`, `dvc exp run`."""


@app.command()
def releases(
    variants: Annotated[list[str] | None, typer.Argument(help="Variants; by default, all in params.yaml.")] = None,
    as_json: Json = False,
) -> None:
    """List the variants with test scores, size and latency of the TFLite model, verdict, and report."""
    from slipway.cli import gate
    from slipway.cli import releases as built

    rows = [built.row(variant) for variant in gate.variants(variants or [])]
    if as_json:
        print(json.dumps(rows, indent=1, default=asdict))
        return
    table = Table(title="Releases: scores of model.tflite on the test split, with 95 % intervals")
    for heading in ("variant", "scores", "size", "latency p95", "verdict", "report"):
        table.add_column(heading, justify="right" if heading in ("size", "latency p95") else "left")
    for row in rows:
        if row["verdict"] is None:
            table.add_row(row["variant"], "", "", "", "not built", f"dvc repro register@{row['variant']}")
            continue
        scores = [f"{name} {_number(one['value'])}{_interval(one)}" for name, one in row["scores"].items()]
        why = [f"{rule.subject}: {rule.reason}" for rule in row["rules"] if rule.verdict != "pass"]
        if plain := row["plain_baseline"]:
            scores.append(f"{plain['outcome']}: {plain['figures']}")
        table.add_row(
            row["variant"],
            escape("\n".join(scores)),
            f"{row['size_bytes'] / 1024:,.0f} KiB",
            f"{row['latency_p95_ms']:.3g} ms",
            "\n".join([MARKS[row["verdict"]], *map(escape, why)]),
            row["report"],
        )
    console = Console(width=None if Console().is_terminal else 140)
    console.print(table)
    if other := built.from_another_processor([row["variant"] for row in rows if row["verdict"] is not None]):
        before, now = other[0].processors
        differ = ", ".join(one.here.variant for one in other)
        console.print(
            f"Git shows changed models of {differ}: the same data and parameters give different bytes on another kind "
            f"of processor ({escape(now)} here, {escape(before)} for the commit). To keep the committed models: "
            "git checkout -- dvc.lock models reports && dvc pull",
            soft_wrap=True,
        )


@app.command()
def folds(variant: Annotated[str, typer.Argument(help="Variant.")], as_json: Json = False) -> None:
    """Summarize a cross-validation whose folds ran as DVC experiments on this commit."""
    from slipway.cli import folds

    validations, others = folds.read(variant)
    if as_json:
        print(json.dumps([asdict(one) for one in validations], indent=1))
        return
    console = Console(width=None if Console().is_terminal else 140)
    numbers = sorted({fold for one in validations for fold in one.experiments})
    table = Table(
        title=f"{escape(variant)}: cross-validation of the native model",
        caption="Folds share training examples, so the intervals are too narrow (Bengio and Grandvalet, 2004).",
    )
    for heading in (["parameters"] if len(validations) > 1 else []) + ["metric", "mean", "95 % interval"]:
        table.add_column(heading, justify="left" if heading in ("parameters", "metric") else "right")
    for fold in numbers:
        table.add_column(f"fold {fold}", justify="right")
    for one in validations:
        params = "\n".join(f"{key} {value}" for key, value in one.params.items())
        for row, found in enumerate(one.estimates):
            values = [_number(found.values.get(fold)) if fold in one.experiments else "" for fold in numbers]
            interval = "" if found.low is None else f"{_number(found.low)} to {_number(found.high)}"
            first = [escape(params) if row == 0 else ""] if len(validations) > 1 else []
            table.add_row(*first, escape(found.metric), _number(found.mean), interval, *values)
        table.add_section()
    console.print(table)
    for one in validations:
        if one.missing:
            which = ", ".join(f"{key} {value}" for key, value in one.params.items())
            lacking = f"{', '.join(map(str, one.missing))} of {one.folds}{f' ({which})' if which else ''}"
            message = f"missing: fold {lacking}; run\n{folds.command(variant, one.folds, one.missing, one.params)}"
            console.print(f"[yellow]warning[/]: {escape(message)}", soft_wrap=True)
    if others:
        message = f"{others} experiments of this commit failed or are not finished: dvc queue status"
        console.print(f"[yellow]warning[/]: {message}", soft_wrap=True)


@app.command(cls=VerdictCommand)
def gate(
    variants: Annotated[list[str] | None, typer.Argument(help="Variants; by default, all in params.yaml.")] = None,
    baseline: Annotated[
        str | None, typer.Option(metavar="REV", help="Revision to compare with; by default, production.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check every rule of the gate. Exit codes: 0 pass, 1 fail, 2 hold (too little data), 3 could not be judged."""
    from slipway.cli import gate
    from slipway.gate.result import exit_code, named
    from slipway.registry import clone

    names = gate.variants(variants or [])
    here = clone.look() if baseline is None else None
    results = [gate.judge(variant, baseline, here=here) for variant in names]
    if as_json:
        print(json.dumps([one.to_json() for one in results], ensure_ascii=False, indent=1))
    else:
        table = Table(title="The gate")
        for heading in ("variant", "verdict", "rule", "result"):
            table.add_column(heading, overflow="fold")
        for one in results:
            rules = [(escape(named(rule)), f"{MARKS[rule.verdict]}: {escape(rule.reason)}") for rule in one.rules]
            if one.why is not None:
                rules = [("", f"could not be judged: {escape(one.why)}")]
            for number, (rule, outcome) in enumerate(rules or [("", "there are no rules")]):
                name = f"{escape(one.variant)}\n[dim]compared with {escape(one.baseline_name)}[/]"
                table.add_row(*([name, MARKS[one.verdict]] if number == 0 else ["", ""]), rule, outcome)
            table.add_section()
        Console(width=None if Console().is_terminal else 140).print(table)
    raise typer.Exit(exit_code(results))


@app.command(cls=VerdictCommand)
def report(
    variants: Annotated[list[str] | None, typer.Argument(help="Variants; by default, all in params.yaml.")] = None,
    baseline: Annotated[
        str | None, typer.Option(metavar="REV", help="Revision to compare with; by default, production.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Markdown file; the HTML is written next to it.")] = Path("report.md"),
    links: Annotated[str, typer.Option(metavar="URL", help="Prefix for links to model cards.")] = "",
    as_json: Json = False,
) -> None:
    """Write the verdicts as a pull request report, in Markdown and HTML. Same exit codes as `slipway gate`."""
    from slipway.cli import report
    from slipway.gate.result import exit_code

    results, written = report.write(variants or [], baseline, out, links)
    if as_json:
        verdicts = {one.variant: one.verdict for one in results}
        print(json.dumps({"verdicts": verdicts, "written": [str(path) for path in written]}, indent=1))
    else:
        Console().print(f"written: {', '.join(map(str, written))}", soft_wrap=True, markup=False)
    raise typer.Exit(exit_code(results))


@app.command()
def doctor(
    checks: Annotated[
        list[str] | None, typer.Argument(help="Checks such as `tags` or `versions in use`; by default, all.")
    ] = None,
    as_json: Json = False,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Print Markdown for an issue; prints nothing if there is no problem.")
    ] = False,
) -> None:
    """Find problems in this clone and print the command that fixes each. Exit code 1 if there are any."""
    from slipway.cli.doctor import CHECKS, examine

    if unknown := [name for name in checks or () if name not in CHECKS]:
        raise typer.BadParameter(f"unknown check {unknown[0]!r}; choose from {', '.join(CHECKS)}")
    found = examine(checks or None)
    if as_json:
        print(json.dumps([asdict(one) for one in found], ensure_ascii=False, indent=1))
    elif as_markdown:
        for one in found:
            print(f"- **{one.check}**: {markdown.text(one.wrong)}\n  - {markdown.text(one.fix)}")
    elif not found:
        Console().print(f"no problems found: {', '.join(checks or CHECKS)}", soft_wrap=True)
    else:
        console = Console()
        for one in found:
            console.print(f"[red]{one.check}[/]: {escape(one.wrong)}", soft_wrap=True)
            console.print(f"  [bold]{escape(one.fix)}[/]", soft_wrap=True)
    raise typer.Exit(1 if found else 0)


@app.command()
def changed(as_json: Json = False) -> None:
    """List the variants to rebuild. Each line is a group that one machine can build independently."""
    from slipway.cli.changed import changed

    groups = changed()
    print(json.dumps(groups) if as_json else "\n".join(" ".join(group) for group in groups))


@app.command()
def pullable(as_json: Json = False) -> None:
    """Say how many of the stages that are missing here `dvc pull` can fetch instead of building them."""
    from slipway.cli import gate
    from slipway.cli.pullable import pullable

    found = pullable(gate.variants([]))
    if as_json:
        print(json.dumps(None if found is None else asdict(found)))
    elif found is not None and found.pullable:
        print(
            f"{found.pullable} of the {found.missing} missing stages are in the DVC remote {found.remote}:"
            " `dvc pull --allow-missing` fetches them instead of building them"
        )


@app.command()
def share(
    variants: Annotated[list[str] | None, typer.Argument(help="Variants to push; by default, all.")] = None,
    as_json: Json = False,
) -> None:
    """Push outputs and run cache to the DVC remote, so that other machines need not rebuild them."""
    from slipway.cli import gate
    from slipway.cli.share import share

    count = share(gate.variants(variants or []))
    print(json.dumps({"pushed": count}) if as_json else f"pushed {count} files")


@app.command()
def resolve(as_json: Json = False) -> None:
    """Resolve merge conflicts in generated files (dvc.lock, params, reports, ...). Exit code 2 if others remain."""
    from slipway.cli.resolve import resolve

    done = resolve()
    if as_json:
        print(json.dumps(asdict(done), ensure_ascii=False, indent=1))
    else:
        console = Console()
        for one in done.settled:
            count = f", {one.count} conflict{'s' * (one.count != 1)}" if one.count else ""
            console.print(f"resolved: {one.path}{count}", soft_wrap=True, markup=False)
        for one in done.left:
            console.print(f"[red]resolve by hand[/]: {escape(one.path)}: {escape(one.message)}", soft_wrap=True)
        if not done.settled and not done.left:
            console.print("no merge conflicts found")
        elif not done.left:
            console.print("next: dvc repro && git add --all && git commit", soft_wrap=True)
    raise typer.Exit(ConfigError.exit_code if done.left else 0)


@app.command()
def replay(
    tag: Annotated[str, typer.Argument(help="Tag of a version or a promotion; also VARIANT@latest or VARIANT#ROLE.")],
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Rerun every stage and compare the bytes.")] = False,
    as_json: Json = False,
) -> None:
    """Reproduce a version's verdict with its own code and data. Exit codes: 1 it differs, 5 it cannot be reproduced."""
    from slipway.cli.replay import replay

    done = replay(tag, rebuild)
    if as_json:
        print(json.dumps(asdict(done), ensure_ascii=False, indent=1))
        raise typer.Exit(0 if done.same else 1)
    console = Console(width=None if Console().is_terminal else 140)
    table = Table(title=f"{escape(tag)}, commit {done.commit[:7]}", caption="Times are taken from benchmark.json.")
    for heading in ("what", "recorded", "rebuilt" if rebuild else "derived", "same"):
        table.add_column(heading, overflow="fold")
    for line in done.lines:
        mark = "[green]yes[/]" if line.same else "[red]no[/]"
        table.add_row(escape(line.what), escape(line.recorded), escape(line.derived), mark)
    console.print(table)
    if done.warning is not None:
        console.print(f"[yellow]warning[/]: {escape(done.warning)}", soft_wrap=True)
    if done.recorded != done.derived:
        message = f"[red]the verdict differs[/]: {done.recorded} recorded, {done.derived} derived"
    elif done.processors is not None:
        other = "[green]same verdict[/], other bytes" if done.same else "[red]other verdict[/]"
        before, now = map(escape, done.processors)
        message = f"{other}, another processor ({before} recorded, {now} here)"
    else:
        message = f"the verdict is the same, {done.recorded}{'' if done.same else '; [red]the marked lines differ[/]'}"
    console.print(f"{escape(tag)}: {message}", soft_wrap=True)
    raise typer.Exit(0 if done.same else 1)


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4g}"


def _interval(one: dict[str, float | None]) -> str:
    return "" if one["low"] is None else f" ({_number(one['low'])} to {_number(one['high'])})"


app.add_typer(registry.app, name="registry")
app.add_typer(token.app, name="token")
app.add_typer(watch.app, name="watch")
app.add_typer(log.app, name="log")
app.add_typer(experiment.app, name="experiment")
app.add_typer(rollout.app, name="rollout")
app.add_typer(ensemble.app, name="ensemble")
for command in (
    own_data.new,
    changing.rename,
    changing.remove,
    using.predict,
    using.score,
    own_data.frames,
    promotion.register,
    promotion.promote,
    promotion.rollback,
    promotion.retire,
    serve.serve,
    deployment.deploy,
    deployment.deployments,
    deployment.status,
    deployment.health,
    deployment.undeploy,
):
    app.command()(command)


if __name__ == "__main__":
    app()
