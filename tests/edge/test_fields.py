"""The check of the fields of a release record."""

from typing import Any

import pytest

from slipway_edge.errors import ModelError
from slipway_edge.fields import NUMBER, check

KIND = {"input": {"shape": [int, int, 3]}, "threshold": NUMBER, "country": str | None}
GOOD: dict[str, Any] = {"input": {"shape": [8, 9, 3]}, "threshold": 1, "country": None, "more": 1}


def test_fields_of_their_kind_pass_whatever_else_is_there() -> None:
    check(GOOD, KIND, "spec")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"threshold": "high"}, "spec.threshold is 'high', not of type"),
        ({"threshold": True}, "spec.threshold is True"),
        ({"input": {}}, "spec.input has no shape"),
        ({"input": 7}, "spec.input is 7, not a section"),
        ({"input": {"shape": [8, 9]}}, "spec.input.shape is .*, not a list of 3 values"),
        ({"input": {"shape": [8, 9, 1]}}, r"spec.input.shape\[2\] is 1, not 3"),
        ({"country": 1}, "spec.country is 1"),
    ],
)
def test_a_field_of_another_kind_is_refused_by_name(change: dict[str, Any], why: str) -> None:
    with pytest.raises(ModelError, match=why):
        check(GOOD | change, KIND, "spec")
