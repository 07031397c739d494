"""`slipway doctor`: what is wrong with this clone, and the command that mends each of it.

It writes nothing; DVC takes a damaged object out of the cache, or of a remote that is a folder, when it looks at it. A
check that cannot be made is itself something that is wrong.
"""

import hashlib
import logging
import re
import shlex
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from slipway.cli import releases as rebuilds
from slipway.cli import resolve
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
"""Names that a line gives before it only counts."""


@dataclass(frozen=True)
class Finding:
    """Something that is wrong: where, what, and the command that mends it, or what to do where none can."""

    check: str
    wrong: str
    mend: str


def examine(checks: Collection[str] | None = None) -> list[Finding]:
    """These checks, all by default, in the order in which things have to be mended.

    Raises:
        ConfigError: this is not the root of the repository, or params.yaml cannot be read.
    """
    if found := _look(MERGE, _merge, "git status"):
        return found  # what a merge left has to be settled before anything else can be read
    releases.variants()  # says so where there is no params.yaml
    logging.getLogger("dvc").setLevel(logging.CRITICAL)  # it is told here
    asked = [(check, *CHECKS[check]) for check in CHECKS if checks is None or check in checks]
    return [one for check, look, mend in asked for one in _look(check, look, mend)]


Said = Iterator[tuple[str, str]]


def _look(check: str, look: Callable[[], Said], mend: str) -> list[Finding]:
    found: list[Finding] = []
    try:
        found.extend(Finding(check, *one) for one in look())
    except Exception as error:  # a broken clone can break DVC, Git and MLflow in any way
        found.append(Finding(check, f"could not be checked: {_said(error)}", mend))
    return found


def _merge() -> Said:
    """Conflicts that a merge left, in the files that Slipway and DVC read or that Git waits for."""
    for one in resolve.conflicts():
        settle = "slipway resolve && dvc repro" if documents.generated(one.path) else f"edit {shlex.quote(one.path)}"
        yield f"{one.path}: {one.told}", settle


def _environment() -> Said:
    """What is installed beside what the locks pin, of the purposes that this environment is for."""
    locks = sorted(lock for lock in REQUIREMENTS.glob("*.lock") if Path(sys.prefix, lock.stem).exists())
    for lock in locks or [REQUIREMENTS / "build.lock"]:
        again = f"touch {lock} && make .venv/{lock.stem}"
        if not lock.is_file():
            yield f"{lock} is not there", f"git checkout {lock}"
            continue
        missing, other = _unlike(lock)
        if missing:
            yield f"not installed: {_listed(missing)}", again
        if other:
            yield f"installed in another version: {_listed(other)}", again


def _unlike(lock: Path) -> tuple[list[str], list[str]]:
    """What a lock pins and is not installed, and what is in another version."""
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


def _line_ends() -> Said:
    """Files whose lines end in CRLF here and in LF in Git: their hashes are others than those in dvc.lock."""
    listed = [line.partition("\t") for line in git.run("ls-files", "--eol", "-z").split("\0")]
    if changed := [path for about, _, path in listed if about.split()[:2] == ["i/lf", "w/crlf"]]:
        found = "git ls-files --eol | sed -n 's,^i/lf *w/crlf.*\\t,,p'"
        yield (
            f"lines end in CRLF, and DVC takes that for a change: {_listed(changed)}",
            f"git config core.autocrlf input && {found} | tr '\\n' '\\0' | xargs -0 sed -i 's/\\r$//'",
        )


def _built() -> Said:
    """What `dvc status` says: edited parameters, lost data, and what is to be built again."""
    from dvc.repo import Repo

    with Repo() as repo:
        changed: Mapping[str, Any] = repo.status()
    stale = []
    for stage, reasons in changed.items():
        told = [one["changed outs"] for one in reasons if isinstance(one, dict) and "changed outs" in one]
        outs = {path: how for one in told for path, how in one.items()}
        for path, how in sorted(outs.items()):
            if path.startswith("params/") and how == "modified":
                yield f"{path} was edited by hand; say it in conf/", f"rm {path} && dvc repro {shlex.quote(stage)}"
            elif path.startswith("data/raw/") and not Path(path).exists():
                again = "" if stage.endswith(".dvc") else f" || dvc repro {shlex.quote(stage)}"  # that was added
                yield f"{path} is lost", f"dvc pull {path}{again}"
        if not outs or any(
            not path.startswith(("params/", "data/raw/")) and how != "not in cache" for path, how in outs.items()
        ):
            stale.append(stage)
    if stale:
        yield f"not as built: {_listed(stale)}", "dvc repro" if len(stale) > LISTED else f"dvc repro {' '.join(stale)}"


