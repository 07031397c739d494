"""baseline.json is read strictly, since anyone who can push can write it."""

import json
from typing import Any

import pytest

from slipway.core.errors import MalformedError
from slipway.records.plain_baseline import read

GOOD: dict[str, Any] = {
    "schema": 1,
    "task": "tabular_classification",
    "metric": "average_precision",
    "value": 0.5,
    "metrics": {"average_precision": 0.5, "precision": None},
    "point": {"threshold": 0.25},
    "seconds": 3,
    "seed": 7,
}


def test_a_plain_baseline_is_read() -> None:
    found = read(json.dumps(GOOD).encode(), "baseline.json")
    assert (found.task, found.metrics["average_precision"], found.point) == (
        "tabular_classification",
        0.5,
        {"threshold": 0.25},
    )


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"schema": 2}, "schema"),
        ({"task": "../evil"}, "task"),
        ({"value": "0.5"}, "value"),
        ({"metrics": {"average_precision": "1"}}, "metrics"),
        ({"point": [1]}, "point"),
        ({"seconds": -1}, "seconds"),
        ({"seed": True}, "seed"),
        ({"gate": "pass"}, "gate"),
    ],
)
def test_another_form_is_refused_with_its_place(change: dict[str, Any], place: str) -> None:
    with pytest.raises(MalformedError, match=f"baseline.json: {place}"):
        read(json.dumps(GOOD | change).encode(), "baseline.json")


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"value": NaN}', b"<<<<<<< ours\n{}\n>>>>>>> theirs\n"])
def test_what_is_no_json_object_is_refused(content: bytes) -> None:
    with pytest.raises(MalformedError, match=r"baseline.json"):
        read(content, "baseline.json")
