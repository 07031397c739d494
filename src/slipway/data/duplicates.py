"""Copies among the examples: exact ones, whose inputs are the same, and near ones, whose perceptual hashes are close.

Copies are told by what a model sees, so a file and its like in another format can be exact copies. They are counted in
examples, however many inputs (the windows of a sound) one has. Brute force by blocks: 35,000 hashes against 15,000 are
half a billion popcounts, a second or two, with bounded memory.
"""

import hashlib
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from slipway.core.protocol import Encoded

BLOCK = 256


class Prints:
    """What the examples of one side look like, gathered batch by batch.

    `examples`: a row an example, with `example`, `label`, `group`, `digest` (of its inputs) and `answer` (a digest of
    its target). `hashes`: [n] uint64, one an input; `of`: [n] the position of its example.
    """

    def __init__(self) -> None:
        self._rows: list[pd.DataFrame] = []
        self._hashes: list[np.ndarray] = []
        self._of: list[np.ndarray] = []

    def add(self, examples: pd.DataFrame, batch: Encoded) -> None:
        """Add a batch, encoded from `examples`; nothing where it has no hashes."""
        if batch.hashes is None or not len(batch.rows):
            return
        starts = np.flatnonzero(np.diff(batch.rows, prepend=-1))
        ends = [*starts[1:], len(batch.rows)]
        self._of.append(np.repeat(np.arange(len(starts)), np.diff([*starts, len(batch.rows)])) + len(self))
        self._hashes.append(batch.hashes)
        rows = examples.iloc[batch.rows[starts]][["example", "label", "group"]]
        digests = [_digest(batch.inputs[one:end]) for one, end in zip(starts, ends, strict=True)]
        answers = [_digest(batch.targets[one : one + 1]) for one in starts]
        self._rows.append(rows.assign(digest=digests, answer=answers))

    def __len__(self) -> int:
        return sum(map(len, self._rows))

    @property
    def examples(self) -> pd.DataFrame:
        """The rows, by position."""
        return pd.concat(self._rows, ignore_index=True)

    @property
    def hashes(self) -> np.ndarray:
        """All hashes."""
        return np.concatenate(self._hashes)

    @property
    def of(self) -> np.ndarray:
        """The position of each hash's example."""
        return np.concatenate(self._of)


def report(prints: Mapping[str, Prints], distance: int) -> dict[str, Any]:
    """Exact copies, near copies across the split and label conflicts, all listed as `side: example`.

    `exact`: sets of examples with the same input; `sets`, `examples` in them, and how many sets are `across` the split.
    `near`: examples that have a copy on another side that is close, by `bits`, and no exact one there. `conflicts`: the
    exact sets whose labels differ.

    Args:
        prints: by side.
        distance: the largest number of differing bits of near copies.
    """
    prints = {side: part for side, part in prints.items() if len(part)}
    if not prints:
        return _listed([], [], [])
    examples = pd.concat([part.examples.assign(side=side) for side, part in prints.items()], ignore_index=True)
    examples["name"] = examples["side"] + ": " + examples["example"]
    sets = [one for _, one in examples.groupby("digest", sort=False) if len(one) > 1]
    across_split = {name for one in sets if one["side"].nunique() > 1 for name in one["name"]}
    return _listed(
        sets, list(_near(prints, distance, across_split)), [one for one in sets if one["answer"].nunique() > 1]
    )


def together(prints: Prints, distance: int) -> pd.Series:
    """The group of each example when copies and near copies are of one group, by example; the first name by order.

    Args:
        prints: all examples.
        distance: the largest number of differing bits of near copies.
    """
    examples = prints.examples
    groups, names = pd.factorize(examples["group"], sort=True)
    hashes, hash_of = np.unique(prints.hashes, return_inverse=True)
    edges = [np.stack([groups[prints.of], len(names) + hash_of])]
    edges += [len(names) + pairs for pairs in _close(hashes, distance)]
    one, other = np.concatenate(edges, axis=1)
    size = len(names) + len(hashes)
    _, component = connected_components(coo_array((np.ones(len(one), bool), (one, other)), shape=(size, size)))
    first = pd.Series(names).groupby(component[: len(names)]).first()
    return pd.Series(first[component[groups]].to_numpy(), examples["example"], dtype="str")


def across(hashes: Mapping[str, np.ndarray], distance: int) -> list[tuple[str, int, str, int, int]]:
    """Pairs of near-duplicates on different sides.

    Args:
        hashes: by side, [n] uint64.
        distance: the largest number of differing bits.

    Returns:
        (side, position, other side, position there, differing bits), the first match of each example only.
    """
    pairs = []
    for one, other in combinations(hashes, 2):
        for start in range(0, len(hashes[other]), BLOCK):
            block = hashes[other][start : start + BLOCK]
            bits = np.bitwise_count(block[:, None] ^ hashes[one][None, :])
            nearest = bits.argmin(axis=1)
            least = bits[np.arange(len(block)), nearest]
            pairs += [
                (one, int(nearest[row]), other, int(start + row), int(least[row]))
                for row in np.flatnonzero(least <= distance)
            ]
    return pairs


def _near(prints: Mapping[str, Prints], distance: int, exact: set[str]) -> Iterator[dict[str, Any]]:
    """The closest pair of each example that has a near copy on a side before its own, and is not in `exact`."""
    names = {side: part.examples["example"].to_numpy() for side, part in prints.items()}
    of = {side: part.of for side, part in prints.items()}
    closest: dict[str, tuple[int, str]] = {}
    for one, i, other, j, bits in across({side: part.hashes for side, part in prints.items()}, distance):
        here, there = (f"{side}: {names[side][of[side][at]]}" for side, at in ((other, j), (one, i)))
        if here not in exact and there not in exact:
            closest[here] = min(closest.get(here, (bits, there)), (bits, there))
    for here, (bits, there) in closest.items():
        yield {"examples": [there, here], "bits": bits}


def _close(hashes: np.ndarray, distance: int) -> Iterator[np.ndarray]:
    """Pairs of positions [2, n] of different hashes that are close."""
    for start in range(0, len(hashes), BLOCK):
        bits = np.bitwise_count(hashes[start : start + BLOCK, None] ^ hashes[None, start:])
        one, other = np.nonzero(bits <= distance)
        yield np.stack([one + start, other + start])


def _listed(sets: list[pd.DataFrame], near: list[dict[str, Any]], conflicts: list[pd.DataFrame]) -> dict[str, Any]:
    return {
        "exact": {
            "sets": len(sets),
            "examples": sum(map(len, sets)),
            "across": sum(one["side"].nunique() > 1 for one in sets),
            "listed": [one["name"].tolist() for one in sets],
        },
        "near": {"examples": len(near), "listed": near},
        "conflicts": {
            "sets": len(conflicts),
            "examples": sum(map(len, conflicts)),
            "listed": [
                {name: str(label) for name, label in zip(one["name"], one["label"], strict=True)} for one in conflicts
            ],
        },
    }


def _digest(values: np.ndarray) -> str:
    return hashlib.blake2b(np.ascontiguousarray(values).tobytes(), digest_size=16).hexdigest()