def _cache() -> Said:
    """Objects of the cache that are not what their name, the MD5 of their content, says."""
    from dvc.repo import Repo

    with Repo() as repo:
        paths = sorted(Path(repo.cache.local.path).glob("??/*"))
    whole = re.compile(r"[0-9a-f]{32}(\.dir)?")  # not what a download left unfinished
    named = [(path, path.parent.name + path.name) for path in paths]
    damaged = [
        str(_relative(path))
        for path, name in named
        if whole.fullmatch(name) and _md5(path) != name.removesuffix(".dir")
    ]
    if damaged:
        mend = f"rm -f {' '.join(map(shlex.quote, damaged))} && dvc fetch && dvc checkout || dvc repro"
        yield f"damaged: {_listed(damaged)}", mend


def _remote() -> Said:
    """Whether the default DVC remote answers, has what is built and registered, and is not believed without a look."""
    from dvc.repo import Repo

    artifacts.check()
    with Repo() as repo:
        outs = [out for out in repo.index.outs if out.use_cache and out.hash_info and not out.stage.is_import]
        # By force, or the terminal is asked about a folder whose list of files is nowhere; that folder gives nothing.
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
        yield "what it gives is taken without a look at the hash", f"dvc remote modify {remote.name} verify true"
    if lost := _lost():
        away = " && ".join(f"slipway retire {name}" for name in lost)
        yield f"neither here nor in the remote: the bytes of {_listed(lost)}", f"dvc push, where built; or {away}"


def _lost() -> list[str]:
    """Versions without a role, those in use are looked at by `_used`, whose bytes cannot be had."""
    versions = [version for variant in state.read().values() for version in variant.versions.values()]
    idle = [version for version in versions if not version.roles]
    read = releases.read([(one.variant, one.commit) for one in idle])
    hashes = {one.name: artifacts.hashes(one.variant, one.commit, of) for one, of in zip(idle, read, strict=True)}
    nowhere = artifacts.nowhere(set().union(*hashes.values()))
    return [name for name, of in hashes.items() if of & nowhere]


def _tags() -> Said:
    """Tags that only look like those of the registry, or whose date or number cannot be: they have no effect."""
    survey = tags.survey(variants=releases.variants())
    strange = {one.name: f"{one.name} has no effect: {one.why}" for one in survey.odd}
    for tag in survey.tags:
        if (why := tags.untimely(tag, (one for one in survey.tags if one.variant == tag.variant))) is not None:
            strange[tag.name] = f"{tag.name} is not where `gto` shows it: {why}"
    remote = git.remote()
    for name, wrong in sorted(strange.items()):
        there = f"git push {remote} --delete {shlex.quote(f'refs/tags/{name}')}; " if remote else ""
        yield wrong, f"{there}git tag -d {shlex.quote(name)}"


def _used() -> Said:
    """Versions in use that may not hold their role, and were not given it by force knowing that: bytes are all read.

    GitHub says nothing to promote.yml of more than three tags that are pushed at once, and runs it as it is in the
    commit of the tag.
    """
    for variant in state.read().values():
        try:
            for tag, wrong in verification.refused_takings(variant).items():
                yield wrong, f"slipway registry verify --undo {shlex.quote(tag.name)}"
        except Exception as error:
            yield f"{variant.name} could not be checked: {_said(error)}", CHECKS["versions in use"][1]
        for version in variant.versions.values():
            if live := [role for role in version.roles if role in grammar.LIVE]:
                yield from _held(variant, version, live)


