"""`slipway rollout ...`: a version gets more and more of the traffic of a server, or is taken back."""

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.markup import escape

from slipway.cli.display import MARKS, print_columns, screen
from slipway.cli.log import FOLDER as LOGS
from slipway.cli.options import Force, Json, Named, Push, Reason
from slipway.core.errors import ConfigError, RegistryError
from slipway.core.terminal import Console

if TYPE_CHECKING:
    from slipway.registry.decision import Done
    from slipway.rollouts.decision import Decision
    from slipway.rollouts.history import Rollout

app = typer.Typer(no_args_is_help=True)
Variant = Annotated[str, typer.Argument(metavar="VARIANT", help="The variant that is rolled out.")]
Logs = Annotated[Path, typer.Option("--logs", metavar="FOLDER", help="Folder of the logs of `slipway serve`.")]
_COLUMNS = ("variant", "version", "share", "state", "since", "tag")


@app.callback()
def rollout() -> None:
    """Give a version more and more of the traffic of `slipway serve`, step by step."""


@app.command()
def start(
    version: Named,
    share: Annotated[
        float | None, typer.Option(metavar="PERCENT", help="The first share; by default, that of the plan.")
    ] = None,
    force: Force = False,
    reason: Reason = None,
    push: Push = False,
    as_json: Json = False,
) -> None:
    """Begin to roll out a version that passed the gate, as rollouts/VARIANT.yaml says: it gets the role canary."""
    from slipway.rollouts import history

    done = history.start(version, share=share, force=force, reason=reason, push=push)
    _written(done, as_json, "is being rolled out")


@app.command()
def status(variant: Variant, logs: Logs = LOGS, as_json: Json = False) -> None:
    """Say how far a rollout is, what it waits for, and for how long at least."""
    from slipway.registry import state
    from slipway.rollouts import history, observations
    from slipway.rollouts.decision import decide, hours_to_go

    known = state.read().get(variant)
    found = None if known is None else history.current(known)
    if found is None:
        raise RegistryError(f"no rollout of {variant} goes on; `slipway rollout start {variant}@VERSION` begins one")
    if not logs.is_dir():
        raise ConfigError(f"{logs}: no such folder; give --logs the folder of `slipway serve --log`")
    hours = found.hours(time.time())
    evidence = observations.count(found, logs).evidence(hours, None)
    decided = decide(found.plan, evidence, found.share)
    left = hours_to_go(found.plan, evidence, found.share)
    if as_json:
        values = _row(found) | {"hours": {"at_this_share": hours[0], "since_start": hours[1]}, "hours_to_go": left}
        print(json.dumps(values | {"units": [asdict(one) for one in evidence.steps], **_decided(decided)}, indent=1))
        return
    _show(found)
    for one in evidence.steps:
        units = f"{one.canary:,} units of the canary, {one.production:,} of production"
        screen().print(f"  at {one.share:g} %: {units}", soft_wrap=True, markup=False)
    for finding in decided.findings:
        screen().print(f"{MARKS[finding.outcome]} {escape(finding.subject)}: {escape(finding.reason)}", soft_wrap=True)
    if found.share < 100:
        when = "not known, since no units come" if left is None else f"in {left:.1f} hours at the earliest"
        screen().print(f"100 %: {when}", soft_wrap=True, markup=False)


@app.command("list")
def list_rollouts(as_json: Json = False) -> None:
    """List the rollouts that go on."""
    from slipway.registry import state
    from slipway.rollouts import history

    rows = [_row(found) for known in state.read().values() if (found := history.current(known)) is not None]
    if as_json:
        print(json.dumps(rows, indent=1))
        return
    print_columns(_COLUMNS, [[str(row[key]) for key in _COLUMNS] for row in rows])


@app.command()
def pause(variant: Variant, reason: Reason = None, push: Push = False, as_json: Json = False) -> None:
    """Let a rollout stay at its share: it makes no steps, and is still taken back if it does harm."""
    _apply(variant, "pause", reason, push, as_json, "is paused")


@app.command()
def resume(variant: Variant, reason: Reason = None, push: Push = False, as_json: Json = False) -> None:
    """Let a paused rollout go on."""
    _apply(variant, "resume", reason, push, as_json, "goes on")


@app.command()
def abort(
    variant: Variant,
    reason: Annotated[str, typer.Option("--reason", "-m", help="Reason, stored in the tag.")],
    push: Push = False,
    as_json: Json = False,
) -> None:
    """End a rollout: production answers all requests again."""
    _apply(variant, "abort", reason, push, as_json, "is no canary any more")


