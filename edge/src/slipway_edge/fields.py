"""Check a section of a release record: the fields that the code reads, and the kind of each.

A kind is a type or a union of types (a boolean is not a number), a mapping for a nested section, a list for as many
values of the kinds in it, or the only value that is allowed. `Optional` marks a field that older records lack.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Any

from slipway_edge.errors import ModelError

NUMBER = int | float


@dataclass(frozen=True)
class Optional:
    """The kind of a field that may be absent."""

    kind: Any


def check(values: Any, kind: Any, name: str) -> None:
    """Check that values are of a kind; further fields are allowed and ignored.

    Args:
        values: the values from the record, in JSON types.
        kind: the required kind.
        name: the name of the values in the record, for the message.

    Raises:
        ModelError: a field is missing or has another kind; the message says which one.
    """
    match kind:
        case Mapping():
            if not isinstance(values, Mapping):
                raise ModelError(f"{name} is {_short(values)}, not a section")
            for field, of in kind.items():
                if field not in values and isinstance(of, Optional):
                    continue
                if field not in values:
                    raise ModelError(f"{name} has no {field}")
                check(values[field], of, f"{name}.{field}")
        case Optional():
            check(values, kind.kind, name)
        case list():
            if not isinstance(values, list) or len(values) != len(kind):
                raise ModelError(f"{name} is {_short(values)}, not a list of {len(kind)} values")
            for position, (value, of) in enumerate(zip(values, kind, strict=True)):
                check(value, of, f"{name}[{position}]")
        case type() | UnionType():
            if not isinstance(values, kind) or (isinstance(values, bool) and kind is not bool):
                wanted = kind.__name__ if isinstance(kind, type) else str(kind)
                raise ModelError(f"{name} is {_short(values)}, not of type {wanted}")
        case _:
            if values != kind:
                raise ModelError(f"{name} is {_short(values)}, not {kind}")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}..."
