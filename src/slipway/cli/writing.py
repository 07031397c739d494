"""Write a new variant: its data in data/raw with DVC's file, its own file in conf/variant, and its lines.

All of it is undone if anything fails or Ctrl-C is pressed.
"""

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.markup import escape
from rich.progress import Progress

from slipway.cli.dvc_command import dvc
from slipway.cli.variants import RAW
from slipway.core import atomic
from slipway.core.errors import DataError
from slipway.core.terminal import Console
from slipway.data.readers.litter import litter
from slipway.registry import git


def write(variant: str, folder: Path, texts: Mapping[Path, str]) -> tuple[str, ...]:
    """Add the data of a variant to DVC, write its files, and stage them in Git.

    Args:
        variant: its name.
        folder: the data, copied to data/raw/<variant> unless it is there.
        texts: the text of each file.

    Returns:
        The files written.

    Raises:
        DataError: something cannot be written, or DVC cannot track the data.
    """
    raw, tracked, ignored = RAW / variant, RAW / f"{variant}.dvc", RAW / ".gitignore"
    with _undone_on_failure([*texts, tracked, ignored], raw):
        if not raw.exists():
            _copy(folder, raw)
        with shown(f"dvc add {raw}"):
            dvc("add", str(raw))
        for path, text in texts.items():
            atomic.write_text(path, text)
        written = tuple(str(path) for path in (*texts, tracked, ignored) if path.exists())
        git.run("add", "--", *written)  # `dvc exp run --queue` includes only files known to Git
    return written


@contextmanager
def _undone_on_failure(files: Sequence[Path], folder: Path) -> Iterator[None]:
    """If the block fails, restore `files`, and remove `folder` unless it existed before."""
    before = {path: path.read_bytes() if path.exists() else None for path in files}
    there = folder.exists()
    try:
        yield
    except BaseException as failure:
        for path, content in before.items():
            if content is None:
                path.unlink(missing_ok=True)
            elif path.read_bytes() != content:
                atomic.write_bytes(path, content)
        if not there:
            shutil.rmtree(folder, ignore_errors=True)
        if isinstance(failure, OSError):
            raise DataError(f"{failure}; all changes are undone")
        raise


def _copy(folder: Path, raw: Path) -> None:
    """Copy the files, except dotfiles and files that file managers leave behind."""
    files = [folder] if folder.is_file() else []
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not litter(name)]
        files += [Path(parent, name) for name in names if not litter(name)]
    with atomic.folder(raw) as out, _progress() as progress:
        for path in progress.track(files, description=f"copying to {raw}"):
            to = out / (path.relative_to(folder) if folder.is_dir() else path.name)
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, to)


@contextmanager
def shown(what: str) -> Iterator[None]:
    """Show progress of unknown length."""
    with _progress() as progress:
        progress.add_task(escape(what), total=None)
        yield


def _progress() -> Progress:
    console = Console(stderr=True)
    return Progress(console=console, disable=not console.is_terminal, transient=True)
