"""`slipway rename` and `slipway remove`: change the name of a variant, or take it out of the repository.

Both change files in the working tree and stage them in Git's index. A commit completes the change, and `git revert`
undoes it. What only the working tree has is not deleted: an edit that is not committed, or raw data that DVC's cache
does not have, is an error, unless `force` is set. params.yaml is changed last, so that a command that was killed can be
run again.

Versions in the registry keep their name, with the commit and the data that they were built from.
"""

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from slipway.cli import entries
from slipway.cli.dvc_command import dvc
from slipway.cli.entries import GRAPH, LOCK
from slipway.core import atomic, config
from slipway.core.config import NAME, SECTIONS, TOP
from slipway.core.errors import ConfigError, DataError
from slipway.records import dvc_lock
from slipway.registry import git, state, tags

CONF, RAW = Path("conf/variant"), Path("data/raw")


@dataclass(frozen=True)
class Changed:
    """The paths that were removed or moved away, those that are new, and raw data that stays as no one tracks it."""

    variant: str
    gone: tuple[str, ...]
    new: tuple[str, ...]
    left: tuple[str, ...]


def remove(variant: str, force: bool = False) -> Changed:
    """Remove a variant: its lines, its configuration, its data, and what was built of it.

    Args:
        variant: its name.
        force: whether to remove also what is not committed, or not in DVC's cache.

    Raises:
        ConfigError: there is no such variant, others start from it, a version of it holds a role, or its configuration
            is not committed.
        DataError: its raw data is not in DVC's cache as it is.
    """
    top = config.top()
    _check_known(variant, top)
    if others := [name for name, one in top["all"].items() if one.get("from") == variant]:
        raise ConfigError(f"{variant}: {', '.join(others)} starts from its weights; remove or change that one first")
    _check_unused(variant)
    file, tracked, raw = CONF / f"{variant}.yaml", RAW / f"{variant}.dvc", RAW / variant
    if not force:
        _check_committed(variant, file, tracked)
        _check_cached(raw, tracked)
    left = raw.exists() and not tracked.exists() and variant not in top["simulated"]
    ours = (*_built(variant), *(() if left else (raw,)), tracked, file)
    gone = [path for path in ours if path.exists()]
    for path in gone:
        _delete(path)
    _stage(ours)
    _change_lock(variant)
    graph, text = GRAPH.read_text(), TOP.read_text()
    atomic.write_text(GRAPH, entries.remove(graph, GRAPH, "artifacts", [variant]))
    for section in reversed(SECTIONS):
        text = entries.remove(text, TOP, section, [variant])
    atomic.write_text(TOP, text)
    _stage([GRAPH, TOP])
    return Changed(variant, tuple(map(str, gone)), (), (str(raw),) if left else ())


def rename(old: str, new: str) -> Changed:
    """Give a variant another name. What was built under the old name is removed, since each stage names its variant.

    Raises:
        ConfigError: there is no such variant, or the new name cannot be used.
        DataError: there is other data under the new name, or DVC cannot move the data.
    """
    top = config.top()
    _check_known(old, top)
    check_name(new, top, old)
    was, file = CONF / f"{old}.yaml", CONF / f"{new}.yaml"
    raw, to = RAW / old, RAW / new
    if was.exists() and file.exists():
        raise ConfigError(f"{file}: this file exists already; remove it, or choose another name")
    if raw.exists() and to.exists():
        raise DataError(f"{to}: this folder exists already; remove it, or choose another name")
    tracked, moved = RAW / f"{old}.dvc", RAW / f"{new}.dvc"
    if tracked.exists():
        dvc("move", str(raw), str(to))
    elif raw.exists() and old not in top["simulated"]:
        raw.rename(to)
    elif raw.exists():
        shutil.rmtree(raw)  # the simulate stage writes it again under the new name
    if was.exists():
        was.rename(file)
    gone = [path for path in _built(old) if path.exists()]
    for path in gone:
        _delete(path)
    _stage([*_built(old), was, file, tracked, moved, RAW / ".gitignore"])
    _change_lock(old)
    atomic.write_text(GRAPH, entries.rename(GRAPH.read_text(), GRAPH, "artifacts", old, new))
    text = TOP.read_text()
    for section in reversed(SECTIONS):
        text = entries.rename(text, TOP, section, old, new)
    atomic.write_text(TOP, text)
    _stage([GRAPH, TOP])
    return Changed(new, tuple(map(str, gone)), tuple(str(path) for path in (file, moved) if path.exists()), ())


