"""Assign examples to train, val and test: by group, by time, by fold, or by the raw data's own split.

A group (one video, recording, match, place) is never on two sides of a split. Groups are assigned greedily, the largest
first, to the side whose class counts are furthest below its target, where a rare class counts more. This stratifies
over groups in the way of iterative stratification (Sechidis, Tsoumakas and Vlahavas, "On the Stratification of
Multi-Label Data", ECML PKDD 2011), also if an example may have several classes; those of none are then balanced as one
more class. If a class has at most as many groups left as there are sides without it, these sides take precedence, so
that a class with few groups still has one on each side.
"""

from collections.abc import Sequence
from itertools import accumulate, pairwise

import numpy as np
import pandas as pd

from slipway.core.config import Split
from slipway.core.errors import DataError
from slipway.core.protocol import each_class

SIDES = ("train", "val", "test")


def assign(examples: pd.DataFrame, split: Split, *, classes: Sequence[str] | None, seed: int) -> pd.Series:
    """Return the side of each example: a Series of "train", "val" and "test" with the index of `examples`.

    Args:
        examples: an index's examples (see `slipway.core.protocol.Index`).
        split: the configuration.
        classes: the class names to balance over the sides, or None if the label is a number.
        seed: of the order in which groups of equal size are assigned.

    Raises:
        DataError: the raw data's own split or fold column is incomplete, has unknown values or divides a group; there
            is no time to split by; or a side stays empty.
    """
    if "split" in examples and split.fold is None:
        sides = _own_sides(examples, split, classes, seed)
    elif split.by == "time":
        sides = _by_time(examples, split)
    elif split.fold is not None and split.folds is not None:
        sides = _by_fold(examples, split, split.folds, split.fold, classes, seed)
    else:
        shares = [split.train, split.val, split.test]
        sides = pd.Series(np.array(SIDES)[_deal(examples, shares, classes, seed)], examples.index)
    if split.by != "time":  # a time series of one place may be on all sides
        _refuse_divided(examples["group"], sides)
    if empty := [side for side in SIDES if not (sides == side).any()]:
        groups = examples["group"].nunique()
        raise DataError(
            f"no example is left for {' and '.join(empty)}: {len(examples)} examples in {groups} groups cannot be "
            f"divided in this way; add groups (videos, sessions, places), or change split in the variant's conf/ file"
        )
    return sides.rename("split")


def _refuse_divided(groups: pd.Series, sides: pd.Series) -> None:
    """Raise DataError if a group is on several sides; only the raw data's own split or folds can cause this."""
    sides_of = sides.groupby(groups).unique()
    if len(divided := sides_of[sides_of.str.len() > 1]):
        on = " and ".join(side for side in SIDES if side in divided.iloc[0])
        raise DataError(
            f"group {divided.index[0]} is on both {on}, by the raw data's own split or fold; give all examples of a "
            "group the same one, or remove the column"
        )


def own(examples: pd.DataFrame, split: Split) -> list[str]:
    """Return sentences on how the raw data's own split is used; none if it has no split."""
    if "split" not in examples:
        return []
    counts = examples["split"].value_counts()
    has = f"the data has its own split ({', '.join(f'{side} {counts.get(side, 0):,}' for side in SIDES)})"
    if split.fold is not None:
        return [f"{has}, which is not used: split.folds divides the data again"]
    cut = [side for side in SIDES if side not in counts]
    return [f"{has}{'; ' if cut else ''}{' and '.join(cut)}{f' is cut from train, by {split.by}' if cut else ''}"]


def _own_sides(examples: pd.DataFrame, split: Split, classes: Sequence[str] | None, seed: int) -> pd.Series:
    """Return the data's own sides; if val or test is missing, cut it from train by its share."""
    sides = examples["split"]
    if wrong := sorted({str(side) for side in sides[~sides.isin(SIDES)]}):
        row = examples[~sides.isin(SIDES)].iloc[0]
        raise DataError(f"split of {row['example']} is {wrong[0]!r}; each must be train, val or test")
    sides = sides.astype(str)
    shares = {"train": split.train, "val": split.val, "test": split.test}
    cut = [side for side in SIDES if side == "train" or not (sides == side).any()]
    train = examples[sides == "train"]
    whole = sum(shares[side] for side in cut)
    if len(cut) > 1 and len(train) and split.by == "time":
        sides[train.index] = _cut(_time(train), cut, [shares[side] / whole for side in cut])
    elif len(cut) > 1 and len(train):
        dealt = _deal(train, [shares[side] / whole for side in cut], classes, seed)
        sides[train.index] = np.array(cut)[dealt]
    if split.by == "time":
        _check_order(_time(examples), sides)
    return sides


