"""Exact and near copies, by the digests and the Hamming distance of hashes."""

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from slipway.core.protocol import Encoded
from slipway.data.duplicates import Fingerprints, across, merged_groups, report

COLUMNS = ["example", "label", "group"]
HASHES = st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=20)


@given(HASHES, HASHES, st.integers(0, 8))
def test_every_near_copy_on_another_side_is_found_with_the_nearest_example(
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


def test_a_single_side_has_no_pairs() -> None:
    assert across({"train": np.zeros(5, np.uint64)}, 2) == []


def prints(*files: tuple[str, str, list[int]], group: str | None = None) -> Fingerprints:
    """Fingerprints of files with a name, a label and content; each byte is a window and also its hash."""
    examples = pd.DataFrame([(name, label, group or name) for name, label, _ in files], columns=COLUMNS, dtype="str")
    windows = np.array([byte for *_, content in files for byte in content], np.uint8)
    rows = np.repeat(np.arange(len(files)), [len(content) for *_, content in files])
    targets = np.array([label == "ad" for _, label, _ in files])[rows]
    gathered = Fingerprints()
    gathered.add(examples, Encoded(rows, windows[:, None], targets, windows.astype(np.uint64)))
    return gathered


def test_copies_are_counted_in_files_not_windows_and_conflicts_within_a_side_are_found() -> None:
    """Each byte is its own hash: 1 and 255 differ from 0 in one bit and in eight."""
    sides = {
        "train": prints(("a", "ad", [15, 240, 85]), ("b", "no", [15, 240, 85]), ("c", "ad", [170, 51])),
        "val": prints(("d", "ad", [15, 240, 85]), ("e", "no", [170 ^ 1, 51 ^ 1])),
        "test": prints(("f", "ad", [0, 102])),
    }
    found = report(sides, 1)
    assert found["exact"] == {"sets": 1, "examples": 3, "across": 1, "listed": [["train: a", "train: b", "val: d"]]}
    assert found["conflicts"]["listed"] == [{"train: a": "ad", "train: b": "no", "val: d": "ad"}]
    assert found["near"] == {"examples": 1, "listed": [{"examples": ["train: c", "val: e"], "bits": 1}]}
    assert report({}, 2)["exact"]["sets"] == report({"train": Fingerprints()}, 2)["near"]["examples"] == 0


@settings(max_examples=30)
@given(st.lists(st.lists(st.integers(0, 255), min_size=1, max_size=3), min_size=1, max_size=12), st.integers(0, 3))
def test_files_are_in_one_group_exactly_if_a_chain_of_near_windows_connects_them(
    contents: list[list[int]], distance: int
) -> None:
    names = [f"{number:02}" for number in range(len(contents))]
    of = merged_groups(
        prints(*((name, "ad", content) for name, content in zip(names, contents, strict=True))), distance
    )
    group = {name: {name} for name in names}
    for one, here in zip(names, contents, strict=True):
        for other, there in zip(names, contents, strict=True):
            if any((a ^ b).bit_count() <= distance for a in here for b in there):
                merged = group[one] | group[other]
                group |= dict.fromkeys(merged, merged)
    assert {name: of[name] for name in names} == {name: min(group[name]) for name in names}
