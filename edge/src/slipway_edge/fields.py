"""What a section of a release record must hold: the fields that are read of it, and of what kind each is.

A kind is a type or a union of types (true and false are no numbers), a mapping for a section within the section, a
list for as many values, or a value that must be that one.
"""

from collections.abc import Mapping
from types import UnionType
from typing import Any

from slipway_edge.errors import ModelError

NUMBER = int | float


def check(values: Any, kind: Any, name: str) -> None:
    """Refuse values that are not of a kind; fields that no kind is asked of may be there, and are not looked at.

    Args:
        values: what the record says, in JSON values.
        kind: what it must be.
        name: what the record calls it.

    Raises:
        ModelError: a field is missing, or is not of its kind; the message says which.
    """
    match kind:
        case Mapping():
            if not isinstance(values, Mapping):
                raise ModelError(f"{name} is {_short(values)}, and not a section")
            for field, of in kind.items():
                if field not in values:
                    raise ModelError(f"{name} has no {field}")
                check(values[field], of, f"{name}.{field}")
        case list():
            if not isinstance(values, list) or len(values) != len(kind):
                raise ModelError(f"{name} is {_short(values)}, and not {len(kind)} values")
            for position, (value, of) in enumerate(zip(values, kind, strict=True)):
                check(value, of, f"{name}[{position}]")
        case type() | UnionType():
            if not isinstance(values, kind) or (isinstance(values, bool) and kind is not bool):
                said = kind.__name__ if isinstance(kind, type) else str(kind)
                raise ModelError(f"{name} is {_short(values)}, and not of the kind {said}")
        case _:
            if values != kind:
                raise ModelError(f"{name} is {_short(values)}, and not {kind}")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}..."