def _check_order(time: pd.Series, sides: pd.Series) -> None:
    """Refuse sides that are not one after the other in time."""
    first, last = (time.groupby(sides).agg(end).to_dict() for end in ("min", "max"))
    for before, after in pairwise([side for side in SIDES if side in first]):
        if first[after] <= last[before]:
            raise DataError(
                f"split.by is time, and {after} begins at {first[after]}, but {before} ends at {last[before]}: "
                "test examples must be later than all others"
            )


def _time(examples: pd.DataFrame) -> pd.Series:
    if "time" not in examples:
        raise DataError("split.by is time, and the examples have no time; use by: group, or set the time column")
    return examples["time"]


def _cut(time: pd.Series, sides: Sequence[str], shares: Sequence[float]) -> np.ndarray:
    """Return the side of each time [n]: the oldest are the first side, and each side has its share."""
    ordered = time.sort_values(ignore_index=True)
    found = np.full(len(time), sides[0], dtype=object)
    for side, before in zip(sides[1:], accumulate(shares), strict=False):
        found[(time >= ordered.iloc[min(round(before * len(ordered)), len(ordered) - 1)]).to_numpy()] = side
    return found


def _by_time(examples: pd.DataFrame, split: Split) -> pd.Series:
    time = _time(examples)
    if split.val_from is not None and split.test_from is not None:
        val_from, test_from = pd.Timestamp(split.val_from), pd.Timestamp(split.test_from)
        sides = np.where(time >= test_from, "test", np.where(time >= val_from, "val", "train"))
    else:
        sides = _cut(time, SIDES, [split.train, split.val, split.test])
    return pd.Series(sides, examples.index)


def _by_fold(
    examples: pd.DataFrame, split: Split, folds: int, fold: int, classes: Sequence[str] | None, seed: int
) -> pd.Series:
    if "fold" in examples:
        fold_of = examples["fold"].to_numpy()
        if missing := sorted(set(range(1, folds + 1)) - set(fold_of.tolist())):
            raise DataError(f"the raw data's own folds have no {missing[0]}, only {sorted(set(fold_of.tolist()))}")
    else:
        fold_of = _deal(examples, [1 / folds] * folds, classes, seed) + 1
    sides = pd.Series("test", examples.index)
    rest = examples[fold_of != fold]
    val = split.val / (split.train + split.val)
    sides[rest.index] = np.array(SIDES)[_deal(rest, [1 - val, val], classes, seed)]
    return sides


def _class_counts(examples: pd.DataFrame, groups: np.ndarray, number: int, classes: Sequence[str] | None) -> np.ndarray:
    """Return how many examples of each class a group has [number, classes], with a column for those of none, if any."""
    if classes is None:
        return np.bincount(groups, minlength=number).astype(np.float64)[:, None]
    of = each_class(examples)
    rows = examples.index.get_indexer(of.index)
    counts = np.zeros((number, len(classes)))
    np.add.at(counts, (groups[rows], pd.Categorical(of, categories=list(classes)).codes.astype(int)), 1)
    none = np.bincount(np.delete(groups, rows), minlength=number).astype(np.float64)
    return np.column_stack([counts, none]) if none.any() else counts


def _deal(examples: pd.DataFrame, shares: Sequence[float], classes: Sequence[str] | None, seed: int) -> np.ndarray:
    """Assign each group to one of the shares; return the number of the share of each example [n]."""
    groups, names = pd.factorize(examples["group"], sort=True)
    counts = _class_counts(examples, groups, len(names), classes)
    totals = np.maximum(counts.sum(axis=0), 1)
    missing = np.outer(shares, totals)
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(-counts[order].sum(axis=1), kind="stable")]
    dealt = np.empty(len(names), int)
    scale = missing.copy()
    lacking, left = np.ones(missing.shape, bool), (counts > 0).sum(axis=0)
    for group in order:
        held = counts[group] > 0
        scarce = held & (left <= lacking.sum(axis=0))
        rescued = lacking[:, scarce].sum(axis=1)
        need = (missing / scale) @ (counts[group] / totals)
        dealt[group] = np.argmax(np.where(rescued == rescued.max(), need, -np.inf))
        missing[dealt[group]] -= counts[group]
        lacking[dealt[group], held] = False
        left -= held
    return dealt[groups]
