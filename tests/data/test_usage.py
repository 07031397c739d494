import ast
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hostile
from slipway.data.usage import Code, dictionary, literal, shortest

VALUES = st.one_of(st.none(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text())


@given(st.dictionaries(st.text(), VALUES))
def test_a_dictionary_is_python_with_a_line_for_each_value(values: dict[str, Any]) -> None:
    written = dictionary(values)
    assert ast.literal_eval(written) == values
    assert len(written.splitlines()) == len(values) + 2


def test_a_hostile_text_stays_on_its_line() -> None:
    (line,) = literal(hostile.TEXT).splitlines()
    assert line.isprintable()
    assert ast.literal_eval(line) == hostile.TEXT


def test_code_is_written_unchanged() -> None:
    assert (
        dictionary({"a": Code("x + 1"), "b": 'say "b"'}, 4)
        == '{\n        "a": x + 1,\n        "b": \'say "b"\',\n    }'
    )


@pytest.mark.parametrize(("value", "number"), [(0.1, 0.1), (7, 7), (-0.0, 0), (1e30, 1e30), (np.nan, None)])
def test_the_shortest_number_is_the_same_float32(value: float, number: float | None) -> None:
    assert shortest(np.float32(value)) == number
    assert type(shortest(np.float32(7))) is int