def check_name(variant: str, top: Mapping[str, Any], before: str | None = None) -> None:
    """Check that a variant can have a name that it does not have yet; `before` is its name until now, if it has one.

    Raises:
        ConfigError: it is not a valid name, or a variant has it, perhaps with other capitals.
    """
    read = yaml.safe_load(variant) if NAME.fullmatch(variant) else variant
    config.named([variant if isinstance(read, str) else read], "the new variant")
    taken = {name.lower(): name for section in SECTIONS for name in top[section] if name != before or name == variant}
    if variant.lower() in taken:
        raise ConfigError(f"{taken[variant.lower()]}: this variant exists already in {TOP}; choose another name")


def _check_known(variant: str, top: Mapping[str, Any]) -> None:
    if variant not in top["all"]:
        raise ConfigError(f"{TOP} has no variant {variant}; it has {', '.join(top['all'])}")


def _check_unused(variant: str) -> None:
    for version in state.Variant(variant, tags.read(variant)).versions.values():
        if roles := [role for role in version.roles if role != "archived"]:
            raise ConfigError(
                f"{version.name} holds {', '.join(roles)}; first take it out of use: "
                f"slipway retire {version.name} --force --reason '...'"
            )


def _check_committed(variant: str, *paths: Path) -> None:
    status = git.run("status", "--porcelain", "--untracked-files=all", "--", *map(str, paths)).splitlines()
    changed = [line[3:] for line in status if "D" not in line[:2]]
    if changed:
        listed = ", ".join(changed)
        raise ConfigError(
            f"{variant}: {listed} is not committed, so nothing could bring it back; commit it first, or remove it all "
            "the same with --force"
        )


def _check_cached(raw: Path, tracked: Path) -> None:
    """Refuse to delete raw data that differs from its .dvc file, or that DVC's cache does not have."""
    from dvc.repo import Repo

    if not raw.exists() or not tracked.exists():
        return
    with Repo() as repo:
        (stage,) = repo.stage.load_all(str(tracked))
        status = {how for out in stage.outs for how in out.status().values()}
    if status:
        raise DataError(
            f"{raw}: {', '.join(sorted(map(str, status)))}, compared with {tracked}, so DVC could not bring it back; "
            f"run `dvc add {raw}` and commit, or remove it all the same with --force"
        )


def _built(variant: str) -> tuple[Path, ...]:
    """The paths that the stages of a variant write, except raw data."""
    folders = (Path("data/prepared"), Path("models"), Path("reports"), Path("logs"), Path(".checkpoints"))
    return (Path("params") / f"{variant}.yaml", *(folder / variant for folder in folders))


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _change_lock(variant: str) -> None:
    """Remove the stages of a variant from dvc.lock."""
    if LOCK.exists():
        text = LOCK.read_text()
        stages = [name for name in dvc_lock.stages(text.encode()) if name.partition("@")[2] == variant]
        atomic.write_text(LOCK, entries.remove(text, LOCK, "stages", stages))
        _stage([LOCK])


def _stage(paths: Iterable[Path]) -> None:
    """Stage the paths in Git's index, whether they are there or gone; those that Git ignores are left out."""
    known = git.run("ls-files", "-z").split("\0")
    ours = [
        str(path)
        for path in paths
        if path.is_file() or any(name == str(path) or name.startswith(f"{path}/") for name in known)
    ]
    if ours:
        git.run("add", "--all", "--", *ours)
