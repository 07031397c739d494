"""The clone that a server reads: its registry tags are brought up to date with the Git remote.

A clone that the server made (`--repo URL`) becomes equal to the remote. A clone of somebody else (`--repo PATH`) only
gets the tags that it lacks; nothing in it is changed or deleted. Tags that were deleted at the remote have no
effect, although they are still in the clone.
"""

import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from slipway.core.errors import ConfigError, RegistryError
from slipway.experiments import history
from slipway.registry import clone, git, tags
from slipway.registry.grammar import Tag

SECONDS = 60.0
"""The time limit for a fetch, and for a clone five times as much."""


@dataclass(frozen=True)
class Fetched:
    """The result of a look at the remote.

    `removed` are tags of this clone that have no effect, `problems` what is wrong, in words, and `answered` whether the
    remote answered; without a remote the clone itself is all there is.
    """

    removed: frozenset[str] = frozenset()
    problems: tuple[str, ...] = ()
    answered: bool = True


def is_address(repository: str) -> bool:
    """Whether `--repo` names a repository elsewhere: a URL, or user@host:path."""
    return re.match(r"[a-z][a-z0-9+.-]*://|[^/]+@[^/]+:", repository) is not None


def folder_of(repository: str) -> str:
    """Return the name of the folder for what a server keeps of a repository: its last part, and a hash of the whole."""
    last = re.sub(r"[^A-Za-z0-9_-]+", "-", re.sub(r"(\.git)?/*$", "", repository).rpartition("/")[2]).strip("-")
    return f"{last or 'repository'}-{hashlib.sha256(repository.encode()).hexdigest()[:12]}"


def prepare(repository: str, cache: Path) -> tuple[Path, bool]:
    """Return the clone to read, and whether it is the server's own.

    Args:
        repository: the path of a clone, or an address, of which a clone is made in `cache` unless it is there.
        cache: the folder for what the server keeps of this repository.

    Raises:
        ConfigError: the path is not the root of a Slipway repository.
        RegistryError: there is no clone yet, and the address cannot be cloned.
    """
    if not is_address(repository):
        path = Path(repository).resolve()
        if not (path / ".dvc").is_dir():
            raise ConfigError(f"{repository}: not the root of a repository with DVC; give --repo its path or its URL")
        return path, False
    path = cache / "clone"
    if not (path / ".git").is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        git.run("clone", "--quiet", "--", repository, str(path), seconds=5 * SECONDS)
    return path, True


def fetch(own: bool) -> Fetched:
    """Bring the registry tags of the working folder up to date with its remote, if it has one.

    A remote that does not answer is a problem in the result, not an error.
    """
    try:
        return _mirror() if own else _complete()
    except RegistryError as error:
        why = f"Git: the remote cannot be read, so the tags of this clone are used: {error}"
        return Fetched(problems=(why,), answered=False)


def _mirror() -> Fetched:
    """Make branches, tags and files of the server's own clone equal to those at the remote."""
    refs = ("+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*")
    git.run("fetch", "--quiet", "--prune", "--force", "origin", *refs, seconds=SECONDS)
    if git.run("rev-parse", "HEAD") != git.run("rev-parse", "origin/HEAD"):
        git.run("checkout", "--quiet", "--force", "--detach", "origin/HEAD")  # .dvc/config names the DVC remote
    return Fetched()


def _complete() -> Fetched:
    """Fetch the registry tags that this clone lacks."""
    remote = git.remote()
    if remote is None:
        return Fetched()
    found = clone.difference(remote)
    if found.unseen:
        specs = [f"refs/tags/{name}:refs/tags/{name}" for name in found.unseen]
        git.run("fetch", "--quiet", "--no-tags", remote, *specs, seconds=SECONDS)
    git.run("fetch", "--quiet", "--no-tags", remote, f"{history.REFS}:{history.REFS}", seconds=SECONDS)
    problems: tuple[str, ...] = ()
    if found.other:
        problems = (f"Git: different here and at {remote}: {tags.listed(found.other)}; those of this clone are used",)
    return Fetched(frozenset(found.removed), problems)


def refs() -> str:
    """Return all tags and their object ids, as Git lists them: equal texts mean equal versions and roles."""
    return git.run("for-each-ref", "--format=%(objectname) %(refname)", "refs/tags")


def effective(removed: Collection[str]) -> list[Tag]:
    """Return the registry tags of this clone, without those that were deleted at the remote."""
    return [tag for tag in tags.read() if tag.name not in removed]