def _held(variant: Variant, version: Version, roles: Sequence[str]) -> Said:
    """Why a version may not hold its roles."""
    try:
        wrong = eligibility.refusals(version, releases.of(version))
        given = {role: variant.given(version.version, role) for role in roles}
        objections = {role: promoters.objection(tag) for role, tag in given.items() if messages.overruled(tag)}
    except Exception as error:
        yield f"{version.name} could not be checked: {_said(error)}", CHECKS["versions in use"][1]
        return
    for one in wrong:
        known = {role: messages.overruled(tag) for role, tag in given.items() if objections.get(role, "none") is None}
        if unknown := [role for role in roles if one not in known.get(role, "")]:
            why = next((said for role in unknown if (said := objections.get(role)) is not None), None)
            said = f"{version.name} holds {', '.join(unknown)}: {one}" + (f"; {why}" if why else "")
            yield said, _mend(version, unknown[0], one)


def _mend(version: Version, role: str, wrong: str) -> str:
    away = f"slipway rollback {version.variant} --role {role}"
    if "dvc push" not in wrong:
        return away
    return f"git checkout {version.commit[:7]} && dvc fetch && dvc push, where it was built; or {away}"


def _models() -> Said:
    """Models that another kind of processor built here to other bytes, beside those that are committed."""
    for one in rebuilds.from_another_processor(releases.variants()):
        variant, (before, now) = one.here.variant, one.processors
        shipped = f"reports/{variant}/shipped.parquet"
        head = git.run("rev-parse", "HEAD").strip()
        try:
            predictions = artifacts.read(shipped, head), Path(shipped).read_bytes()
            lost = rebuilt.lost(one.committed, predictions[0], one.here, predictions[1], config.read(variant))
            same = one.committed.verdict == one.here.verdict and all(rule.verdict != "fail" for rule in lost)
            outcome = "same verdict" if same else "other verdict"
        except (SlipwayError, OSError) as error:
            outcome = f"the two models cannot be compared ({_said(error)})"
        yield f"{variant}: {outcome}, other bytes, another processor ({now} here, {before} in the commit)", KEEP


def _shared() -> Said:
    """Tags of the registry that are not the same here and at the remote that Git pushes to; a clone that is cut off."""
    here = clone.look()
    yield from here.lacking()
    if here.unknown is not None and clone.here():
        yield f"could not be checked: {here.unknown}", CHECKS["shared tags"][1]
    if here.difference is not None and (unshared := here.difference.unshared):
        variants = sorted({one.variant for one in tags.read() if one.name in unshared})
        said = f"not at {here.difference.remote}: {_listed(list(unshared))}"
        yield said, " && ".join(f"slipway registry push {one}" for one in variants)


def _mlflow() -> Said:
    """Whether MLflow answers, and says what Git says."""
    uri = mlflow_store.tracking_uri()
    if not mlflow_store.is_there(uri):
        return  # made by the first stage that needs it
    try:
        mlflow_store.connect(uri).search_experiments(max_results=1)
    except Exception as error:
        said = f"{mlflow_store.shown(uri)} cannot be used: {mlflow_store.reason(error)}"
        yield said, f"{mlflow_store.remedy(error)}, then slipway registry sync"
        return
    if clone.look().lacking():
        return  # told above: what Git says is not known yet
    unequal, refused = mirror.unequal(state.read(), releases.variants())
    if unequal:
        yield f"{mlflow_store.shown(uri)} does not say what Git says of {_listed(unequal)}", "slipway registry sync"
    for said in refused:
        wrong, _, mend = said.partition(": ")
        yield wrong, mend


MERGE = "merge"
CHECKS: Mapping[str, tuple[Callable[[], Said], str]] = {
    "environment": (_environment, "make .venv/build"),
    "line ends": (_line_ends, "git ls-files --eol"),
    # What is damaged is looked for first: `dvc status` takes it away, and says nothing.
    "cache": (_cache, "dvc fetch"),
    "tags": (_tags, "git for-each-ref refs/tags"),
    "versions in use": (_used, "dvc remote list, then correct its url or credentials in .dvc/config.local"),
    "parameters, data and stages": (_built, "dvc status"),
    "models": (_models, "slipway releases"),
    "remote": (_remote, "dvc remote list, then correct its url or credentials in .dvc/config.local"),
    "shared tags": (_shared, "git remote -v, then correct its address"),
    "mlflow": (_mlflow, "slipway registry sync"),
}
"""By name: what is looked at, and what to do where that cannot be done."""


def _said(error: Exception) -> str:
    return (" ".join(str(error).split()) or type(error).__name__)[:300]


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - LISTED:,} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _relative(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
