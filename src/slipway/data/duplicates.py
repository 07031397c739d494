"""Near-duplicate examples on two sides of a split, found by the Hamming distance of perceptual hashes.

Brute force by blocks: 35,000 hashes against 15,000 are half a billion popcounts, a second or two, with bounded memory.
"""

from collections.abc import Mapping
from itertools import combinations

import numpy as np

BLOCK = 256


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
