"""`slipway doctor`: the problems of this clone, and the command that fixes each.

It writes nothing itself, but DVC deletes a damaged object from the cache, or from a remote that is a folder, when it
reads it. A check that cannot run is itself reported as a problem.
"""

import hashlib
import logging
import re
import shlex
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from slipway.cli import releases as rebuilds
from slipway.cli import resolve
from slipway.cli.log import FOLDER as LOGS
from slipway.core import config, documents
from slipway.core.errors import SlipwayError
from slipway.registry import (
    artifacts,
    clone,
    eligibility,
    git,
    grammar,
    messages,
    mirror,
    promoters,
    rebuilt,
    releases,
    state,
    tags,
    verification,
)
from slipway.registry.state import Variant, Version
from slipway.tracking import mlflow_store

REQUIREMENTS = Path("requirements")
PUSH = "dvc push, where that was done; then dvc pull here"
KEEP = "git checkout -- dvc.lock models reports && dvc pull"
LISTED = 3
"""Number of names that a line lists; the rest are only counted."""


@dataclass(frozen=True)
class Finding:
    """A problem: the check that found it, what is wrong, and the command that fixes it, or else what to do."""

    check: str
    wrong: str
    fix: str


def examine(checks: Collection[str] | None = None) -> list[Finding]:
    """Run the checks, by default all, and return the problems in the order in which they must be fixed.

    Raises:
        ConfigError: this is not the root of the repository, or params.yaml cannot be read.
    """
    if found := _run(MERGE, _merge, "git status"):
        return found  # nothing else can be read before the merge conflicts are resolved
    releases.variants()  # raises if there is no params.yaml
    logging.getLogger("dvc").setLevel(logging.CRITICAL)  # the problems are reported here
    selected = [(check, *CHECKS[check]) for check in CHECKS if checks is None or check in checks]
    return [one for check, problems, fix in selected for one in _run(check, problems, fix)]


Problems = Iterator[tuple[str, str]]
"""What is wrong, and what fixes it."""


def _run(check: str, problems: Callable[[], Problems], fix: str) -> list[Finding]:
    found: list[Finding] = []
    try:
        found.extend(Finding(check, *one) for one in problems())
    except Exception as error:  # a broken clone can break DVC, Git and MLflow in any way
        found.append(Finding(check, f"could not be checked: {_message(error)}", fix))
    return found


def _merge() -> Problems:
    """Merge conflicts in files that Slipway and DVC read, and in files that Git lists as unmerged."""
    for one in resolve.conflicts():
        fix = "slipway resolve && dvc repro" if documents.generated(one.path) else f"edit {shlex.quote(one.path)}"
        yield f"{one.path}: {one.message}", fix


def _environment() -> Problems:
    """Differences between the installed packages and the locks that this environment was installed from."""
    locks = sorted(lock for lock in REQUIREMENTS.glob("*.lock") if Path(sys.prefix, lock.stem).exists())
    for lock in locks or [REQUIREMENTS / "build.lock"]:
        again = f"touch {lock} && make .venv/{lock.stem}"
        if not lock.is_file():
            yield f"{lock} is missing", f"git checkout {lock}"
            continue
        missing, other = _differences(lock)
        if missing:
            yield f"not installed: {_listed(missing)}", again
        if other:
            yield f"installed in another version: {_listed(other)}", again


def _differences(lock: Path) -> tuple[list[str], list[str]]:
    """Return the pinned packages that are not installed, and those installed in another version."""
    missing, other = [], []
    for line in lock.read_text().splitlines():
        if not line or line.startswith((" ", "#")):
            continue
        pinned = Requirement(line.rstrip("\\ "))
        if pinned.marker is not None and not pinned.marker.evaluate():
            continue
        try:
            installed = metadata.version(pinned.name)
        except metadata.PackageNotFoundError:
            missing.append(pinned.name)
            continue
        if not pinned.specifier.contains(installed, prereleases=True):
            other.append(f"{pinned.name} {installed} (pinned: {pinned.specifier})")
    return missing, other


