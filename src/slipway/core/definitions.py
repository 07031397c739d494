"""A file that a person writes, such as experiments/ID.yaml: checked against its form, all mistakes told at once."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from slipway.core import documents
from slipway.core.errors import ConfigError, MalformedError

Form = TypeVar("Form", bound=BaseModel)
NAME = re.compile("[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def check_name(name: str, what: str) -> None:
    """Check the name of a definition, which is that of its file, and may be a part of tags and URLs.

    Args:
        name: the name.
        what: what it names, for the message, such as `an experiment`.

    Raises:
        ConfigError: it is not of the right form.
    """
    if not NAME.fullmatch(name):
        raise ConfigError(f"{name!r} cannot name {what}: use up to 63 lower-case letters, digits and -")


class MistakesError(ValueError):
    """What is wrong with a definition as a whole, for its validator: each with the keys that lead to its line."""

    def __init__(self, found: Sequence[tuple[tuple[str, ...], str]]) -> None:
        super().__init__("; ".join(text for _, text in found))
        self.found = tuple(found)


def parse(content: bytes, path: str, form: type[Form]) -> Form:
    """Return what a YAML file defines.

    Args:
        content: the file.
        path: its path, for messages.
        form: the form of the definition.

    Raises:
        ConfigError: it has mistakes: all of them, each with its line.
    """
    try:
        values = documents.strict_yaml(content, path)
    except MalformedError as error:
        raise ConfigError(str(error))
    try:
        return form.model_validate(values)
    except ValidationError as error:
        root = yaml.compose(content.decode(), yaml.SafeLoader)
        told = [one for found in error.errors() for one in _told(found)]
        raise ConfigError("\n".join(f"{path}:{_line(root, place)}: {text}" for place, text in told))


def _told(error: Mapping[str, Any]) -> Sequence[tuple[Sequence[int | str], str]]:
    """The places and texts of an error: several of a definition as a whole."""
    cause = error.get("ctx", {}).get("error")
    if isinstance(cause, MistakesError):
        return cause.found
    place, text = ".".join(map(str, error["loc"])), str(error["msg"]).removeprefix("Value error, ")
    return [(error["loc"], f"{place}: {text}" if place else text)]


def _line(root: Any, place: Sequence[int | str]) -> int:
    """The line of a key, or of the last of its parents that is there."""
    node, line = root, 1
    for key in place:
        found = node.value if isinstance(node, yaml.MappingNode) else ()
        pair = next(((k, v) for k, v in found if k.value == str(key)), None)
        if pair is None:
            break
        line, node = pair[0].start_mark.line + 1, pair[1]
    return line
