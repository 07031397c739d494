"""What `slipway new` finds in data before it writes anything: bad examples, the classes, the split, and copies."""

import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from slipway.core.config import Split
from slipway.core.errors import DataError
from slipway.core.protocol import Index, each_class
from slipway.data import splits
from slipway.data.readers import copies

SHOWN = 5
"""The number of bad examples that an error lists."""


def check_problems(folder: Path, index: Index, quarantine: float, noun: str) -> None:
    """Check that the share of bad examples is allowed, and that there are others.

    Args:
        folder: where they are.
        index: what was read.
        quarantine: the largest share of bad examples.
        noun: the word for the examples, in the plural.

    Raises:
        DataError: it is not, or there are none.
    """
    found = len(index.examples) + len(index.problems)
    if len(index.problems) > quarantine * found:
        listed = [f"  {problem.where}: {problem.kind} ({problem.detail})" for problem in index.problems[:SHOWN]]
        rest = len(index.problems) - len(listed)
        listed += [f"  and {rest:,} more"] if rest else []
        raise DataError(
            f"{folder}: {len(index.problems):,} of {found:,} {noun} cannot be used; fix or remove them, or quarantine "
            f"them with --quarantine {math.ceil(1000 * len(index.problems) / found) / 1000:g}\n" + "\n".join(listed)
        )
    if index.examples.empty:
        raise DataError(f"{folder}: no examples")


def classes(examples: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Return the numbers of examples and groups by class; empty if the label is a number."""
    of = each_class(examples)
    if pd.api.types.is_numeric_dtype(of):
        return {}
    found: dict[str, dict[str, int]] = {}
    for name, groups in examples["group"].reindex(of.index).groupby(of.to_numpy()):
        found[str(name)] = {"examples": len(groups), "groups": groups.nunique()}
    return found


def check_split(folder: Path, examples: pd.DataFrame, classes: Sequence[str], split: Split, seed: int) -> pd.Series:
    """Return the side of each example [n].

    Raises:
        DataError: they cannot be divided, or a class is missing from a side, which the prepare stage refuses.
    """
    sides = splits.assign(examples, split, classes=classes or None, seed=seed)
    own = set(examples["split"]) if "split" in examples else set()
    of = each_class(examples)
    for side in splits.SIDES:
        here = set(of[sides.reindex(of.index) == side])
        if missing := [name for name in classes if name not in here]:
            if side in own:
                raise DataError(
                    f"{folder}: {side} has no example of {', '.join(missing)}, by the data's own split; add some, or "
                    "leave the class out"
                )
            groups = examples.loc[of.index[of == missing[0]], "group"].nunique()
            raise DataError(
                f"{folder}: {side} would have no example of {', '.join(missing)}: each class needs at least three "
                f"groups (single examples, unless --group or metadata.csv groups them) that can be split independently "
                f"of the other classes, and {missing[0]} has {groups}; add some, or leave the class out"
            )
    return sides


def identical(folder: Path, examples: pd.DataFrame) -> list[str]:
    """Return a note on files with equal bytes; the prepare stage also finds copies by what the model sees."""
    sets = [one for _, one in examples.groupby(copies.digests(folder, examples))]
    if not sets:
        return []
    across, conflicts = (sum(one[column].nunique() > 1 for one in sets) for column in ("side", "label"))
    remedy = "; --group-copies keeps copies on one side" if across else ""
    return [
        f"{len(sets):,} sets of exact copies ({sum(map(len, sets)):,} files), {across:,} of them across the split, "
        f"{conflicts:,} of them in several classes{remedy}"
    ]
