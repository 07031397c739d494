"""`slipway register`, `promote`, `rollback` and `retire`: the commands that change versions and roles."""

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape

from slipway.cli.display import screen
from slipway.cli.options import Force, Json, Named, Push, Reason
from slipway.core.errors import RegistryError
from slipway.core.terminal import Console
from slipway.registry import clone, grammar, promotion, registration
from slipway.registry.decision import Done
from slipway.registry.registration import Bump


def register(
    variant: Annotated[
        str | None, typer.Argument(help="Variant; by default, all new builds that pass `slipway gate`.")
    ] = None,
    version: Annotated[str | None, typer.Option(help="Version name, such as v1.2.0.")] = None,
    bump: Annotated[Bump, typer.Option(help="Part of the version number to increment if no name is given.")] = "minor",
    revision: Annotated[str, typer.Option("--rev", help="Commit to register.")] = "HEAD",
    reason: Reason = None,
    push: Push = False,
    as_json: Json = False,
) -> None:
    """Register the committed build as a new version: an annotated tag."""
    if variant is None and (version is not None or revision != "HEAD"):
        raise RegistryError("--version and --rev apply to one variant: name it")
    variants = _new_and_passed() if variant is None else [variant]
    done = [
        registration.register(one, version=version, bump=bump, revision=revision, reason=reason, push=push)
        for one in variants
    ]
    if variant is None and as_json:
        print(json.dumps([asdict(one) for one in done], ensure_ascii=False, indent=1))
        return
    for one in done:
        _report(one, as_json)
    if not done:
        screen().print("nothing to register: no unregistered build passes the gate", soft_wrap=True)


def promote(
    version: Named,
    role: Annotated[str, typer.Option("--to", help=f"Role: {', '.join(grammar.LIVE)}.")],
    force: Force = False,
    reason: Reason = None,
    push: Push = False,
    as_json: Json = False,
) -> None:
    """Give a role to a version that passed the gate and whose files can be fetched."""
    _report(promotion.promote(version, role, force=force, reason=reason, push=push), as_json)


def rollback(
    variant: Annotated[str, typer.Argument(help="Variant.")],
    to: Annotated[str | None, typer.Option(help="Version; by default, the last good one.")] = None,
    role: Annotated[str, typer.Option(help=f"Role: {', '.join(grammar.LIVE)}.")] = "production",
    force: Force = False,
    reason: Reason = None,
    push: Push = False,
    as_json: Json = False,
) -> None:
    """Give a role back to the last good version that held it."""
    _report(promotion.rollback(variant, to, role=role, force=force, reason=reason, push=push), as_json)


def retire(
    version: Named, force: Force = False, reason: Reason = None, push: Push = False, as_json: Json = False
) -> None:
    """Archive a version and remove its roles."""
    _report(promotion.retire(version, force=force, reason=reason, push=push), as_json)


def _new_and_passed() -> list[str]:
    """Return the variants to register if none is named: new builds that pass the gate, also against production."""
    from slipway.cli import gate  # imports pandas and SciPy, which the other commands do not need
    from slipway.gate.result import named

    here = clone.look()
    here.check()
    passed = []
    for result in (gate.judge(variant, here=here) for variant in registration.unregistered()):
        if result.verdict == "pass":
            passed.append(result.variant)
            continue
        message = f"{result.variant} is not registered: verdict {result.verdict}, compared with {result.baseline_name}"
        why = [result.why] if result.why else []
        why += [f"{named(rule)}: {rule.reason}" for rule in result.rules if rule.verdict != "pass"]
        Console(stderr=True).print(f"[yellow]warning[/]: {escape('; '.join([message, *why]))}", soft_wrap=True)
    return passed


def _report(done: Done, as_json: bool) -> None:
    if as_json:
        print(json.dumps(asdict(done), ensure_ascii=False, indent=1))
        return
    console = screen()
    for overruled in done.overruled:
        console.print(f"[yellow]forced[/]: {escape(overruled)}", soft_wrap=True)
    what = f"is {done.role}" if done.role == "archived" else f"holds {done.role}" if done.role else "is registered"
    console.print(f"{done.variant}@{done.version} {what}: {', '.join(done.tags)}", soft_wrap=True, markup=False)
    if not done.pushed:
        console.print(f"to share it: slipway registry push {done.variant}", soft_wrap=True, markup=False)
