"""`slipway experiment ...`: versions compared on the traffic of a server."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from slipway.cli.display import MARKS, number, print_columns, screen
from slipway.cli.log import FOLDER as LOGS
from slipway.cli.options import Json, Push, Reason
from slipway.cli.verdict_command import VerdictCommand
from slipway.core.errors import ConfigError
from slipway.core.terminal import Console

if TYPE_CHECKING:
    from slipway.experiments.analysis import Analysis
    from slipway.experiments.definition import Experiment
    from slipway.experiments.evidence import Evidence
    from slipway.experiments.history import Event, Run
    from slipway.experiments.stopping import Looked

app = typer.Typer(no_args_is_help=True)
Id = Annotated[str, typer.Argument(metavar="ID", help="The name of experiments/ID.yaml.")]
Logs = Annotated[Path, typer.Option("--logs", metavar="FOLDER", help="Folder of the logs of `slipway serve`.")]


@app.callback()
def experiment() -> None:
    """Compare versions on the traffic of `slipway serve`."""


@app.command()
def create(
    name: Id,
    model: Annotated[str, typer.Option(help="The model whose traffic takes part.")],
    arm: Annotated[
        list[str], typer.Option(metavar="NAME=VERSION", help="An arm; the first is the control. VERSION may be a role.")
    ],
    goal: Annotated[str, typer.Option(help="The metric that is to become better.")],
    lower: Annotated[bool, typer.Option("--lower", help="Lower values of the goal are better.")] = False,
    effect: Annotated[
        float | None, typer.Option(help="The smallest difference of the goal that matters; with --deviation.")
    ] = None,
    deviation: Annotated[
        float | None, typer.Option(help="The standard deviation of the goal over units; with --effect.")
    ] = None,
    sample: Annotated[
        int | None, typer.Option(min=100, help="Units of the smallest arm, instead of these two.")
    ] = None,
    hypothesis: Annotated[str | None, typer.Option(help="What you expect, in a sentence.")] = None,
    bandit: Annotated[bool, typer.Option("--bandit", help="The shares of the arms follow the goal.")] = False,
    as_json: Json = False,
) -> None:
    """Write experiments/ID.yaml, with equal arms and errors as guardrail; edit it for anything else."""
    from slipway.experiments import creation

    path, experiment = creation.create(
        name,
        model=model,
        arms=_pairs(arm),
        goal=goal,
        better="lower" if lower else "higher",
        sample=creation.sample(effect, deviation, len(arm)) if sample is None else sample,
        hypothesis=hypothesis,
        bandit=bandit,
    )
    if as_json:
        print(json.dumps({"id": name, "path": str(path), "definition": experiment.definition.model_dump()}, indent=1))
        return
    definition = experiment.definition
    Console().print(
        f"written: {path}, {definition.minimum_sample:,} units in each of {len(definition.arms)} arms",
        soft_wrap=True,
        markup=False,
    )
    next_steps = f"next: git add {path} && git commit -m 'Experiment {name}' && slipway experiment start {name}"
    Console().print(next_steps, soft_wrap=True, markup=False)


@app.command("list")
def list_experiments(as_json: Json = False) -> None:
    """List the experiments: those with a file, and those with tags."""
    from slipway.experiments import definition, history

    runs = history.read()
    files = {path.stem for path in definition.FOLDER.glob("*.yaml")}
    rows = [_row(name, runs.get(name)) for name in sorted(files | runs.keys())]
    if as_json:
        print(json.dumps(rows, indent=1))
        return
    print_columns(
        ("id", "state", "model", "arms", "started", "by"),
        [[str(row[key] or "") for key in ("id", "state", "model", "arms", "started", "by")] for row in rows],
    )


@app.command()
def start(name: Id, reason: Reason = None, push: Push = False, as_json: Json = False) -> None:
    """Start an experiment, or let a running one go on with a wider share: an annotated tag."""
    from slipway.experiments import history

    _written(history.start(name, reason, push=push), push, as_json)


@app.command(cls=VerdictCommand)
def status(name: Id, logs: Logs = LOGS, as_json: Json = False) -> None:
    """Say what an experiment has so far, and what it waits for. Exit codes: 0, or 3 if that cannot be said."""
    from slipway.experiments import api

    run, experiment, evidence, analysis = api.analysed(name, logs)
    waiting = [one for one in analysis.verdict.findings if one.outcome != "pass"]
    state = _state(run)
    if as_json:
        found = {"id": name, "state": state, "days": evidence.days, "units": evidence.units, "late": evidence.late}
        found |= {"verdict": analysis.verdict.outcome, "waits_for": [asdict(one) for one in waiting]}
        print(json.dumps(found | {"bandit": _shares(experiment, logs)}, indent=1))
        return
    units = ", ".join(f"{arm} {count:,}" for arm, count in evidence.units.items())
    days = f"day {evidence.days:.1f} of at most {experiment.definition.maximum_days:g}"
    Console().print(f"{name}: {state}, {days}; units: {units}", soft_wrap=True, markup=False)
    if evidence.late:
        Console().print(_late(evidence), soft_wrap=True, markup=False)
    Console().print(f"verdict so far: {MARKS[analysis.verdict.outcome]}", soft_wrap=True)
    if (shares := _shares(experiment, logs)) is not None:
        parts = ", ".join(f"{arm} {share:.1%}" for arm, share in shares["shares"].items())
        since = "the start" if shares["since"] is None else shares["since"]
        Console().print(f"shares since {since}: {parts}", soft_wrap=True, markup=False)
    for one in waiting:
        Console().print(f"  {MARKS[one.outcome]} {escape(one.subject)}: {escape(one.reason)}", soft_wrap=True)


@app.command(cls=VerdictCommand)
def analyze(name: Id, logs: Logs = LOGS, as_json: Json = False) -> None:
    """Compare the arms by what their units did. Exit codes: 0 pass, 1 fail, 2 hold, 3 could not be compared."""
    from slipway.experiments import api

    _, experiment, evidence, analysis = api.analysed(name, logs)
    _show(name, experiment, evidence, analysis, as_json, {"bandit": _shares(experiment, logs)})
    raise typer.Exit({"pass": 0, "fail": 1, "hold": 2}[analysis.verdict.outcome])


@app.command()
def weights(
    name: Id,
    update: Annotated[
        bool, typer.Option("--update", help="Begin a new period if it is due; the server does so.")
    ] = False,
    logs: Logs = LOGS,
    as_json: Json = False,
) -> None:
    """Show the shares that a bandit has had, and derive each from its sums and seed. Exit code 1 if one differs."""
    from slipway.experiments import bandit, reweighing

    run, experiment = _run(name, logs)
    if experiment.definition.bandit is None:
        raise ConfigError(f"{name} is no bandit: its shares are fixed")
    told = None
    if update:
        if run.stop is not None:
            raise ConfigError(f"{name} was stopped, so its shares stay")
        found = reweighing.update(experiment, logs, run.starts[0].time)
        told = found if isinstance(found, str) else f"period {found.period} begins at {found.start:%H:%M:%S} UTC"
    periods = [
        {**bandit.UPDATE.dump_python(one, mode="json"), "same": bandit.follows(experiment, one)}
        for one in bandit.read(logs, experiment)
    ]
    same = all(one["same"] for one in periods)
    if as_json:
        print(json.dumps({"id": name, "told": told, "start": experiment.shares, "periods": periods, "same": same}))
        raise typer.Exit(0 if same else 1)
    if told is not None:
        Console().print(told, soft_wrap=True, markup=False)
    rows = [["0", "", *(f"{share:.1%}" for share in experiment.shares.values()), "", "as the file says"]]
    for one in periods:
        shares = [f"{one['shares'][arm]:.1%}" for arm in experiment.definition.arms]
        known = f"{sum(units for units, _, _ in one['sums'].values()):,}"
        rows.append([str(one["period"]), one["start"], *shares, known, "the same" if one["same"] else "differs"])
    print_columns(("period", "start", *experiment.definition.arms, "rewards", "derived again"), rows)
    raise typer.Exit(0 if same else 1)


@app.command()
def stop(
    name: Id,
    reason: Annotated[str, typer.Option("--reason", "-m", help="Reason, stored in the tag.")],
    logs: Logs = LOGS,
    push: Push = False,
    as_json: Json = False,
) -> None:
    """Stop an experiment: an annotated tag with its counts, sums and verdict."""
    from slipway.experiments import api, ending, history

    _, _, evidence, analysis = api.analysed(name, logs)
    event = history.stop(name, reason, ending.text(analysis.verdict.outcome, evidence), push=push)
    _written(event, push, as_json, f", verdict {analysis.verdict.outcome}")


@app.command()
def enforce(
    logs: Logs = LOGS,
    store: Annotated[
        str | None, typer.Option("--state", metavar="URL", help="State store; by default, in the folder of the logs.")
    ] = None,
    fence: Annotated[int | None, typer.Option(hidden=True)] = None,
    as_json: Json = False,
) -> None:
    """Stop the experiments that have their verdict, as `slipway serve` does by itself. Exit code 1 if one cannot be."""
    from slipway.experiments import stopping
    from slipway.state import leases
    from slipway.state.store import Store, default

    if not logs.is_dir():
        raise ConfigError(f"{logs}: no such folder; give --logs the folder of `slipway serve --log`")
    opened = Store(store or default(logs))
    opened.migrate()

    def may_act() -> bool:
        return fence is None or leases.is_current(opened, stopping.LEASE, fence)

    found = list(stopping.look(opened, logs, datetime.now(UTC), may_act))
    if as_json:
        print(json.dumps([_looked(one) for one in found], indent=1))
    for one in () if as_json else found:
        told = one.problem or (f"stopped by {one.tag}: {one.why}" if one.tag else one.why or "goes on")
        Console().print(f"{one.id}: {told}", soft_wrap=True, markup=False)
    raise typer.Exit(1 if any(one.problem for one in found) else 0)


@app.command()
def replay(
    tag: Annotated[str, typer.Argument(help="The tag of a stop, or the id of a stopped experiment.")],
    as_json: Json = False,
) -> None:
    """Derive the verdict of a stopped experiment again, from its tag alone. Exit code 1 if it differs."""
    from slipway.experiments import ending, history

    run = history.known(tag.removeprefix("experiments/").removesuffix("/stop"))
    experiment, _ = history.defined(run)
    stated, evidence, analysis = ending.replay(run, experiment)
    same = stated == analysis.verdict.outcome
    _show(run.id, experiment, evidence, analysis, as_json, {"stated": stated, "same": same})
    if not as_json:
        told = "the verdict is the same" if same else f"the verdict differs: the tag says {stated}"
        Console().print(f"{tag}: {told}", soft_wrap=True, markup=False)
    raise typer.Exit(0 if same else 1)


@app.command(cls=VerdictCommand)
def simulate(
    name: Id,
    logs: Logs = LOGS,
    effect: Annotated[float | None, typer.Option(help="The difference to find; by default, none and several.")] = None,
    runs: Annotated[int, typer.Option(min=100, max=100_000, help="Simulated experiments.")] = 1_000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draws.")] = 0,
    as_json: Json = False,
) -> None:
    """Say what an experiment would find, by drawing from the values of its units. Exit code 3 if it has none yet."""
    from slipway.experiments import api, trial

    _, experiment, observed = api.observed(name, logs)
    found = trial.simulate(experiment.definition, observed, effect=effect, runs=runs, seed=seed)
    if as_json:
        print(json.dumps([asdict(one) for one in found], indent=1))
        return
    table = Table(title=f"{escape(name)}: {runs:,} experiments with the values of its units, drawn anew")
    for heading in ("goal", "true difference", "shown in", "mean length"):
        table.add_column(heading, justify="left" if heading == "goal" else "right")
    for one in found:
        table.add_row(escape(one.metric), f"{one.effect:+.4g}", f"{one.found:.1%}", f"{one.length:.0%} of the sample")
    screen().print(table)


def _pairs(given: list[str]) -> dict[str, str]:
    pairs = [one.partition("=") for one in given]
    if wrong := [one for one, (arm, _, version) in zip(given, pairs, strict=True) if not (arm and version)]:
        raise ConfigError(f"--arm {wrong[0]}: write NAME=VERSION, such as control=production")
    if len({arm for arm, _, _ in pairs}) < len(pairs):
        raise ConfigError("two arms have the same name")
    return {arm: version for arm, _, version in pairs}


def _row(name: str, run: "Run | None") -> dict[str, Any]:
    from slipway.experiments import definition, history

    try:
        experiment = definition.read(definition.FOLDER / f"{name}.yaml") if run is None else history.defined(run)[0]
    except ConfigError as error:
        return {"id": name, "state": f"unusable: {error}", "model": None, "arms": None, "started": None, "by": None}
    arms = ", ".join(f"{arm} {version}" for arm, version in experiment.definition.arms.items())
    first = run.starts[0] if run is not None and run.starts else None
    return {
        "id": name,
        "state": _state(run),
        "model": experiment.definition.model,
        "arms": arms,
        "started": None if first is None else first.time.isoformat().replace("+00:00", "Z"),
        "by": None if first is None else first.who,
    }


def _state(run: "Run | None") -> str:
    return "not started" if run is None else "stopped" if run.stop is not None else "running"


def _looked(one: "Looked") -> dict[str, Any]:
    from slipway.experiments import analysis

    found = {} if one.analysis is None or one.evidence is None else analysis.to_json(one.analysis, one.evidence)
    return {"id": one.id, **found, "why": one.why, "tag": one.tag, "problem": one.problem}


def _shares(experiment: "Experiment", logs: Path) -> dict[str, Any] | None:
    """The shares of a bandit now, None for fixed ones: the period, since when, and the weights behind them."""
    from slipway.experiments import bandit

    if experiment.definition.bandit is None:
        return None
    begun = [one for one in bandit.read(logs, experiment) if one.start <= datetime.now(UTC)]
    if not begun:
        return {"period": 0, "since": None, "weights": None, "shares": experiment.shares}
    since = begun[-1].start.isoformat(timespec="seconds").replace("+00:00", "Z")
    return {"period": begun[-1].period, "since": since, "weights": begun[-1].weights, "shares": begun[-1].shares}


def _run(name: str, logs: Path) -> "tuple[Run, Experiment]":
    """The run of an experiment whose logs are there, and what it compares."""
    from slipway.experiments import history

    run = history.known(name)
    if not logs.is_dir():
        raise ConfigError(f"{logs}: no such folder; give --logs the folder of `slipway serve --log`")
    return run, history.defined(run)[0]


def _show(
    name: str,
    experiment: "Experiment",
    evidence: "Evidence",
    found: "Analysis",
    as_json: bool,
    more: dict[str, Any] | None = None,
) -> None:
    from slipway.experiments import analysis

    if as_json:
        print(json.dumps({"id": name, **analysis.to_json(found, evidence), **(more or {})}, indent=1))
        return
    units = ", ".join(f"{arm} {count:,}" for arm, count in evidence.units.items())
    table = Table(
        title=f"{escape(name)}: {escape(experiment.definition.hypothesis)}", caption=f"Units: {escape(units)}"
    )
    for heading in ("metric", "control", "treatment", "difference", "interval", "lift", "p"):
        table.add_column(heading, justify="left" if heading == "metric" else "right")
    for one in found.estimates:
        between = "" if one.low is None and one.high is None else f"{_bound(one.low, '-∞')} to {_bound(one.high, '∞')}"
        table.add_row(
            escape(f"{one.metric} ({one.role}){f' of {one.arm}' if len(experiment.definition.arms) > 2 else ''}"),
            f"{number(one.control)} ({one.units[0]:,})",
            f"{number(one.treatment)} ({one.units[1]:,})",
            "" if one.difference is None else f"{one.difference:+.4g}",
            between,
            "" if one.lift is None else f"{100 * one.lift:+.1f} %",
            f"{one.p:.2g}",
        )
    screen().print(table)
    for finding in found.verdict.findings:
        screen().print(f"{MARKS[finding.outcome]} {escape(finding.subject)}: {escape(finding.reason)}", soft_wrap=True)
    if evidence.late:
        screen().print(_late(evidence), soft_wrap=True, markup=False)
    screen().print(f"verdict: {MARKS[found.verdict.outcome]}", soft_wrap=True)


def _late(evidence: "Evidence") -> str:
    return f"outcomes after the window of their unit, which do not count: {evidence.late:,}"


def _bound(value: float | None, infinite: str) -> str:
    return infinite if value is None else f"{value:+.4g}"


def _written(event: "Event", pushed: bool, as_json: bool, told: str = "") -> None:
    if as_json:
        print(json.dumps(asdict(event), indent=1))
        return
    Console().print(f"{event.id}: {event.tag} is written{told}", soft_wrap=True, markup=False)
    if not pushed:
        Console().print(f"to share it: git push REMOTE {event.tag}", soft_wrap=True, markup=False)
