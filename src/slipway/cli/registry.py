"""`slipway registry ...`: list, show and compare versions, and synchronize their tags and files."""

import contextlib
import json
import re
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from slipway.cli.display import (
    MARKS,
    VERDICTS,
    cells,
    interval,
    lines_of,
    number,
    print_columns,
    print_events,
    screen,
)
from slipway.cli.options import Json, Named, Push, Reason
from slipway.core import atomic
from slipway.core.errors import RegistryError
from slipway.core.terminal import Console
from slipway.registry import (
    artifacts,
    clone,
    comparison,
    git,
    grammar,
    listing,
    promotion,
    provenance,
    registration,
    releases,
    state,
    tags,
    verification,
)
from slipway.registry.eligibility import RefusedError
from slipway.registry.owner import OwnedError
from slipway.registry.releases import Release
from slipway.registry.state import Variant, Version
from slipway.registry.undo import undo_tag

if TYPE_CHECKING:
    from slipway.registry import mirror

app = typer.Typer(no_args_is_help=True)

COLOURS = {"deployed": "green", "testing": "cyan", "failed": "red", "retired": "dim"}


@app.callback()
def registry() -> None:
    """Show and share versions and their roles, which are stored as Git tags."""


@app.command("list")
def show_list(
    variant: Annotated[str | None, typer.Argument(help="Only this variant.")] = None,
    role: Annotated[str | None, typer.Option(help=f"Only versions with this role: {', '.join(grammar.ROLES)}.")] = None,
    lifecycle: Annotated[
        str | None, typer.Option(help=f"Only versions in this state: {', '.join(releases.LIFECYCLES)}.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List all versions with their roles, lifecycle and verdict."""
    if role is not None and role not in grammar.ROLES:
        raise RegistryError(f"{role!r} is not a role; choose from {', '.join(grammar.ROLES)}")
    if lifecycle is not None and lifecycle not in releases.LIFECYCLES:
        raise RegistryError(f"{lifecycle!r} is not a lifecycle; choose from {', '.join(releases.LIFECYCLES)}")
    rows = [
        row
        for row in listing.rows(state.read(), releases.variants())
        if (variant is None or row["variant"] == variant)
        and (role is None or role in row["roles"])
        and (lifecycle is None or row["lifecycle"] == lifecycle)
    ]
    if as_json:
        print(json.dumps(rows, ensure_ascii=False, indent=1))
        _check_complete(variant)
        return
    print_columns(
        ("variant", "version", "role", "lifecycle", "verdict", "commit", "registered", "by"),
        [
            (
                row["variant"],
                row["version"] or "(unregistered)",
                ", ".join(row["roles"]),
                Text(row["lifecycle"], COLOURS.get(row["lifecycle"], "")),
                Text(row["verdict"] or "none", VERDICTS.get(row["verdict"], "")),
                row["commit"][:7] if row["commit"] else "",
                row["registered"] or "",
                row["by"] or "",
            )
            for row in rows
        ],
    )
    _check_complete(variant)


@app.command()
def show(version: Named, as_json: Json = False) -> None:
    """Show one version: origin, scores, verdict and history."""
    variants = state.read()
    found = _find(variants, version)
    variant, release = variants[found.variant], releases.of(found)
    details = listing.details(variant, found, release)
    if as_json:
        print(json.dumps(details, ensure_ascii=False, indent=1))
        return
    _print_version(found, release, details)


def _print_version(found: Version, release: Release, details: Mapping[str, Any]) -> None:
    console = screen()
    status = f"{escape(', '.join(found.roles)) or 'no role'}, {details['lifecycle']}, verdict {MARKS[release.verdict]}"
    console.print(f"[bold]{escape(found.name)}[/]  {status}")
    console.print(f"commit {found.commit}, registered {found.registered.time} by {escape(found.registered.who)}")
    ran = provenance.of(found.variant, found.commit)
    if ran.code is not None and ran.environment is not None:
        console.print(f"built by code {ran.code[:12]} in environment {ran.environment[:12]}")
    for name, one in details["artifacts"].items():
        size, sha256 = f"{one['bytes'] / 1024:,.0f} KiB", escape(str(one["sha256"]))
        console.print(f"{escape(name)}  {size}  SHA-256 {sha256}", soft_wrap=True)
    table = Table("metric", "value", "interval", title="On the test split")
    for name, one in details["metrics"].items():
        table.add_row(escape(name), number(one["value"]), interval(one))
    console.print(table)
    for rule in release.rules:
        console.print(f"{MARKS[rule.verdict]} {escape(rule.subject)}: {escape(rule.reason)}", soft_wrap=True)
    print_events(details["history"])


@app.command()
def compare(first: Named, second: Named, as_json: Json = False) -> None:
    """Compare the metrics of two versions."""
    variants = state.read()
    one, other = _find(variants, first), _find(variants, second)
    differences = comparison.compare(one, other)
    if as_json:
        print(json.dumps([asdict(each) for each in differences], ensure_ascii=False, indent=1))
        return
    table = Table(
        title=escape(f"{one.name} and {other.name}"),
        caption="95 % intervals; that of the difference assumes independence, so it is too wide for one test split.",
    )
    for heading in ("metric", escape(one.version), escape(other.version), "difference", "percent"):
        table.add_column(heading, justify="left" if heading == "metric" else "right")
    for each in differences:
        table.add_row(*cells(each))
    screen().print(table)


@app.command()
def history(
    variant: Annotated[str | None, typer.Argument(help="Only this variant.")] = None, as_json: Json = False
) -> None:
    """Show who registered and promoted which version, when and why, latest first."""
    variants = state.read()
    if variant is not None and variant not in variants:
        raise RegistryError(f"{variant} has no versions; `slipway register {variant}` creates one")
    chosen = [variants[variant]] if variant is not None else list(variants.values())
    found = sorted(((tag, one) for one in chosen for tag in one.tags), key=lambda pair: (pair[0].when, pair[0].counter))
    events = [listing.event(one, tag) for tag, one in reversed(found)]
    if as_json:
        print(json.dumps(events, ensure_ascii=False, indent=1))
    else:
        print_events(events)
    _check_complete(variant)


@app.command()
def changelog(variant: Annotated[str, typer.Argument(help="Variant.")], as_json: Json = False) -> None:
    """Show what changed from version to version: data, parameters, code, metrics."""
    variants = state.read()
    if variant not in variants:
        raise RegistryError(f"{variant} has no versions; `slipway register {variant}` creates one")
    changes = comparison.changelog(variants[variant])
    if as_json:
        print(json.dumps([asdict(one) for one in changes], ensure_ascii=False, indent=1))
        _check_complete(variant)
        return
    console = screen()
    for one in changes:
        console.print(f"[bold]{escape(f'{variant}@{one.version}')}[/]  {one.when[:10]}, {escape(one.who)}")
        for line in lines_of(one.why):
            console.print(f"  {escape(line)}", soft_wrap=True)
        for heading, lines in (("data", one.data), ("parameters", one.parameters), ("code", one.code)):
            for line in lines:
                console.print(f"  {heading}: {escape(line)}", soft_wrap=True)
        for each in one.metrics:
            if each.absolute or each.first is None or each.second is None:
                metric, was, now, by, percent = cells(each)
                console.print(f"  {metric}: {was} → {now}{f', {by}, {percent}' if by else ''}", soft_wrap=True)
    _check_complete(variant)


@app.command()
def sync(
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit code 5 when MLflow cannot be reached, or a tag cannot be verified.")
    ] = False,
    adopt: Annotated[
        list[str] | None, typer.Option(metavar="MODEL", help="Take over a registered model of another repository.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Mirror versions and roles from Git to MLflow; tags that fail verification are skipped."""
    from slipway.registry import mirror

    try:
        done = mirror.sync(state.read(), releases.variants(), adopt or ())
    except mirror.UnreachableError as error:
        if strict:
            raise
        Console(stderr=True).print(f"[yellow]warning[/]: {escape(str(error))}", soft_wrap=True)
        return
    if as_json:
        print(json.dumps(asdict(done), ensure_ascii=False, indent=1))
    else:
        _print_sync(done)
    if done.refused:
        raise OwnedError("; ".join(done.refused))
    if strict and done.unverified:
        raise typer.Exit(RegistryError.exit_code)


def _print_sync(done: "mirror.Synced") -> None:
    console = screen()
    for line in done.changes:
        console.print(escape(line), soft_wrap=True)
    for line in (*done.warnings, *done.unverified):
        console.print(f"[yellow]warning[/]: {escape(line)}", soft_wrap=True)
    message = f"{done.store}: {len(done.changes)} changes, {done.versions} versions as in Git"
    console.print(escape(message), soft_wrap=True)


@app.command()
def push(variant: Annotated[str, typer.Argument(help="Variant.")], as_json: Json = False) -> None:
    """Push the tags of a variant to the Git remote: all or none. Refused if the remote has changed."""
    pushed = promotion.share(variant)
    if as_json:
        print(json.dumps({"variant": variant, "tags": pushed}, indent=1))
        return
    message = f"pushed: {', '.join(pushed)}" if pushed else f"nothing to push: the remote has all tags of {variant}"
    screen().print(message, soft_wrap=True, markup=False)


@app.command()
def verify(
    tag: Annotated[str, typer.Argument(help="Tag of an assignment, VARIANT#ROLE#NUMBER.")],
    undo: Annotated[
        bool,
        typer.Option("--undo", help="If the tag is refused, delete it on the remote or write a tag that reverts it."),
    ] = False,
    replayed: Annotated[
        int, typer.Option(metavar="CODE", help="Exit code of `slipway replay` for this tag; 1 means refused.")
    ] = 0,
    as_json: Json = False,
) -> None:
    """Verify that a version may hold the role that a tag assigns. Exit codes: 6 it may not, 5 it could not be verified.

    With --json the explanation goes to standard error.
    """
    try:
        given = verification.verify(tag)
        if replayed == 1:
            raise RefusedError(f"{tag} is refused: `slipway replay` does not reproduce its verdict")
    except RefusedError as error:
        raise RefusedError(f"{error}. {undo_tag(tag)}" if undo else str(error))
    if replayed:
        raise RegistryError(f"{tag}: `slipway replay` ended with {replayed}, so its verdict could not be verified")
    if as_json:
        assigned = {"version": given.version.name, "role": given.role, "overruled": given.overruled} if given else {}
        print(json.dumps({"tag": tag, "version": None, "role": None, "overruled": []} | assigned, indent=1))
    console = Console(stderr=True, width=140) if as_json else screen()
    for overruled in given.overruled if given else ():
        console.print(f"[yellow]warning[/]: forced, although {escape(overruled)}", soft_wrap=True)
    message = f"{given.version.name} may hold {given.role}" if given else f"{tag} assigns no role to verify"
    console.print(message, soft_wrap=True, markup=False)


@app.command()
def fetch(
    version: Named,
    out: Annotated[Path, typer.Option(help="Folder to write the files to.")],
    as_json: Json = False,
) -> None:
    """Fetch the files of a version from the DVC cache or remote, each verified by its SHA-256."""
    found, written = fetched(version, out)
    if as_json:
        print(json.dumps({"version": found, "written": written}, indent=1))
        return
    screen().print(f"{found}: {', '.join(written)}", soft_wrap=True, markup=False)


def fetched(version: str, out: Path) -> tuple[str, list[str]]:
    """Write the files of a version into a folder, and return its full name and their paths.

    Raises:
        RefusedError: its record is malformed.
        RegistryError: there is no such version, it has no record, or a file cannot be fetched.
    """
    found = _find(state.read(), version)
    release = releases.of(found)
    if release.malformed:
        raise RefusedError(f"{found.name} is refused: {release.malformed[0]}")
    if release.record is None or release.record_bytes is None:
        raise RegistryError(f"{found.name} has no release record")
    out.mkdir(parents=True, exist_ok=True)
    got = artifacts.fetch(found.variant, found.commit, release.record, out)
    if lacking := sorted(release.record.artifacts.keys() - got.keys()):
        raise RegistryError(
            f"{found.name}: {', '.join(lacking)} cannot be fetched completely; run `dvc push` where it was built"
        )
    atomic.write_bytes(out / "release.json", release.record_bytes)
    return found.name, [str(path) for path in (*got.values(), out / "release.json")]


@app.command()
def bundle(
    name: Annotated[str, typer.Argument(help="VARIANT as committed, or a VERSION.", metavar="VARIANT[@VERSION]")],
    version: Annotated[
        str | None, typer.Option(help="Version name for a build without one; by default, the next one.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="File to write; by default, VARIANT-VERSION.tar.")] = None,
    as_json: Json = False,
) -> None:
    """Write a version with its files as one file, for `slipway registry upload` in a repository that does not have it.

    Equal versions give equal bytes.
    """
    from slipway.registry.bundle import write  # imports pandas and SciPy, which the other commands do not need

    variant, named, commit = _to_bundle(name, version)
    path = out or Path(f"{variant}-{named}.tar")
    manifest = write(variant, named, commit, path)
    if as_json:
        values = {"variant": variant, "version": named, "commit": commit, "file": str(path)}
        print(json.dumps(values | {"files": manifest.model_dump(mode="json")["files"]}, indent=1))
        return
    screen().print(f"{manifest.name} with {len(manifest.files)} files: {path}", soft_wrap=True, markup=False)


def _to_bundle(name: str, version: str | None) -> tuple[str, str, str]:
    """The variant, the version and the commit to bundle: those of a version, or of the build that is checked out."""
    if re.search("[@#]", name):
        if version is not None:
            raise RegistryError(f"{name} has a version; --version is for a build that has none")
        found = _find(state.read(), name)
        return found.variant, found.version, found.commit
    commit = git.commit("HEAD")
    registration.check_committed(name, commit)
    clone.look().check(name)
    known = Variant(name, tags.read(name))
    if (there := known.version_at(commit)) is not None and version in (None, there):
        return name, there, commit
    return (
        name,
        registration.next_version(known) if version is None else registration.new_version(known, version),
        commit,
    )


@app.command()
def upload(
    file: Annotated[Path, typer.Argument(help="File that `slipway registry bundle` wrote; - for standard input.")],
    name: Annotated[
        str | None, typer.Option("--as", help="The version that it must be.", metavar="VARIANT@VERSION")
    ] = None,
    reason: Reason = None,
    push: Push = False,
    as_json: Json = False,
) -> None:
    """Register the version in a bundle: check all of it, store its files in the DVC remote, and tag its commit.

    A version that does not reach the rules of the gate has the lifecycle failed, and gets no role.
    """
    from slipway.registry.upload import upload

    if str(file) != "-" and not file.is_file():
        raise RegistryError(f"{file}: no such file; `slipway registry bundle` writes one")
    with contextlib.nullcontext(sys.stdin.buffer) if str(file) == "-" else file.open("rb") as opened:
        done = upload(opened, name, reason=reason, push=push)
    variants = state.read()
    found = variants[done.variant].versions[done.version]
    outcome = releases.of(found).verdict
    lifecycle = releases.lifecycle(variants[done.variant], found, outcome)
    if as_json:
        print(json.dumps({**asdict(done), "verdict": outcome, "lifecycle": lifecycle}, ensure_ascii=False, indent=1))
        return
    console = screen()
    console.print(f"{found.name} is registered: {', '.join(done.tags)}", soft_wrap=True, markup=False)
    if outcome != "pass":
        console.print(f"its verdict is {outcome}, so it gets no role", soft_wrap=True, markup=False)
    if not done.pushed:
        console.print(f"to share it: slipway registry push {done.variant}", soft_wrap=True, markup=False)


def _find(variants: Mapping[str, Variant], name: str) -> Version:
    """Find a version by its name or, only if no tags are missing here, by a role or as the latest."""
    variant = re.split("[@#]", name)[0]
    if not any(tag.name == name for tag in (variants[variant].tags if variant in variants else ())):
        clone.look().check(variant)
    return state.find(variants, name)


def _check_complete(variant: str | None) -> None:
    """Raise an error, after the tags of this clone are shown, if some are missing here."""
    clone.look().check(variant)
