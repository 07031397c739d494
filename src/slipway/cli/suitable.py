"""Find the task that suits a user's data: by the values of a table's target, the layout of a folder, or the first bytes
of files.

The candidates are the tasks with defaults for a new variant, in conf/new/<task>.yaml.
"""

from itertools import islice
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import pandas as pd

from slipway import tasks
from slipway.core.errors import ConfigError, DataError
from slipway.data.readers import folders, tables
from slipway.data.readers.litter import litter
from slipway.data.readers.metadata import METADATA
from slipway.data.readers.sides import side_folders
from slipway.data.rows import Rows
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
        """Return whether the folder has the layout of the task."""

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
    if task is not None and not issubclass(tasks.kind(task), Rows):
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
    candidates = {name: tasks.kind(name) for name in known()}
    if proposed is not None:
        found = [name for name, kind in candidates.items() if issubclass(kind, Rows) and kind.suits(proposed)]
    elif not (found := [name for name, kind in candidates.items() if isinstance(kind, Layout) and kind.fits(folder)]):
        counts: dict[str, int] = {}
        for name, kind in candidates.items():
            if isinstance(kind, Recognizes) and not isinstance(kind, Layout):
                counts[name] = _recognized(folder, kind)
        found = [name for name, count in counts.items() if count and count == max(counts.values())]
    if len(found) == 1:
        return found[0]
    what = "no task" if not found else f"several tasks ({', '.join(found)})"
    seen = "" if proposed is None else f" ({proposed.target} is {'a number' if proposed.numeric else 'a class'})"
    raise DataError(
        f"{folder}: {what} found that suits it{seen}; name the task with --task: {', '.join(candidates)}. For other "
        f"tasks, write the variant's file by hand: see {PAGE}"
    )


def _recognized(folder: Path, kind: Recognizes) -> int:
    """How many of the first files in the folders of a folder the task recognizes."""
    files = (path for path in sorted(folder.glob("*/**/*")) if path.is_file() and not litter(path.name))
    return folders.recognized(islice(files, LOOKED_AT), kind.recognise)
