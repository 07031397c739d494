"""Read the YAML and JSON of the repository; errors name the file, the line and what to do."""

import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import yaml

from slipway.core.errors import ConfigError, MalformedError, SlipwayError

GENERATED = ("params/", "reports/", "models/")
"""Folders in which stages write every file that is in Git."""
LOCK = "dvc.lock"
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_MARKS = ("\\", "\x7f")
"""An ASCII document without these has no character that `_UNPRINTABLE` matches."""
_BEGIN = re.compile(rb"^<{7}(?: |\r?$)", re.MULTILINE)
_END = re.compile(rb"^>{7}(?: |\r?$)", re.MULTILINE)


def generated(path: str) -> bool:
    """Whether a file in Git is written by stages, so that `slipway resolve` may resolve its conflicts."""
    return path == LOCK or path.startswith(GENERATED)


def conflicts(content: bytes) -> list[int]:
    """Return the line numbers (from 1) at which merge conflicts begin."""
    if not _END.search(content):
        return []
    return [content.count(b"\n", 0, begin.start()) + 1 for begin in _BEGIN.finditer(content)]


def parse_yaml(content: bytes, name: str, fix: str = "", error: type[SlipwayError] = ConfigError) -> Any:
    """Return the values of a YAML document.

    Args:
        content: the document.
        name: its path, for the message.
        fix: what to do if it cannot be read, for the message; for merge conflicts the message already says so.
        error: the class of the error.

    Raises:
        SlipwayError: it has conflict markers, is not YAML, or has a key twice.
    """
    check_no_conflict(content, name, error)
    try:
        return yaml.load(content.decode(), Loader=_Loader)
    except yaml.MarkedYAMLError as wrong:
        line = f":{wrong.problem_mark.line + 1}" if wrong.problem_mark else ""
        raise error(f"{name}{line}: not YAML ({wrong.problem}){_then(fix)}")
    except (yaml.YAMLError, ValueError) as wrong:  # ValueError: not UTF-8, or an invalid date
        raise error(f"{name}: not YAML ({_line(wrong)}){_then(fix)}")


def parse_json(content: bytes, name: str, fix: str = "", error: type[SlipwayError] = ConfigError) -> Any:
    """Return the values of a JSON document; see `parse_yaml`."""
    check_no_conflict(content, name, error)
    try:
        return json.loads(content)
    except ValueError as wrong:
        raise error(f"{name}: not JSON ({_line(wrong)}){_then(fix)}")


def read_yaml(path: Path, fix: str = "") -> Any:
    """Return the values of a YAML file; see `parse_yaml`.

    Raises:
        FileNotFoundError: there is no such file.
    """
    return parse_yaml(path.read_bytes(), path.as_posix(), fix)


def strict_json(content: bytes, path: str) -> dict[str, Any]:
    """Return an untrusted JSON object: no key twice, only finite numbers, no control characters.

    Raises:
        MalformedError: it is not such an object.
    """
    try:
        text = content.decode()
        values = json.loads(
            text, object_pairs_hook=_once, parse_int=_counted, parse_float=_finite, parse_constant=_refuse
        )
        if not text.isascii() or any(mark in text for mark in _MARKS):
            _printable(values)
    except (ValueError, RecursionError) as error:
        check_no_conflict(content, path, MalformedError)
        raise MalformedError(f"{path}: not JSON ({_line(error)})")
    if not isinstance(values, dict):
        raise MalformedError(f"{path}: not a JSON object")
    return values


def strict_yaml(content: bytes | None, path: str) -> dict[str, Any]:
    """Return an untrusted YAML mapping, such as the parameters in a commit.

    Raises:
        MalformedError: the document is missing (None), or is not a mapping.
    """
    if content is None:
        raise MalformedError(f"{path} is missing")
    try:
        values = parse_yaml(content, path, error=MalformedError)
    except MalformedError:
        raise
    except Exception as error:  # PyYAML passes on errors of its constructors: KeyError, TypeError, RecursionError
        raise MalformedError(f"{path}: not YAML ({_line(error)})")
    if not isinstance(values, dict):
        raise MalformedError(f"{path}: not a mapping")
    return values


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"a key is there twice: {next(name for name in names if names.count(name) > 1)[:40]!r}")
    return values


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"{digits[:40]} is too large")
    return value


def _counted(digits: str) -> int:
    if len(digits) > 19:
        raise ValueError(f"{digits[:40]} is too large")
    return int(digits)


def _printable(value: Any) -> None:
    """Raise ValueError for control characters, since the text is printed on terminals and pages."""
    match value:
        case str():
            if _UNPRINTABLE.search(value):
                raise ValueError(f"{value[:40]!r} has characters that cannot be shown")
        case dict():
            for name, one in value.items():
                _printable(name)
                _printable(one)
        case list():
            for one in value:
                _printable(one)


def check_no_conflict(content: bytes, name: str, error: type[SlipwayError] = ConfigError) -> None:
    """Raise `error` if a file has merge conflicts."""
    if found := conflicts(content):
        raise error(f"{name}:{found[0]}: {conflict(name, len(found))}")


def conflict(path: str, count: int) -> str:
    """Return the message for a file with merge conflicts."""
    found = f"a merge left {count} conflict{'s' * (count != 1)} here"
    if generated(path):
        return f"{found}; run `slipway resolve`, then `dvc repro`"
    return f"{found}; keep the right text, remove the lines <<<<<<<, ======= and >>>>>>>, and `git add` the file"


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Refuses a key that is there twice, as DVC does; PyYAML silently keeps the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> Any:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(None, None, f"{key.value} is there twice", key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def _then(fix: str) -> str:
    return f"; {fix}" if fix else ""


def _line(wrong: Exception) -> str:
    return " ".join(str(wrong).split())
