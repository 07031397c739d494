"""Find the task that suits a user's data: by the values of a table's target, the layout of a folder, or the first bytes
of files.

The candidates are the tasks with defaults for a new variant, in conf/new/<task>.yaml.
"""

import os
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import pandas as pd

from slipway import tasks
from slipway.core.errors import ConfigError, DataError, ExampleError
from slipway.data.readers import tables
from slipway.data.readers.litter import litter
from slipway.data.readers.metadata import METADATA
from slipway.data.readers.sides import side_folders
from slipway.data.rows.proposal import Proposal

RECIPES = Path("conf/new")
PAGE = "docs/add-a-variant.md"
LOOKED_AT = 100
"""The number of files from which the task is found."""


@runtime_checkable
class Recognizes(Protocol):
    """A task whose examples are files that it recognizes by their content."""

    @staticmethod
    def recognise(start: bytes) -> object:
        """Check the first 12 bytes of a file.

        Raises:
            ExampleError: it is not an example.
        """


@runtime_checkable
class Layout(Protocol):
    """A task that is recognized by the layout of a folder, whose files state a part of the section `data`."""

    @staticmethod
    def fits(raw: Path) -> bool:
        """Return whether the folder has the layout of the task; if the task is `Recognizes`, it has such files."""

    @staticmethod
    def stated(raw: Path) -> tuple[dict[str, Any], list[str]]:
        """Return the keys of `data` that the files state, and sentences on what was found.

        Raises:
            DataError: the files cannot be read.
        """


@runtime_checkable
class Unlearnt(Protocol):
    """A task that can tell how well a model without skill scores on some examples."""

    def unlearnt(self, examples: pd.DataFrame) -> tuple[str, float, str]:
        """Return a metric, its value for a model that has learnt nothing, and what that value is, in words."""


@runtime_checkable
class OfTable(Protocol):
    """A task whose examples are rows of tables, which proposes how to use their columns."""

    @classmethod
    def suits(cls, proposed: Proposal) -> bool:
        """Return whether it is the task for such a table, if none is named."""

    @classmethod
    def sections(cls, proposed: Proposal) -> tuple[Proposal, dict[str, dict[str, Any]]]:
        """Return the columns as it uses them, and the sections of the variant's file that depend on them.

        Raises:
            DataError: the table has no columns for this task.
        """


def known() -> list[str]:
    """Return the names of the candidates."""
    return sorted(path.stem for path in RECIPES.glob("*.yaml"))


def check(task: str) -> None:
    """Check that a task is a candidate.

    Raises:
        ConfigError: it is not.
    """
    candidates = known()
    if task in candidates:
        return
    if (Path(tasks.__file__).parent / task / "__init__.py").exists():
        raise ConfigError(
            f"{task}: write the variant's file by hand, since its data section depends on the data: see {PAGE}. "
            f"slipway new supports {', '.join(candidates)}"
        )
    raise ConfigError(f"{task}: no such task; slipway new supports {', '.join(candidates)}")


def has_rows(folder: Path, task: str | None) -> bool:
    """Return whether the data is a table, or a folder with nothing but tables, or with such folders for each side.

    A metadata.csv describes other files.
    """
    if task is not None and not issubclass(tasks.kind(task), OfTable):
        return False
    if folder.is_file() or task is not None:
        return True
    return all(_tables(folder / name) for name in side_folders(folder) or ["."])


def _tables(folder: Path) -> bool:
    loose = [path for path in folder.glob("*") if not litter(path.name)]
    if not loose or any(path.is_dir() or path.name == METADATA for path in loose):
        return False
    try:
        return bool(tables.files(folder))
    except DataError:
        return False


def suitable(folder: Path, proposed: Proposal | None) -> str:
    """Return the task that suits the data.

    Args:
        folder: the folder of examples, or the table.
        proposed: the columns of the table; None for files.

    Raises:
        DataError: no task suits it, or several do.
    """
    candidates: dict[str, Any] = {name: tasks.kind(name) for name in known()}
    if proposed is not None:
        if proposed.values.nunique() < 2:
            only = proposed.values.dropna().unique().tolist()
            has = f"only one value, {only[0]!r}" if only else "no value"
            raise DataError(f"{folder}: {proposed.target} has {has}, so nothing can be learnt; --target names another")
        found = [name for name, kind in candidates.items() if issubclass(kind, OfTable) and kind.suits(proposed)]
    else:
        found = _of_files(folder, candidates)
    if len(found) == 1:
        return found[0]
    what = "no task" if not found else f"several tasks ({', '.join(found)})"
    seen = "" if proposed is None else f" ({proposed.target} is {'a number' if proposed.numeric else 'a class'})"
    raise DataError(
        f"{folder}: {what} found that suits it{seen}; name the task with --task: {', '.join(candidates)}. For other "
        f"tasks, write the variant's file by hand: see {PAGE}"
    )


def _of_files(folder: Path, candidates: Mapping[str, Any]) -> list[str]:
    """Return the tasks whose layout the folder has, or otherwise those whose examples most of its first files are."""
    starts = list(islice(_starts(folder), LOOKED_AT))
    if folder.is_dir() and not starts:
        raise DataError(f"{folder}: no file in this folder")
    counts = {
        name: sum(_recognizes(kind, start) for start in starts)
        for name, kind in candidates.items()
        if isinstance(kind, Recognizes)
    }
    layouts = {name: kind for name, kind in candidates.items() if isinstance(kind, Layout)}
    if found := [name for name, kind in layouts.items() if counts.get(name, 1) and kind.fits(folder)]:
        return found
    rest = {name: count for name, count in counts.items() if count and name not in layouts}
    return [name for name, count in rest.items() if count == max(rest.values())]


def _starts(folder: Path) -> Iterator[bytes]:
    """Yield the first 12 bytes of the files in a folder and below, in the order of the folders' names."""
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not litter(name))
        for name in sorted(names):
            path = Path(parent, name)
            if not litter(name) and path.is_file() and os.access(path, os.R_OK):
                with path.open("rb") as file:
                    yield file.read(12)


def _recognizes(kind: Recognizes, start: bytes) -> bool:
    try:
        kind.recognise(start)
    except ExampleError:
        return False
    return True
