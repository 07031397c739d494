"""The names of the classes that a folder states, and which of them a variant has.

Labels in YOLO text have numbers. The names are in `data.yaml` or another YAML file with `names` (Ultralytics,
Roboflow), in `classes.txt` with a line for each class (Label Studio, labelImg), or in `notes.json` (Label Studio).
Labels in COCO's format have the names in their own file.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from slipway.core import documents
from slipway.core.errors import DataError

TEXTS = ("classes.txt", "predefined_classes.txt", "obj.names")
NOTES = "notes.json"

Names = Mapping[Any, str]
"""The name of each class by its number or id."""


def stated(folders: Iterable[Path]) -> Names | None:
    """Return the names by number that files in some folders state; None if there are no such files.

    Raises:
        DataError: a file cannot be read, or two files state different names.
    """
    found: dict[Path, Names] = {}
    for folder in folders:
        for path in sorted(path for path in folder.glob("*") if path.is_file()):
            if (names := _read(path)) is not None:
                found[path] = names
    if not found:
        return None
    (first, names), *others = found.items()
    for path, other in others:
        if other != names:
            raise DataError(
                f"{path}: its classes are {described(other)}, but {first} has {described(names)}; remove the wrong file"
            )
    return names


def positions(names: Names, classes: Sequence[str], where: str) -> dict[Any, int | None]:
    """Return for each number or id the position of its class in `classes`; None for a class that is not among them.

    A single class may have another name.

    Raises:
        DataError: a class of `classes` has no number.
    """
    if len(names) == len(classes) == 1:
        return dict.fromkeys(names, 0)
    if missing := [name for name in classes if name not in names.values()]:
        raise DataError(
            f"{where}: it has no class {', '.join(missing)}; it has {described(names)}. Correct the names of the "
            "variant's data section (classes, or name if there is only one)"
        )
    return {number: classes.index(name) if name in classes else None for number, name in names.items()}


def described(names: Names) -> str:
    """Return the classes as text."""
    return ", ".join(f"{number} ({name})" for number, name in names.items())


def _read(path: Path) -> Names | None:
    name = path.name.lower()
    if name in TEXTS:
        try:
            lines = path.read_text(encoding="utf-8-sig").splitlines()
        except UnicodeDecodeError:
            raise DataError(f"{path}: not text in UTF-8; it has the name of a class on each line")
        return _checked(path, {number: line.strip() for number, line in enumerate(lines) if line.strip()})
    named: Any = None
    if name == NOTES:
        content = documents.parse_json(path.read_bytes(), str(path), error=DataError)
        listed = content.get("categories") if isinstance(content, dict) else None
        if isinstance(listed, list) and all(isinstance(one, dict) for one in listed):
            named = {one.get("id"): one.get("name") for one in listed}
    elif path.suffix.lower() in (".yaml", ".yml"):
        content = documents.parse_yaml(path.read_bytes(), str(path), error=DataError)
        named = content.get("names") if isinstance(content, dict) else None
        named = dict(enumerate(named)) if isinstance(named, list) else named
    return _checked(path, named) if isinstance(named, dict) and named else None


def _checked(path: Path, names: Mapping[Any, Any]) -> Names:
    for number, name in names.items():
        if type(number) is not int or number < 0:
            raise DataError(f"{path}: {number!r} is not the number of a class; classes are numbered from 0")
        if isinstance(name, bool) or not isinstance(name, str | int | float) or not str(name).strip():
            raise DataError(f"{path}: class {number} is called {name!r}; write its name in quotation marks")
    return {number: str(name).strip() for number, name in names.items()}
