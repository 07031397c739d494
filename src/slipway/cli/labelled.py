"""Files in any folders and a table of their labels, `--labels`: both as one folder in the layout of their task.

Files of one class each go into a folder for each class, and files with several labels get the table as metadata.csv.
A metadata.csv that states the classes of files whose folders do not is such a table too.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pandas as pd

from slipway import tasks
from slipway.cli.linking import link
from slipway.cli.suitable import Layout, Recognizes
from slipway.core.errors import ConfigError, DataError, SlipwayError
from slipway.data.readers import metadata, table_format, tables
from slipway.data.readers.litter import litter, subfolders
from slipway.data.readers.metadata import LABEL, LABELS, METADATA
from slipway.data.readers.sides import side_folders

PATH = "path"
OTHERS = ("group", "split", "fold")
"""The columns that are kept besides the path and the label."""


class Labelled(NamedTuple):
    """The folder in the layout of the task, and sentences on how the table was read."""

    folder: Path
    notes: tuple[str, ...] = ()


@contextmanager
def labelled(
    folder: Path,
    labels: Path | None,
    *,
    task: str | None = None,
    target: str | None = None,
    raw: Path | None = None,
) -> Iterator[Labelled]:
    """Yield a scratch folder with the files and their labels; `folder` itself if there is no table of labels.

    The errors of the block name `folder` in place of the scratch folder.

    Args:
        folder: the files, in any folders.
        labels: a CSV or TSV file with a row for each file. The column `path`, or the only one whose values all are
            names of files, names them relative to `folder`, with or without suffix. The column `label` (`labels` if a
            file may have several), or the only other one, has the class. Columns `group`, `split` and `fold` are
            optional.
        task: the task; None if it is to be found, and a file then has several labels if the column is `labels`.
        target: the name of the column with the class.
        raw: the folder in data/raw of a new variant, next to which the scratch folder is made; None for any place.

    Raises:
        ConfigError: the examples of the task are not files with classes; or the data is in `raw`, which stays as it is.
        DataError: a file cannot be read, has no label, or is listed twice; a row names no file; or the columns are not
            clear.
    """
    kind = None if task is None else tasks.kind(task)
    several = None if kind is None else isinstance(kind, Layout)
    suits = kind is None or isinstance(kind, Recognizes)
    if labels is None and suits and not several:
        labels = _stated(folder)
    if labels is None:
        yield Labelled(folder)
        return
    if not suits:
        raise ConfigError(f"--labels: the data of {task} has its labels in its own files")
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder")
    if raw is not None and folder.resolve().is_relative_to(raw.resolve()):
        raise ConfigError(
            f"the data is in {raw} already, and {labels} has its labels: move the folder elsewhere, and give it as "
            f"--data, from which it is copied to {raw} in the layout of its task"
        )
    table, notes = _table(folder, labels, several, target)
    to = table["path"] if LABELS in table else table[LABEL] + "/" + table["path"]
    if raw is not None:
        raw.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".slipway-", dir=None if raw is None else raw.parent) as scratch:
        whole = Path(scratch) / folder.resolve().name
        for name, path in zip(table["path"], to, strict=True):
            link((folder / name).resolve(), whole / path)
        kept = [column for column in ("path", LABELS, *OTHERS) if column in table]
        table.assign(path=to)[kept].to_csv(whole / METADATA, index=False)
        try:
            yield Labelled(whole, tuple(notes))
        except SlipwayError as error:
            error.args = (str(error).replace(str(whole), str(folder)),)
            raise


def _stated(folder: Path) -> Path | None:
    """Return the metadata.csv of a folder, if it has a column `label` and no folder is called like a label."""
    path = folder / METADATA
    if not path.is_file():
        return None
    try:
        rows = metadata.read(path).rows
    except DataError:  # the reader of the task says what is wrong with it
        return None
    parents = [folder, *(folder / side for side in side_folders(folder))]
    folders = {name for parent in parents for name in subfolders(parent)}
    return path if LABEL in rows and not folders & set(rows[LABEL]) and (rows[LABEL] != "").all() else None


def _table(folder: Path, labels: Path, several: bool | None, target: str | None) -> tuple[pd.DataFrame, list[str]]:
    """The rows of the table: each names one file, and each file in `folder` has one; and notes on its columns."""
    try:
        table = tables.read_csv(labels, None, table_format.detect([labels]))
    except OSError as error:
        raise DataError(f"{labels}: cannot be read ({error.strerror or error})")
    there = [path for path in folder.rglob("*") if path.is_file() and path.resolve() != labels.resolve()]
    names = sorted(path.relative_to(folder).as_posix() for path in there)
    names = [name for name in names if not any(map(litter, PurePosixPath(name).parts))]
    by, files = _files(labels, folder, table, names)
    label = _label_column(labels, table, by, several, target)
    table = table.assign(**{label: table[label].str.strip()})
    several = label == LABELS if several is None else several
    found: dict[str, None] = {}
    for row, (given, name, value) in enumerate(zip(table[by], files, table[label], strict=True), start=1):
        if name is None:
            raise DataError(f"{labels}, row {row}: {given!r} is no file in {folder}; paths are relative to it")
        if not several and (value == "" or litter(value) or "/" in value):
            raise DataError(f"{labels}, row {row}: {value!r} is not the name of a class")
        if name in found:
            raise DataError(f"{labels}, row {row}: {given!r} is listed in an earlier row")
        found[name] = None
    if without := [name for name in names if name not in found]:
        more = f" and {len(without) - 1:,} more" if len(without) > 1 else ""
        raise DataError(f"{labels}: no row for {without[0]}{more}; each file in {folder} needs a label")
    kept = {name: table[name] for name in OTHERS if name in table}
    tops = [name.partition("/")[0] for name in found]
    if "split" not in kept and (sides := side_folders(folder)) and sides.keys() >= set(tops):
        kept["split"] = pd.Series([sides[top] for top in tops], table.index)
    unread = [name for name in map(str, table) if name not in (by, label, *OTHERS)]
    notes = [f"{labels}: {by} names the files, and {label} has {'their labels' if several else 'the class of each'}"]
    notes += [f"{labels}: columns that are not read: {', '.join(unread)}"] if unread else []
    return pd.DataFrame({"path": list(found), LABELS if several else LABEL: table[label], **kept}), notes


def _files(labels: Path, folder: Path, table: pd.DataFrame, names: Collection[str]) -> tuple[str, Sequence[str | None]]:
    """Return the column that names the files, and the file of each row [n], None where there is no such file."""
    known: dict[str, str | None] = {}
    for name in names:  # without its suffix, if only one file has this name
        bare = str(PurePosixPath(name).with_suffix(""))
        known[bare] = None if bare in known else name
    known |= {name: name for name in names}

    def of(column: str) -> list[str | None]:
        return [known.get(PurePosixPath(value.replace("\\", "/")).as_posix()) for value in table[column]]

    if PATH in table:
        tables.require(str(labels), table, [PATH])
        return PATH, of(PATH)
    columns = {name: of(name) for name in map(str, table)}
    whole = [name for name, files in columns.items() if None not in files]
    if len(whole) == 1:
        return whole[0], columns[whole[0]]
    most = max(columns, key=lambda name: sum(file is not None for file in columns[name]), default=None)
    if most is not None and not whole and any(columns[most]):
        return most, columns[most]
    which = (
        f"several columns name files in {folder} ({', '.join(whole)})"
        if whole
        else f"no column names files in {folder}"
    )
    raise DataError(f"{labels}: {which}; call the one that does {PATH}. It has {', '.join(map(str, table))}")


def _label_column(labels: Path, table: pd.DataFrame, by: str, several: bool | None, target: str | None) -> str:
    """Return the column with the labels."""
    usual = [name for name, of_several in ((LABELS, True), (LABEL, False)) if several in (None, of_several)]
    others = [name for name in map(str, table) if name not in (by, *OTHERS)]
    for chosen in [target] if target is not None else [name for name in usual if name in table]:
        tables.require(str(labels), table, [chosen])
        return chosen
    if len(others) == 1:
        return others[0]
    raise DataError(
        f"{labels}: no column {' or '.join(usual)}, and not one other column; call the one with the classes so. It has "
        f"{', '.join(map(str, table))}"
    )
