"""The keypoints of a body: their names, which of them swap in a mirrored picture, and how exactly people place them."""

import re
from collections.abc import Sequence

from slipway.metrics.keypoints import SIGMAS

Pair = tuple[str, str]
_SIDES = {"left": "left", "l": "left", "right": "right", "r": "right"}
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[^\W\d_]+|\d+")


def pairs(names: Sequence[str]) -> list[Pair]:
    """Return the pairs of names that differ only in left and right: `left_knee`, `Left knee`, `l knee`, `LKnee`."""
    found: dict[tuple[str, ...], dict[str, list[str]]] = {}
    for name in names:
        if (read := _side(name)) is not None:
            side, rest = read
            found.setdefault(rest, {"left": [], "right": []})[side].append(name)
    both = [(one["left"][0], one["right"][0]) for one in found.values() if len(one["left"]) == len(one["right"]) == 1]
    return sorted(both, key=lambda pair: min(map(list(names).index, pair)))


def mirrored(names: Sequence[str], flips: Sequence[Pair]) -> list[int]:
    """Return for each name the position of the one that it becomes in a mirrored picture; its own if not in a pair."""
    other = {name: swapped for one, two in flips for name, swapped in ((one, two), (two, one))}
    return [list(names).index(other.get(name, name)) for name in names]


def sigmas(names: Sequence[str], given: Sequence[float] | None) -> list[float] | None:
    """Return the sigma of each name: `given`, or COCO's if all names are COCO's; None if they are not known."""
    if given is not None:
        return list(given)
    return [SIGMAS[name] for name in names] if set(names) <= SIGMAS.keys() else None


def described(names: Sequence[str], flips: Sequence[Pair], known: bool) -> list[str]:
    """Return sentences on a skeleton; `known` is whether it has sigmas."""
    title = "COCO's 17 keypoints" if list(names) == list(SIGMAS) else f"{len(names)} keypoints: {', '.join(names)}"
    swapped = ", ".join(f"{one} and {other}" for one, other in flips) or "none"
    sentences = [f"the skeleton has {title}; these swap in a mirrored picture: {swapped}"]
    if not known:
        sentences.append("no sigmas are known for these keypoints: they are scored by PCK and mean error, without mAP")
    paired = {name for pair in flips for name in pair}
    if alone := [name for name in names if name not in paired and _side(name) is not None]:
        sentences.append(
            f"{', '.join(alone)}: left or right without a partner; list the pair in data.flips, or turn mirroring off: "
            "train: {augmentation: {horizontal_flip: 0}}"
        )
    return sentences


def _side(name: str) -> tuple[str, tuple[str, ...]] | None:
    """The side that a name states, left or right, and its other words; None if it states none, or several."""
    words = [word.casefold() for word in _WORD.findall(name)]
    sides = [_SIDES[word] for word in words if word in _SIDES]
    return (sides[0], tuple("" if word in _SIDES else word for word in words)) if len(sides) == 1 else None