@app.command()
def lint(
    variants: Annotated[list[str] | None, typer.Argument(help="Variants; by default, all files in rollouts/.")] = None,
    as_json: Json = False,
) -> None:
    """Check the plans in rollouts/: their form, and that somebody reports what their rules name. Exit code 2 if not."""
    from slipway.core.errors import MalformedError
    from slipway.records import release
    from slipway.registry import releases
    from slipway.rollouts import plan

    names = sorted(variants or [path.stem for path in plan.FOLDER.glob("*.yaml")])
    known, wrong = releases.variants(), []
    for name in names:
        path = plan.path_of(name)
        if name not in known:
            wrong.append(f"{path}: params.yaml has no variant {name}; it has {', '.join(known)}")
            continue
        try:
            found = plan.read(name)
        except ConfigError as error:
            wrong += str(error).splitlines()
            continue
        built = Path(releases.record_path(name))
        try:
            record = release.read(built.read_bytes(), built.as_posix(), name) if built.is_file() else None
        except MalformedError as error:
            wrong.append(str(error))
            continue
        wrong += [f"{path}: {one}" for one in plan.objections(found, record)]
    if as_json:
        print(json.dumps({"plans": names, "mistakes": wrong}, indent=1))
    elif not wrong:
        Console().print(f"{len(names)} plan{'s' * (len(names) != 1)} of rollouts checked", markup=False)
    else:
        print("\n".join(f"error: {one}" for one in wrong), file=sys.stderr)
    if wrong:
        raise typer.Exit(2)


@app.command()
def replay(
    tag: Annotated[str, typer.Argument(metavar="TAG", help="The tag of a step, a pause or a rollback.")],
    as_json: Json = False,
) -> None:
    """Derive a decision again from the evidence in its tag. Exit code 1 if it differs."""
    from slipway.rollouts import history

    done, decided = history.replay(tag)
    same = decided.action == done
    if as_json:
        print(json.dumps({"tag": tag, "done": done, "same": same, **_decided(decided)}, indent=1))
        raise typer.Exit(0 if same else 1)
    for finding in decided.findings:
        screen().print(f"{MARKS[finding.outcome]} {escape(finding.subject)}: {escape(finding.reason)}", soft_wrap=True)
    told = f"the decision is the same: {done}" if same else f"the tag says {done}, and what follows is {decided.action}"
    screen().print(f"{tag}: {told}", soft_wrap=True, markup=False)
    raise typer.Exit(0 if same else 1)


@app.command(hidden=True)
def apply(
    variant: Variant,
    action: Annotated[str, typer.Argument(help="step, pause, or take back.")],
    number: Annotated[int, typer.Option(help="The rollout.")],
    after: Annotated[str | None, typer.Option(help="Its last tag when this was decided.")] = None,
    reason: Reason = None,
    push: Push = False,
    as_json: Json = False,
) -> None:
    """Write the tag of a decision whose evidence comes on standard input; a server calls this."""
    from pydantic import ValidationError

    from slipway.rollouts import evidence, history

    if action not in ("step", "pause", "take back"):
        raise ConfigError(f"{action!r} is not step, pause or take back")
    try:
        found = evidence.parse(sys.stdin.read())
    except ValidationError as error:
        raise ConfigError(f"the evidence is malformed: {' '.join(str(error).split())[:200]}")
    given: Any = action
    done = history.apply(variant, given, number=number, after=after, reason=reason, evidence=found, push=push)
    _written(done, as_json, action)


def _apply(
    variant: str, action: Literal["pause", "resume", "abort"], reason: str | None, push: bool, as_json: bool, told: str
) -> None:
    from slipway.rollouts import history

    _written(history.apply(variant, action, reason=reason, push=push), as_json, told)


def _row(found: "Rollout") -> dict[str, Any]:
    from slipway.rollouts import history

    state = "watched" if found.share >= 100 else "paused" if found.paused else "running"
    return {
        "variant": found.variant,
        "version": found.version,
        "share": found.share,
        "state": state,
        "since": history.time(found.began).isoformat().replace("+00:00", "Z"),
        "tag": found.tag,
    }


def _decided(decided: "Decision") -> dict[str, Any]:
    return {"decision": decided.action, "findings": [asdict(one) for one in decided.findings]}


def _show(found: "Rollout") -> None:
    row = _row(found)
    steps = ", ".join(f"{one:g}" for one in found.plan.steps)
    text = f"{found.variant}@{found.version}: {row['state']} at {found.share:g} % (steps {steps}), since {row['since']}"
    screen().print(text, soft_wrap=True, markup=False)


def _written(done: "Done", as_json: bool, told: str) -> None:
    if as_json:
        print(json.dumps(asdict(done), ensure_ascii=False, indent=1))
        return
    for one in done.overruled:
        screen().print(f"[yellow]forced[/]: {escape(one)}", soft_wrap=True)
    screen().print(f"{done.variant}@{done.version} {told}: {', '.join(done.tags)}", soft_wrap=True, markup=False)
    if not done.pushed:
        from slipway.registry import git

        wait = "; until then, no server that has a Git remote moves it on" if git.remote() else ""
        screen().print(f"to share it{wait}: slipway registry push {done.variant}", soft_wrap=True, markup=False)