def _line_ends() -> Problems:
    """Files whose lines end in CRLF here and in LF in Git: their hashes differ from those in dvc.lock."""
    listed = [line.partition("\t") for line in git.run("ls-files", "--eol", "-z").split("\0")]
    if changed := [path for about, _, path in listed if about.split()[:2] == ["i/lf", "w/crlf"]]:
        found = "git ls-files --eol | sed -n 's,^i/lf *w/crlf.*\\t,,p'"
        yield (
            f"lines end in CRLF, which DVC reports as a change: {_listed(changed)}",
            f"git config core.autocrlf input && {found} | tr '\\n' '\\0' | xargs -0 sed -i 's/\\r$//'",
        )


def _status() -> Problems:
    """Changes that `dvc status` reports: edited parameters, lost data, and stages to rerun."""
    from dvc.repo import Repo

    with Repo() as repo:
        changed: Mapping[str, Any] = repo.status()
    stale = []
    for stage, reasons in changed.items():
        changes = [one["changed outs"] for one in reasons if isinstance(one, dict) and "changed outs" in one]
        outs = {path: how for one in changes for path, how in one.items()}
        for path, how in sorted(outs.items()):
            if path.startswith("params/") and how == "modified":
                yield f"{path} was edited by hand; edit conf/ instead", f"rm {path} && dvc repro {shlex.quote(stage)}"
            elif path.startswith("data/raw/") and not Path(path).exists():
                again = "" if stage.endswith(".dvc") else f" || dvc repro {shlex.quote(stage)}"  # from `dvc add`
                yield f"{path} is lost", f"dvc pull {path}{again}"
        if not outs or any(
            not path.startswith(("params/", "data/raw/")) and how != "not in cache" for path, how in outs.items()
        ):
            stale.append(stage)
    if stale:
        yield f"out of date: {_listed(stale)}", "dvc repro" if len(stale) > LISTED else f"dvc repro {' '.join(stale)}"


def _cache() -> Problems:
    """Objects of the cache whose content does not match their name, which is its MD5."""
    from dvc.repo import Repo

    with Repo() as repo:
        paths = sorted(Path(repo.cache.local.path).glob("??/*"))
    whole = re.compile(r"[0-9a-f]{32}(\.dir)?")  # not an unfinished download
    named = [(path, path.parent.name + path.name) for path in paths]
    damaged = [
        str(_relative(path))
        for path, name in named
        if whole.fullmatch(name) and _md5(path) != name.removesuffix(".dir")
    ]
    if damaged:
        fix = f"rm -f {' '.join(map(shlex.quote, damaged))} && dvc fetch && dvc checkout || dvc repro"
        yield f"damaged: {_listed(damaged)}", fix


def _remote() -> Problems:
    """Problems of the default DVC remote: no answer, missing files of builds and versions, downloads not verified."""
    from dvc.repo import Repo

    artifacts.check()
    with Repo() as repo:
        outs = [out for out in repo.index.outs if out.use_cache and out.hash_info and not out.stage.is_import]
        # With force, or DVC prompts about a folder whose list of files is lost; such a folder has no objects.
        used = [set().union(*out.get_used_objs(force=True).values()) for out in outs]
        status = repo.cloud.status(set().union(*used))
        remote = repo.cloud.get_remote()
    gone = [out for out, objects in zip(outs, used, strict=True) if not objects or objects & status.missing]
    if status.new:
        yield f"{len(status.new):,} objects are only in this clone's cache", "dvc push"
    for out in gone:
        if not out.stage.cmd:
            who = git.run("log", "-1", "--format=%an", "--", f"{out}.dvc").strip()
            by = f", by {who}," if who else ""
            yield f"{out} was added{by} and never pushed: it is neither here nor in the remote", PUSH
    if built := [str(out) for out in gone if out.stage.cmd]:
        yield f"neither here nor in the remote: {_listed(built)}", f"{PUSH}; or dvc repro && dvc push"
    if not remote.odb.verify:
        yield "the hashes of its files are not verified", f"dvc remote modify {remote.name} verify true"
    if lost := _lost_versions():
        retire = " && ".join(f"slipway retire {name}" for name in lost)
        yield f"neither here nor in the remote: the files of {_listed(lost)}", f"dvc push, where built; or {retire}"


