"""Add, rename and remove the lines of a variant in params.yaml, dvc.yaml and dvc.lock; all other text stays as it is.

A section is a mapping at the top of the file, with a block of lines for each name. After every change the document is
read again, and the change is refused if anything else in it is different.
"""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import yaml

from slipway.core.config import TOP
from slipway.core.errors import ConfigError

GRAPH, LOCK = Path("dvc.yaml"), Path("dvc.lock")


def add(text: str, path: Path, section: str, name: str, entry: str) -> str:
    """Return the text with one more line, `name: entry`, in a section.

    The line goes after the previous name in the alphabet, so that the lines of two branches rarely conflict.

    Raises:
        ConfigError: the section is not a mapping with a line for each name.
    """
    node = _section(text, section)
    line = f"  {name}: {entry}\n"
    if isinstance(node, yaml.MappingNode) and node.value and not node.flow_style:
        lines = text.splitlines(keepends=True)
        names = {key.value: value for key, value in node.value}
        before = max((other for other in names if other < name), default=None)
        at = node.value[0][0].start_mark.line if before is None else _last_line(names[before]) + 1
        lines[at - 1] = lines[at - 1].rstrip("\n") + "\n"
        out = "".join([*lines[:at], line, *lines[at:]])
    elif isinstance(node, yaml.MappingNode) and not node.value and text[: node.end_mark.index].endswith("{}"):
        out = (
            f"{text[: node.end_mark.index - 2].rstrip(' ')}\n{line}{text[node.end_mark.index :].removeprefix(chr(10))}"
        )
    else:
        raise ConfigError(f"{path}: {section} must be a mapping with a line per variant")
    value = yaml.safe_load(entry)
    _check(text, out, path, section, lambda was: {**was, name: value}, f"add by hand: {line.strip()}")
    return out


def remove(text: str, path: Path, section: str, names: Collection[str]) -> str:
    """Return the text without the lines of `names` in a section; names that it does not have are passed over.

    Raises:
        ConfigError: they cannot be removed without changing something else.
    """
    node = _section(text, section)
    if not isinstance(node, yaml.MappingNode) or not (ours := [pair for pair in node.value if pair[0].value in names]):
        return text
    lines = text.splitlines(keepends=True)
    gone = {line for key, value in ours for line in range(key.start_mark.line, _last_line(value) + 1)}
    if len(ours) == len(node.value):
        above = ours[0][0].start_mark.line - 1
        lines[above] = f"{lines[above].rstrip()} {{}}\n"
    out = "".join(line for number, line in enumerate(lines) if number not in gone)
    _check(text, out, path, section, lambda was: {key: was[key] for key in was if key not in names}, "do it by hand")
    return out


def rename(text: str, path: Path, section: str, old: str, new: str) -> str:
    """Return the text with another name for a variant in a section: as a key, as `from`, and in the path of its model.

    Raises:
        ConfigError: the name cannot be changed without changing something else.
    """
    node = _section(text, section)
    if not isinstance(node, yaml.MappingNode):
        return text
    places = {key.start_mark.index: (key.end_mark.index, new) for key, _ in node.value if key.value == old}
    for _, entry in node.value:
        for key, value in entry.value if isinstance(entry, yaml.MappingNode) else ():
            changed = _renamed(key.value, value.value, old, new)
            if changed != value.value:
                places[value.start_mark.index] = value.end_mark.index, changed
    out = text
    for start in sorted(places, reverse=True):
        end, name = places[start]
        out = out[:start] + name + out[end:]

    def change(was: Any) -> Any:
        return {
            new if name == old else name: {key: _renamed(key, one, old, new) for key, one in entry.items()}
            if isinstance(entry, dict)
            else entry
            for name, entry in was.items()
        }

    _check(text, out, path, section, change, f"rename {old} by hand")
    return out


def _renamed(key: str, value: Any, old: str, new: str) -> Any:
    """The value of a key of an entry, with the new name if it refers to the variant."""
    if key == "from":
        return new if value == old else value
    if key == "path" and isinstance(value, str) and value.startswith(f"models/{old}/"):
        return f"models/{new}/{value.removeprefix(f'models/{old}/')}"
    return value


def _section(text: str, section: str) -> Any:
    root = yaml.compose(text, Loader=yaml.CSafeLoader)
    return next((value for key, value in root.value if key.value == section), None) if root else None


def _last_line(node: yaml.Node) -> int:
    """Return the line (from 0) on which a node ends; a block's own end mark comes after the comments that follow it."""
    if isinstance(node, yaml.MappingNode | yaml.SequenceNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _last_line(last[1] if isinstance(node, yaml.MappingNode) else last)
    return int(node.end_mark.line)


def _check(text: str, out: str, path: Path, section: str, change: Callable[[Any], Any], remedy: str) -> None:
    """Refuse a text in which anything but the section (and in params.yaml `all`, which includes it) has changed."""
    was = yaml.load(text, Loader=yaml.CSafeLoader)
    try:
        now = yaml.load(out, Loader=yaml.CSafeLoader)
    except yaml.YAMLError:  # another line refers to one that is gone
        now = None
    before = was[section] or {}
    expected = {**was, section: change(before)}
    if path == TOP and section in ("variants", "transfers"):
        expected["all"] = {key: one for key, one in was["all"].items() if key not in before} | expected[section]
    if now != expected:
        raise ConfigError(f"{path}: {section} cannot be changed alone; {remedy}")
