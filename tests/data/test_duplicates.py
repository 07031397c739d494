"""Near-duplicates by the Hamming distance of their hashes."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from slipway.data.duplicates import across

HASHES = st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=20)


@given(HASHES, HASHES, st.integers(0, 8))
def test_every_example_with_a_near_one_on_another_side_is_found_with_its_nearest(
    train: list[int], test: list[int], distance: int
) -> None:
    train += [test[0] ^ 0b101]
    sides = {"train": np.array(train, np.uint64), "test": np.array(test, np.uint64)}
    found = {pair[3]: (pair[1], pair[4]) for pair in across(sides, distance)}
    for position, one in enumerate(test):
        bits = [(one ^ other).bit_count() for other in train]
        if min(bits) <= distance:
            nearest, least = found[position]
            assert bits[nearest] == least == min(bits)
        else:
            assert position not in found


def test_one_side_alone_has_none() -> None:
    assert across({"train": np.zeros(5, np.uint64)}, 2) == []
