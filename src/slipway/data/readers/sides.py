"""The raw data's own split, as folders: `train/ val/ test/` above the classes, the pictures or the tables.

Other names of the sides are recognized too: `valid`, `Training`, `test_set`, `train2017`.
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
    """Return the side that a word names: "train", "val" or "test"; None for any other word."""
    return _SIDE_OF.get(word.strip().casefold())


def side_folders(folder: Path) -> dict[str, str]:
    """Return the folders in `folder` that are named like sides, by name; none unless there are two different sides.

    A single one may be a class: a train is a vehicle.
    """
    sides = {name: side for name in subfolders(folder) if (side := side_of_folder(name))}
    return sides if len(set(sides.values())) > 1 else {}


def above_classes(raw: Path, classes: Collection[str]) -> dict[str, str]:
    """Return the sides of the folders above the class folders, by folder; none if class folders are at the top.

    Args:
        raw: the folder.
        classes: known class names, if any. If all folders that are named like sides are classes, they are not sides.

    Raises:
        DataError: folders are named like sides and some hold folders, but they cannot be read as a split.
    """
    sides = side_folders(raw)
    below = {name: set(subfolders(raw / name)) for name in sides}
    if set(sides) <= set(classes) or not any(below.values()):
        return {}
    train = set().union(*(below[name] for name, side in sides.items() if side == "train"))
    others = [name for name in subfolders(raw) if name not in sides]
    loose = [name for name in sides if not below[name] and _holds_files(raw / name)]
    strange = [f"{name}/{label}" for name in sides for label in sorted(below[name] - train)]
    _refuse(raw, sides, others, "classes")
    if loose:
        raise _ambiguous(raw, sides, f"{', '.join(loose)} holds files and no class folders", "classes")
    if strange:
        raise _ambiguous(raw, sides, f"train has no folder for {', '.join(strange)}", "classes")
    return {name: side for name, side in sides.items() if below[name]}


def picture_folders(raw: Path, name: str) -> dict[str, str | None]:
    """Return the folders of pictures, as paths relative to `raw`, with their sides; if there are none, {name: None}.

    The sides are folders in `name` (`images/train`), or there is one such folder in each side (`train/images`).

    Raises:
        DataError: some folders are named like sides, and there are other folders or files next to them.
    """
    if (raw / name).is_dir():
        return above_pictures(raw, name)
    sides = above_pictures(raw) if raw.is_dir() and side_folders(raw) else {}
    return {f"{top}/{name}": side for top, side in sides.items()} or {name: None}


def above_pictures(raw: Path, name: str = ".") -> dict[str, str | None]:
    """Return the side folders in `raw / name`, as paths relative to `raw`, with their sides; if none, {name: None}.

    Raises:
        DataError: some folders are named like sides, and there are other folders or files next to them.
    """
    folder = raw / name
    sides = side_folders(folder)
    _refuse(folder, sides, _others(folder, sides, name != "."), "groups")
    return {(PurePosixPath(name) / top).as_posix(): side for top, side in sides.items()} or {name: None}


def above_tables(raw: Path) -> dict[str, str | None]:
    """Return the side folders in `raw`, as paths relative to `raw`, with their sides; if there are none, {".": None}.

    Raises:
        DataError: some folders are named like sides, and there are other folders or files next to them.
    """
    sides = side_folders(raw) if raw.is_dir() else {}
    _refuse(raw, sides, _others(raw, sides, True), "not")
    return dict(sides) or {".": None}


def _others(folder: Path, sides: Collection[str], files: bool) -> list[str]:
    """The other folders next to folders that are named like sides, and, if they are asked for, files."""
    others = [other for other in subfolders(folder) if other not in sides] if sides else []
    return others + (["files"] if sides and files and _holds_files(folder) else [])


def _refuse(folder: Path, sides: dict[str, str], others: list[str], what: str) -> None:
    if sides and others:
        raise _ambiguous(folder, sides, f"{', '.join(others)} is next to them", what)
    if sides and "train" not in sides.values():
        raise _ambiguous(folder, sides, "there is no train", what)
    if linked := [name for name in sides if (folder / name).is_symlink()]:
        raise _ambiguous(folder, sides, f"{', '.join(linked)} is a link: copy the files here", what)


def _ambiguous(folder: Path, sides: dict[str, str], why: str, what: str) -> DataError:
    fix = "list them in data.classes" if what == "classes" else "rename them"
    return DataError(
        f"{folder}: {', '.join(sides)} are named like the sides of a split, but cannot be read as one: {why}. "
        f"A split is train/, val/ and test/ with the same folders in each and nothing next to them; if these are "
        f"{what}, {fix}"
    )


def side_of_folder(name: str) -> str | None:
    """Return the side that a folder's name means: one word for a side, and otherwise only words such as "data"."""
    words = [word for word in re.findall(r"[^\W\d_]+", name.casefold()) if word not in _FILLERS]
    return side_of(words[0].removesuffix("set")) if len(words) == 1 else None


def _holds_files(folder: Path) -> bool:
    return any(path.is_file() and not litter(path.name) for path in folder.iterdir())