def _lost_versions() -> list[str]:
    """Return the versions without a role whose files cannot be fetched; `_used` checks those with a role."""
    versions = [version for variant in state.read().values() for version in variant.versions.values()]
    idle = [version for version in versions if not version.roles]
    read = releases.read([(one.variant, one.commit) for one in idle])
    hashes = {one.name: artifacts.hashes(one.variant, one.commit, of) for one, of in zip(idle, read, strict=True)}
    missing = artifacts.missing_everywhere(set().union(*hashes.values()))
    return [name for name, of in hashes.items() if of & missing]


def _tags() -> Problems:
    """Tags without effect: they only look like tags of the registry, or their date or number is impossible."""
    survey = tags.survey(variants=releases.variants())
    strange = {one.name: f"{one.name} has no effect: {one.why}" for one in survey.odd}
    for tag in survey.tags:
        if (why := tags.date_problem(tag, (one for one in survey.tags if one.variant == tag.variant))) is not None:
            strange[tag.name] = f"{tag.name} is not where `gto` shows it: {why}"
    remote = git.remote()
    for name, wrong in sorted(strange.items()):
        on_remote = f"git push {remote} --delete {shlex.quote(f'refs/tags/{name}')}; " if remote else ""
        yield wrong, f"{on_remote}git tag -d {shlex.quote(name)}"


def _used() -> Problems:
    """Versions that may not hold their role, unless someone forced the promotion for the same reason. Reads all bytes.

    The workflow promote.yml cannot replace this check: GitHub does not start it when more than three tags are pushed
    at once, and runs it as it is in the commit of the tag.
    """
    for variant in state.read().values():
        try:
            for tag, wrong in verification.refused_removals(variant).items():
                yield wrong, f"slipway registry verify --undo {shlex.quote(tag.name)}"
        except Exception as error:
            yield f"{variant.name} could not be checked: {_message(error)}", CHECKS["versions in use"][1]
        for version in variant.versions.values():
            if live := [role for role in version.roles if role in grammar.LIVE]:
                yield from _role_problems(variant, version, live)


def _role_problems(variant: Variant, version: Version, roles: Sequence[str]) -> Problems:
    """The reasons why a version may not hold its roles."""
    try:
        wrong = eligibility.refusals(version, releases.of(version))
        given = {role: variant.given(version.version, role) for role in roles}
        objections = {role: promoters.objection(tag) for role, tag in given.items() if messages.overruled(tag)}
    except Exception as error:
        yield f"{version.name} could not be checked: {_message(error)}", CHECKS["versions in use"][1]
        return
    for one in wrong:
        known = {role: messages.overruled(tag) for role, tag in given.items() if objections.get(role, "none") is None}
        if unknown := [role for role in roles if one not in known.get(role, "")]:
            why = next((found for role in unknown if (found := objections.get(role)) is not None), None)
            message = f"{version.name} holds {', '.join(unknown)}: {one}" + (f"; {why}" if why else "")
            yield message, _fix(version, unknown[0], one)


def _fix(version: Version, role: str, wrong: str) -> str:
    rollback = f"slipway rollback {version.variant} --role {role}"
    if "dvc push" not in wrong:
        return rollback
    return f"git checkout {version.commit[:7]} && dvc fetch && dvc push, where it was built; or {rollback}"


def _models() -> Problems:
    """Models whose bytes differ from the committed ones because another kind of processor built them here."""
    for one in rebuilds.from_another_processor(releases.variants()):
        variant, (before, now) = one.here.variant, one.processors
        shipped = f"reports/{variant}/shipped.parquet"
        head = git.run("rev-parse", "HEAD").strip()
        try:
            predictions = artifacts.read(shipped, head), Path(shipped).read_bytes()
            lost = rebuilt.lost(one.committed, predictions[0], one.here, predictions[1], config.read(variant))
            outcome = "same verdict" if rebuilt.same_verdict(one.committed, one.here, lost) else "other verdict"
        except (SlipwayError, OSError) as error:
            outcome = f"the two models cannot be compared ({_message(error)})"
        yield f"{variant}: {outcome}, other bytes, another processor ({now} here, {before} in the commit)", KEEP


def _shared() -> Problems:
    """Tags of the registry that differ here and on the remote that Git pushes to, or that cannot be compared."""
    here = clone.look()
    yield from here.lacking()
    if here.unknown is not None and clone.here():
        yield f"could not be checked: {here.unknown}", CHECKS["shared tags"][1]
    if here.difference is not None and (unshared := here.difference.unshared):
        variants = sorted({one.variant for one in tags.read() if one.name in unshared})
        message = f"not at {here.difference.remote}: {_listed(list(unshared))}"
        yield message, " && ".join(f"slipway registry push {one}" for one in variants)


