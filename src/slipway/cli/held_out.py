"""A test set that is given apart from the data, `slipway new --test`: both as one folder, as a split of the data's own.

The data becomes the folder `train` and the test set the folder `test`, or `test` is added to the folders that the data
is divided into. All tasks that know folders of a split read them (`slipway.data.readers.sides`); val is then cut from
train, unless the data has it.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from slipway.cli.linking import link
from slipway.cli.variants import RAW
from slipway.core.errors import ConfigError, DataError, SlipwayError
from slipway.data.readers.litter import litter
from slipway.data.readers.sides import side_folders


@contextmanager
def joined(variant: str, data: Path, test: Path | None) -> Iterator[Path]:
    """Yield the folder with the data and the test set, in a scratch folder; `data` itself if there is no test set.

    The errors of the block name `data` and `test` in place of the scratch folder.

    Args:
        variant: the name of the new variant.
        data: a folder of examples, or a table.
        test: the same for the test split.

    Raises:
        ConfigError: the data is in data/raw already, where nothing is changed; or it has a test split.
        DataError: there is no such file or folder, or one is in the other.
    """
    if test is None:
        yield data
        return
    for path in (data, test):
        if not path.exists():
            raise DataError(f"{path}: no such file or folder")
    raw = RAW / variant
    if data.resolve().is_relative_to(raw.resolve()):
        raise ConfigError(
            f"--test: the data is in {raw} already; put the test set into {raw}/test and the other data into "
            f"{raw}/train, and leave out --test"
        )
    for inner, outer in ((data, test), (test, data), (raw, data), (raw, test)):
        if inner.resolve().is_relative_to(outer.resolve()):
            raise DataError(f"{inner} is in {outer}, or is the same: --data, --test and data/raw must be apart")
    sides = side_folders(data) if data.is_dir() else {}
    if own := [name for name, side in sides.items() if side == "test"]:
        raise ConfigError(
            f"--test: {data} has a test split of its own, {own[0]}; leave out --test, or rename that folder"
        )
    RAW.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=RAW, prefix=".") as scratch:
        whole = Path(scratch) / variant
        train = whole if sides else whole / "train"
        _link(data, train)
        _link(test, whole / "test")
        try:
            yield whole
        except SlipwayError as error:
            said = str(error)
            for path, name in ((whole / "test", test), (train, data), (whole, data)):
                said = said.replace(str(path), str(name))
            error.args = (said,)
            raise


def _link(source: Path, folder: Path) -> None:
    """Put the files of a folder, or a table, into a new folder, as hard links where the file system allows them."""
    folder.mkdir(parents=True, exist_ok=True)
    if source.is_file():
        link(source, folder / source.name)
        return
    for parent, folders, names in os.walk(source):
        folders[:] = [name for name in folders if not litter(name)]
        to = folder / Path(parent).relative_to(source)
        to.mkdir(exist_ok=True)
        for name in [*folders, *names]:
            path = Path(parent, name)
            if path.is_file():
                link(path.resolve(), to / name)
            elif path.is_symlink():
                (to / name).symlink_to(path.resolve())  # a link to a folder or to nothing, which the task reports
