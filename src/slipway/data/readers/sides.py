"""A split that raw data brings along as folders: `train/ val/ test/` above the classes or above the pictures.

Other words and spellings for the sides are known too: `valid`, `Training`, `test_set`, `train2017`.
"""

import re
from collections.abc import Collection
from pathlib import Path, PurePosixPath

from slipway.core.errors import DataError
from slipway.data.readers.litter import litter, subfolders

SIDES = ("train", "val", "test")
_SPELLINGS = {
    "train": ("train", "training", "trn"),
    "val": ("val", "valid", "validation", "validate", "dev", "devel", "development", "eval", "evaluation"),
    "test": ("test", "testing", "tst", "holdout"),
}
_SIDE_OF = {spelling: side for side, spellings in _SPELLINGS.items() for spelling in spellings}
_FILLERS = frozenset({"set", "split", "data", "dataset", "images", "imgs", "pictures", "clips", "files", "seg"})


def side_of(word: str) -> str | None:
    """The side that a word means: "train", "val" or "test"; None for any other word."""
    return _SIDE_OF.get(word.strip().casefold())


def side_folders(folder: Path) -> dict[str, str]:
    """By name the folders in `folder` that are called like sides; none unless there are two different sides.

    One alone may be what a class is called: a train is a vehicle.
    """
    sides = {name: side for name in subfolders(folder) if (side := _meant(name))}
    return sides if len(set(sides.values())) > 1 else {}


def above_classes(raw: Path, classes: Collection[str]) -> dict[str, str]:
    """The sides whose folders stand above the class folders, by folder; none where the class folders come first.

    Args:
        raw: the folder.
        classes: names that are known to be classes, if any: where all those folders are among them, they are no sides.

    Raises:
        DataError: the folders are called like sides and some hold folders, yet they cannot be read as a split.
    """
    sides = side_folders(raw)
    below = {name: set(subfolders(raw / name)) for name in sides}
    if set(sides) <= set(classes) or not any(below.values()):
        return {}
    train = set().union(*(below[name] for name, side in sides.items() if side == "train"))
    beside = [name for name in subfolders(raw) if name not in sides]
    loose = [name for name in sides if not below[name] and _holds_files(raw / name)]
    strange = [f"{name}/{label}" for name in sides for label in sorted(below[name] - train)]
    _refuse(raw, sides, beside, "classes")
    if loose:
        raise _unclear(raw, sides, f"{', '.join(loose)} holds files and no class folders", "classes")
    if strange:
        raise _unclear(raw, sides, f"train has no folder for {', '.join(strange)}", "classes")
    return {name: side for name, side in sides.items() if below[name]}


def above_pictures(raw: Path, name: str = ".") -> dict[str, str | None]:
    """The folders in `raw / name`, relative to `raw`, that are sides of a split; where none are, that one (None).

    Raises:
        DataError: some folders are called like sides, and others or files stand beside them.
    """
    folder = raw / name
    sides = side_folders(folder)
    beside = [other for other in subfolders(folder) if other not in sides]
    beside += ["files"] if sides and name != "." and _holds_files(folder) else []
    _refuse(folder, sides, beside, "groups")
    return {(PurePosixPath(name) / top).as_posix(): side for top, side in sides.items()} or {name: None}


def _refuse(folder: Path, sides: dict[str, str], beside: list[str], what: str) -> None:
    if sides and beside:
        raise _unclear(folder, sides, f"{', '.join(beside)} stands beside them", what)
    if sides and "train" not in sides.values():
        raise _unclear(folder, sides, "there is no train", what)
    if linked := [name for name in sides if (folder / name).is_symlink()]:
        raise _unclear(folder, sides, f"{', '.join(linked)} is a link: copy the files here", what)


def _unclear(folder: Path, sides: dict[str, str], why: str, what: str) -> DataError:
    way_out = "list them in data.classes" if what == "classes" else "rename them"
    return DataError(
        f"{folder}: {', '.join(sides)} are called like the sides of a split, and cannot be read as one: {why}. "
        f"A split is train/, val/ and test/ with the same folders in each and nothing beside them; if these are "
        f"{what}, {way_out}"
    )


def _meant(name: str) -> str | None:
    """The side that a folder's name means: one word for it, and no others than those that say that it is data."""
    words = [word for word in re.findall(r"[^\W\d_]+", name.casefold()) if word not in _FILLERS]
    return side_of(words[0].removesuffix("set")) if len(words) == 1 else None


def _holds_files(folder: Path) -> bool:
    return any(path.is_file() and not litter(path.name) for path in folder.iterdir())
