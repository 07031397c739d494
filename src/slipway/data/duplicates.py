"""Copies among the examples: exact copies have equal inputs, near copies have close perceptual hashes.

Copies are found in the encoded inputs, so the same picture in two file formats can be an exact copy. Examples are
counted, not their inputs (the windows of a sound). The search is brute force by blocks, with bounded memory: 35,000
hashes against 15,000 take half a billion popcounts, a second or two.
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


class Fingerprints:
    """The digests and hashes of the examples of one side, collected batch by batch.

    `examples`: one row per example, with `example`, `label`, `group`, `digest` (of its inputs) and `answer` (a digest
    of its target). `hashes`: [n] uint64, one per input. `positions`: [n] the position of the input's example.
    """

    def __init__(self) -> None:
        self._rows: list[pd.DataFrame] = []
        self._hashes: list[np.ndarray] = []
        self._positions: list[np.ndarray] = []

    def add(self, examples: pd.DataFrame, batch: Encoded) -> None:
        """Add a batch that was encoded from `examples`; skip it if it has no hashes."""
        if batch.hashes is None or not len(batch.rows):
            return
        starts = np.flatnonzero(np.diff(batch.rows, prepend=-1))
        ends = [*starts[1:], len(batch.rows)]
        self._positions.append(np.repeat(np.arange(len(starts)), np.diff([*starts, len(batch.rows)])) + len(self))
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
        """The hash of each input, [n] uint64."""
        return np.concatenate(self._hashes)

    @property
    def positions(self) -> np.ndarray:
        """The position of each input's example, [n]."""
        return np.concatenate(self._positions)


def report(prints: Mapping[str, Fingerprints], distance: int) -> dict[str, Any]:
    """Report exact copies, near copies across the split and label conflicts; examples are listed as `side: example`.

    `exact`: the sets of examples with equal inputs: the number of `sets`, the `examples` in them, and how many sets are
    `across` the split. `near`: the examples with a near copy on another side, at a distance of `bits`, and no exact
    copy there. `conflicts`: the exact sets whose labels differ.

    Args:
        prints: the fingerprints by side.
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


def merged_groups(prints: Fingerprints, distance: int) -> pd.Series:
    """Merge the groups that share copies or near copies; return each example's new group, by example.

    A merged group has the first of its groups' names in sorted order.

    Args:
        prints: the fingerprints of all examples.
        distance: the largest number of differing bits of near copies.
    """
    examples = prints.examples
    groups, names = pd.factorize(examples["group"], sort=True)
    hashes, hash_of = np.unique(prints.hashes, return_inverse=True)
    edges = [np.stack([groups[prints.positions], len(names) + hash_of])]
    edges += [len(names) + pairs for pairs in _close(hashes, distance)]
    one, other = np.concatenate(edges, axis=1)
    size = len(names) + len(hashes)
    _, component = connected_components(coo_array((np.ones(len(one), bool), (one, other)), shape=(size, size)))
    first = pd.Series(names).groupby(component[: len(names)]).first()
    return pd.Series(first[component[groups]].to_numpy(), examples["example"], dtype="str")


def across(hashes: Mapping[str, np.ndarray], distance: int) -> list[tuple[str, int, str, int, int]]:
    """Return pairs of near copies on different sides.

    Args:
        hashes: by side, [n] uint64.
        distance: the largest number of differing bits.

    Returns:
        (side, position, other side, position there, differing bits); for each hash of the other side, the closest only.
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


def _near(prints: Mapping[str, Fingerprints], distance: int, exact: set[str]) -> Iterator[dict[str, Any]]:
    """Yield the closest pair of each example with a near copy on an earlier side; leave out those in `exact`."""
    names = {side: part.examples["example"].to_numpy() for side, part in prints.items()}
    position_of = {side: part.positions for side, part in prints.items()}
    closest: dict[str, tuple[int, str]] = {}
    for one, i, other, j, bits in across({side: part.hashes for side, part in prints.items()}, distance):
        here, there = (f"{side}: {names[side][position_of[side][at]]}" for side, at in ((other, j), (one, i)))
        if here not in exact and there not in exact:
            closest[here] = min(closest.get(here, (bits, there)), (bits, there))
    for here, (bits, there) in closest.items():
        yield {"examples": [there, here], "bits": bits}


def _close(hashes: np.ndarray, distance: int) -> Iterator[np.ndarray]:
    """Yield the positions [2, n] of pairs of close hashes."""
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
