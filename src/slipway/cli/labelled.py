"""`slipway score --labels`: a folder of files and a CSV file with their labels, in the layout of the model's task.

Files of one class each go into a folder for each class, and files with several labels get the CSV file as metadata.csv.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

import pandas as pd

from slipway import tasks
from slipway.cli.linking import link
from slipway.cli.suitable import Layout, Recognizes
from slipway.core.errors import ConfigError, DataError, SlipwayError
from slipway.data.readers import table_format, tables
from slipway.data.readers.litter import litter
from slipway.data.readers.metadata import LABEL, LABELS, METADATA
from slipway_edge.predictor import Predictor


@contextmanager
def labelled(predictor: Predictor, folder: Path, labels: Path | None) -> Iterator[Path]:
    """Yield a scratch folder with the files and their labels; `folder` itself if there is no file of labels.

    The errors of the block name `folder` in place of the scratch folder.

    Args:
        predictor: the model.
        folder: the files, in any folders.
        labels: a CSV file with the columns `path`, relative to `folder`, and `label` (or `labels`, if the model knows
            several); a column `group` is optional.

    Raises:
        ConfigError: the examples of the task are not files with classes.
        DataError: a file cannot be read, has no label, or is listed twice; or a path is not a file of the folder.
    """
    if labels is None:
        yield folder
        return
    kind = tasks.kind(predictor.record["task"])
    if not isinstance(kind, Recognizes):
        raise ConfigError(f"--labels: the data of {predictor.record['task']} has its labels in its own files")
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder")
    several = isinstance(kind, Layout)
    table = _labels(folder, labels, LABELS if several else LABEL)
    names = table["path"]
    if not several:
        table = table.assign(path=table[LABEL] + "/" + names)
    with TemporaryDirectory(prefix="slipway-") as scratch:
        whole = Path(scratch) / "data"
        for name, path in zip(names, table["path"], strict=True):
            link((folder / name).resolve(), whole / path)
        kept = [column for column in ("path", LABELS, "group") if column in table]
        table[kept].to_csv(whole / METADATA, index=False)
        try:
            yield whole
        except SlipwayError as error:
            error.args = (str(error).replace(str(whole), str(folder)),)
            raise


def _labels(folder: Path, labels: Path, column: str) -> pd.DataFrame:
    """The rows of the file of labels, checked: each names one file, and each file in `folder` has one."""
    try:
        written = table_format.detect([labels])
    except OSError as error:
        raise DataError(f"{labels}: cannot be read ({error.strerror or error})")
    table = tables.read_csv(labels, None, written)
    tables.require(str(labels), table, ["path", column])
    found: dict[str, None] = {}
    for row, (name, label) in enumerate(zip(table["path"], table[column], strict=True), start=1):
        path = PurePosixPath(name.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or not (folder / path).is_file():
            raise DataError(f"{labels}, row {row}: {name!r} is no file in {folder}; paths are relative to it")
        if column == LABEL and (label in ("", ".", "..") or "/" in label):
            raise DataError(f"{labels}, row {row}: {label!r} is not the name of a class")
        if path.as_posix() in found:
            raise DataError(f"{labels}, row {row}: {name!r} is listed in an earlier row")
        found[path.as_posix()] = None
    there = [path for path in folder.rglob("*") if path.is_file() and path.resolve() != labels.resolve()]
    names = sorted(path.relative_to(folder).as_posix() for path in there)
    without = [name for name in names if name not in found and not any(map(litter, PurePosixPath(name).parts))]
    if without:
        more = f" and {len(without) - 1:,} more" if len(without) > 1 else ""
        raise DataError(f"{labels}: no row for {without[0]}{more}; each file in {folder} needs a label")
    return table.assign(path=list(found))