def _mlflow() -> Problems:
    """Problems of MLflow: it does not answer, or differs from Git."""
    uri = mlflow_store.tracking_uri()
    if not mlflow_store.is_there(uri):
        return  # the first stage that needs the store creates it
    try:
        mlflow_store.connect(uri).search_experiments(max_results=1)
    except Exception as error:
        message = f"{mlflow_store.shown(uri)} cannot be used: {mlflow_store.reason(error)}"
        yield message, f"{mlflow_store.remedy(error)}, then slipway registry sync"
        return
    if clone.look().lacking():
        return  # another check reports that tags are missing here, so MLflow cannot be compared yet
    unequal, refused = mirror.unequal(state.read(), releases.variants())
    if unequal:
        yield f"{mlflow_store.shown(uri)} differs from Git for {_listed(unequal)}", "slipway registry sync"
    for message in refused:
        wrong, _, fix = message.partition(": ")
        yield wrong, fix


def _experiments() -> Problems:
    """Experiments that do not run as their tags say, too long, or without outcomes."""
    from slipway.experiments.complaints import complaints  # imports SciPy, which the other checks do not need

    if _has_experiments():
        yield from complaints(LOGS, datetime.now(UTC))


def _rollouts() -> Problems:
    """Plans with mistakes, and rollouts that are paused, wait for long, or have rules without values."""
    from slipway.rollouts.complaints import complaints  # imports SciPy, which the other checks do not need

    if Path("rollouts").is_dir() or git.run("for-each-ref", "--count=1", "refs/tags/*#canary#*").strip():
        yield from complaints(LOGS, datetime.now(UTC).timestamp())


def _ensembles() -> Problems:
    """Ensembles that may not answer: without a verdict about the versions of today, or with another than a pass."""
    from slipway.ensembles import standing  # imports SciPy, which the other checks do not need

    if Path("ensembles").is_dir():
        for name, why in standing.here(state.read()).refused.items():
            yield f"the ensemble {name} does not answer: {why}", f"slipway ensemble show {name}"


def _deployments() -> Problems:
    """What the running servers say: versions and tags that they do not follow, a state store that is behind."""
    if not Path("deployments").is_dir():
        return
    try:
        from slipway.serving.deployments import Deployments
    except ModuleNotFoundError:
        return  # no server runs from an environment without the extra `serve`
    for found in Deployments().statuses():
        for problem in found.problems if found.state != "stopped" else ():
            yield f"{found.id}: {problem}", f"slipway status {found.id}, and logs/deployments/{found.id}.log"


def _has_experiments() -> bool:
    """Whether this clone has tags of experiments."""
    return bool(git.run("for-each-ref", "--count=1", "--format=%(refname)", "refs/tags/experiments").strip())


MERGE = "merge"
CHECKS: Mapping[str, tuple[Callable[[], Problems], str]] = {
    "environment": (_environment, "make .venv/build"),
    "line ends": (_line_ends, "git ls-files --eol"),
    # Before `dvc status`, which silently deletes damaged objects.
    "cache": (_cache, "dvc fetch"),
    "tags": (_tags, "git for-each-ref refs/tags"),
    "versions in use": (_used, "dvc remote list, then correct its url or credentials in .dvc/config.local"),
    "parameters, data and stages": (_status, "dvc status"),
    "models": (_models, "slipway releases"),
    "remote": (_remote, "dvc remote list, then correct its url or credentials in .dvc/config.local"),
    "shared tags": (_shared, "git remote -v, then correct its address"),
    "mlflow": (_mlflow, "slipway registry sync"),
    "experiments": (_experiments, "slipway experiment list"),
    "rollouts": (_rollouts, "slipway rollout list"),
    "ensembles": (_ensembles, "slipway ensemble list"),
    "deployments": (_deployments, "slipway deployments"),
}
"""By name: the function that checks, and what to do if it fails."""


def _message(error: Exception) -> str:
    return (" ".join(str(error).split()) or type(error).__name__)[:300]


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - LISTED:,} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _relative(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
