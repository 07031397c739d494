"""`slipway doctor`: what is wrong with this clone, and the command that mends each of it.

It writes nothing; DVC takes a damaged object out of the cache, or of a remote that is a folder, when it looks at it. A
check that cannot be made is itself something that is wrong.
"""

import hashlib
import logging
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from slipway import mlflow_store
from slipway.gitops import artifacts, git, mirror, promotion, releases, state, tags
from slipway.gitops.state import Version
from slipway.redaction import plain

REQUIREMENTS = Path("requirements.lock")
LISTED = 3
"""Names that a line gives before it only counts."""


@dataclass(frozen=True)
class Finding:
    """Something that is wrong: where, what, and the command that mends it, or what to do where none can."""

    check: str
    wrong: str
    mend: str


def examine() -> list[Finding]:
    """Every check, in the order in which things have to be mended.

    Raises:
        RegistryError: this is not the root of the repository.
    """
    releases.variants()  # says so where there is no params.yaml
    logging.getLogger("dvc").setLevel(logging.CRITICAL)  # it is told here
    found = []
    for check, (look, mend) in CHECKS.items():
        try:
            found += [Finding(check, *one) for one in look()]
        except Exception as error:  # a broken clone can break DVC, Git and MLflow in any way
            said = " ".join(plain(str(error)).split()) or type(error).__name__
            found.append(Finding(check, f"could not be checked: {said[:300]}", mend))
    return found


Said = Iterator[tuple[str, str]]


def _environment() -> Said:
    """What is installed beside what requirements.lock pins."""
    again = f"touch {REQUIREMENTS} && make .venv/ready"
    if not REQUIREMENTS.is_file():
        yield f"{REQUIREMENTS} is not there", f"git checkout {REQUIREMENTS}"
        return
    missing, other = [], []
    for line in REQUIREMENTS.read_text().splitlines():
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
    if missing:
        yield f"not installed: {_listed(missing)}", again
    if other:
        yield f"installed in another version: {_listed(other)}", again


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
                yield f"{path} is lost", f"dvc pull {path} || dvc repro {shlex.quote(stage)}"
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
        status = repo.cloud.status([one for objects in repo.used_objs().values() for one in objects])
        remote = repo.cloud.get_remote()
    if status.new:
        yield f"{len(status.new):,} objects are only in this clone's cache", "dvc push"
    if status.missing:
        yield f"{len(status.missing):,} objects are neither here nor in the remote", "dvc repro && dvc push"
    if not remote.odb.verify:
        yield "what it gives is taken without a look at the hash", f"dvc remote modify {remote.name} verify true"
    if lost := _lost():
        away = " && ".join(f"slipway retire {name}" for name in lost)
        yield f"neither here nor in the remote: the bytes of {_listed(lost)}", f"dvc push, where built; or {away}"


def _lost() -> list[str]:
    """Versions without a role, those in use are looked at by `_tags`, whose bytes cannot be had."""
    versions = [version for variant in state.read().values() for version in variant.versions.values()]
    idle = [version for version in versions if not version.roles]
    read = releases.read([(one.variant, one.commit) for one in idle])
    hashes = {one.name: artifacts.hashes(one.variant, one.commit, of) for one, of in zip(idle, read, strict=True)}
    nowhere = artifacts.nowhere(set().union(*hashes.values()))
    return [name for name, of in hashes.items() if of & nowhere]


def _tags() -> Said:
    """Versions in use that may not hold their role, and were not given it by force knowing that: bytes are all read.

    GitHub says nothing to promote.yml of more than three tags that are pushed at once.
    """
    variants = state.read()
    versions = [version for variant in variants.values() for version in variant.versions.values()]
    used = [version for version in versions if set(version.roles) & set(tags.LIVE)]
    for version, release in zip(used, releases.read([(one.variant, one.commit) for one in used]), strict=True):
        of = variants[version.variant].tags
        given = {tag.role: tag for tag in of if tag.action == "assign" and tag.commit == version.commit}
        live = {role: promotion.overruled(given[role]) for role in version.roles if role in tags.LIVE}
        for wrong in promotion.refusals(version, release):
            if roles := [role for role, overruled in live.items() if wrong not in overruled]:
                yield f"{version.name} holds {', '.join(roles)}: {wrong}", _mend(version, roles[0], wrong)


def _mend(version: Version, role: str, wrong: str) -> str:
    away = f"slipway rollback {version.variant} --role {role}"
    if "dvc push" not in wrong:
        return away
    return f"git checkout {version.commit[:7]} && dvc fetch && dvc push, where it was built; or {away}"


def _shared() -> Said:
    """Tags of the registry that are only here, were removed at the remote that Git pushes to, or are another there."""
    remote = git.remote()
    if remote is None:
        return
    read = tags.read()
    here = {tag.name: tag.id for tag in read}
    pointers, there = tags.at(remote)
    if other := [name for name in sorted(here.keys() & there.keys()) if here[name] != there[name]]:
        mine = " ".join(map(shlex.quote, other))
        yield f"another at {remote} than here: {_listed(other)}", f"git tag -d {mine} && git fetch --tags {remote}"
    if unseen := sorted(there.keys() - here.keys()):
        yield f"not fetched: {_listed(unseen)}", f"git fetch --tags {remote}"
    alone = sorted(here.keys() - there.keys())
    if removed := [name for name in alone if here[name] in pointers.values()]:
        yield f"removed at {remote}: {_listed(removed)}", f"git tag -d {' '.join(map(shlex.quote, removed))}"
    if unshared := [name for name in alone if name not in removed]:
        variants = sorted({tag.variant for tag in read if tag.name in unshared})
        yield f"not at {remote}: {_listed(unshared)}", " && ".join(f"slipway registry push {one}" for one in variants)


def _mlflow() -> Said:
    """Whether MLflow answers, and says what Git says."""
    uri = mlflow_store.tracking_uri()
    if uri.startswith("sqlite:///") and not Path(uri.removeprefix("sqlite:///")).exists():
        return  # made by the first stage that needs it
    try:
        with mlflow_store.briefly():
            mlflow_store.connect(uri).search_experiments(max_results=1)
    except Exception as error:
        said = f"{mlflow_store.shown(uri)} cannot be used: {mlflow_store.reason(error)}"
        yield said, f"{mlflow_store.remedy(error)}, then slipway registry sync"
        return
    if unequal := mirror.unequal(state.read(), releases.variants()):
        yield f"{mlflow_store.shown(uri)} does not say what Git says of {_listed(unequal)}", "slipway registry sync"


CHECKS: Mapping[str, tuple[Callable[[], Said], str]] = {
    "environment": (_environment, f"touch {REQUIREMENTS} && make .venv/ready"),
    # What is damaged is looked for first: `dvc status` takes it away, and says nothing.
    "cache": (_cache, "dvc fetch"),
    "versions in use": (_tags, "dvc remote list, then correct its url or credentials in .dvc/config.local"),
    "parameters, data and stages": (_built, "dvc status"),
    "remote": (_remote, "dvc remote list, then correct its url or credentials in .dvc/config.local"),
    "shared tags": (_shared, "git remote -v, then correct its address"),
    "mlflow": (_mlflow, "slipway registry sync"),
}
"""By name: what is looked at, and what to do where that cannot be done."""


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - LISTED:,} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _relative(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
