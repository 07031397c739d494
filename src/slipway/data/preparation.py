"""From a raw folder to packed splits and a report of all that was found, in one pass and with bounded memory.

Nothing is dropped in silence: every bad example is listed in the report, and either set aside (up to the configured
share) or the whole is refused.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.progress import Progress

from slipway.core import atomic
from slipway.core.config import Checks, Split
from slipway.core.errors import DataError
from slipway.core.protocol import Index, Problem, Task
from slipway.core.spec import Spec
from slipway.core.terminal import Console
from slipway.data import duplicates, splits
from slipway.data.duplicates import Prints
from slipway.data.shards import PackedSplit, ShardWriter

MANY = 0.01
"""The share of examples with one kind of fault from which their absence is warned of."""
MOSTLY_MISSING = 0.5
"""The share of missing values from which a column is warned of."""


@dataclass(frozen=True)
class _Packed:
    """What one side of the split came to: rows of the index that were packed, what they look like, the bad ones.

    `missing`: [features] how often each is NaN in the inputs, None where inputs are no rows of features.
    """

    examples: pd.DataFrame
    prints: Prints
    problems: list[Problem]
    missing: np.ndarray | None


def prepare(task: Task, raw: Path, out: Path, report: Path, split: Split, checks: Checks, seed: int) -> None:
    """Pack the raw folder into `out` (train, val, test, calibration, spec.json) and write the report.

    Raises:
        DataError: the data cannot be used; what was found is in the message and, by example, in the report.
    """
    index = _index(task, raw, report)
    found = Found(len(index.examples) + len(index.problems), 0, index.problems, index.notes)
    examples = _limited(index.examples, checks.max_examples, split, seed)
    found.left_out = len(index.examples) - len(examples)
    found.notes = [*found.notes, *splits.own(examples, split)]
    spec_classes = _classes(examples)
    try:
        if split.group_copies:
            examples, note = group_copies(task, raw, examples, checks.duplicate_distance)
            found.notes = [*found.notes, note]
        sides = splits.assign(examples, split, classes=spec_classes, seed=seed)
    except DataError as error:
        found.problems = [*index.problems, Problem(str(raw), "cannot be split", str(error))]
        found.write(report)
        raise
    with atomic.folder(out) as folder:
        atomic.write_json(folder / "spec.json", task.specify(raw, examples[sides == "train"]))
        spec: Spec = json.loads((folder / "spec.json").read_text())  # the one that all who come later will read
        packed = {side: _pack(task, raw, folder / side, side, examples[sides == side], spec) for side in splits.SIDES}
        found.problems = index.problems + [problem for part in packed.values() for problem in part.problems]
        found.splits = _statistics(packed, spec)
        found.copies = duplicates.report({side: one.prints for side, one in packed.items()}, checks.duplicate_distance)
        set_aside = _set_aside(found.problems, found.found - found.left_out)
        found.warnings = index.warnings + set_aside + _warnings(found.splits, spec, checks, found.copies)
        found.write(report)
        _refuse(raw, report, found.found - found.left_out, found.problems, packed, spec, checks)
        calibration = _calibrate(folder, split.calibration, seed)
        found.splits["calibration"] = _counts(calibration, spec)
        found.write(report)


def group_copies(task: Task, raw: Path, examples: pd.DataFrame, distance: int) -> tuple[pd.DataFrame, str]:
    """The examples with copies and near copies in one group, and a sentence on what that came to.

    Raises:
        DataError: the task does not tell copies.
    """
    prints = Prints()
    spec: Spec = json.loads(json.dumps(task.specify(raw, examples)))
    with _progress("looking for copies", len(examples)) as advance:
        for batch in task.encode(raw, examples, spec):
            if batch.hashes is None:
                raise DataError("split.group_copies: this task does not tell copies; take it out")
            prints.add(examples, batch)
            advance(len(set(batch.rows.tolist())) + len(batch.problems))
    if not len(prints):
        return examples, "no example could be looked at for copies"
    of = duplicates.together(prints, distance)
    group = examples["example"].map(of).where(lambda found: found.notna(), examples["group"])
    before, after = examples["group"].nunique(), group.nunique()
    note = f"copies and near copies are of one group: {before:,} groups came to {after:,}"
    return examples.assign(group=group.astype(examples["group"].dtype)), note


def _index(task: Task, raw: Path, report: Path) -> Index:
    """The index of the raw folder; where it cannot be used, the report says why."""
    try:
        index = task.index(raw)
    except DataError as error:
        Found(0, 0, [Problem(str(raw), "cannot be used", str(error))], []).write(report)
        raise
    if index.examples.empty:
        Found(len(index.problems), 0, index.problems, index.notes).write(report)
        raise DataError(f"{raw}: no usable example{_first(index.problems)}; see {report}")
    return index


def _classes(examples: pd.DataFrame) -> list[str] | None:
    label = examples["label"]
    return None if pd.api.types.is_numeric_dtype(label) else sorted(label.unique())


def _limited(examples: pd.DataFrame, most: int | None, split: Split, seed: int) -> pd.DataFrame:
    """At most `most` examples: the latest of a time series, else a sample that keeps the classes' shares."""
    if most is None or len(examples) <= most:
        return examples
    if split.by == "time":
        return examples.sort_values("time", kind="stable").tail(most).sort_index().reset_index(drop=True)
    rank = pd.Series(np.random.default_rng(seed).permutation(len(examples)), examples.index)
    within = rank.groupby(examples["label"]).rank() / examples.groupby("label")["label"].transform("size")
    return examples.loc[within.sort_values(kind="stable").index[:most]].sort_index().reset_index(drop=True)


def _pack(task: Task, raw: Path, folder: Path, side: str, examples: pd.DataFrame, spec: Spec) -> _Packed:
    """Encode one side into shards."""
    writer = ShardWriter(folder)
    rows, problems, prints = [], [], Prints()
    missing = np.zeros(len(spec["input"]["names"]), np.int64) if "names" in spec["input"] else None
    with _progress(f"packing {side}", len(examples)) as advance:
        for batch in task.encode(raw, examples, spec):
            writer.append(batch.inputs, batch.targets)
            rows.append(batch.rows)
            problems += batch.problems
            if missing is not None:
                missing += np.isnan(batch.inputs).sum(axis=0)
            prints.add(examples, batch)
            advance(len(set(batch.rows.tolist())) + len(batch.problems))
    kept = examples.iloc[np.concatenate(rows)] if rows else examples.iloc[:0]
    writer.close(kept)
    return _Packed(kept, prints, problems, missing)


@contextmanager
def _progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, and what moves it on by so many examples."""
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as progress:
        bar = progress.add_task(what, total=total)
        yield lambda count: progress.update(bar, advance=count)


def _counts(examples: pd.DataFrame, spec: Spec) -> dict[str, Any]:
    """Total, groups, and by class the number, or for a number as target its distribution."""
    examples = examples.drop_duplicates("example")
    counts: dict[str, Any] = {"total": len(examples), "groups": int(examples["group"].nunique())}
    if "classes" in spec:
        by_class = examples["label"].value_counts()
        counts["classes"] = {name: int(by_class.get(name, 0)) for name in spec["classes"]}
    elif pd.api.types.is_numeric_dtype(examples["label"]):
        described = examples["label"].describe()
        counts["target"] = {key: round(float(described[key]), 6) for key in ("mean", "std", "min", "50%", "max")}
    if "time" in examples and len(examples):
        counts["from"], counts["to"] = (str(examples["time"].agg(end)) for end in ("min", "max"))
    return counts


def _statistics(packed: dict[str, _Packed], spec: Spec) -> dict[str, Any]:
    """By side its counts, and by feature the share of missing values where there are some."""
    statistics = {side: _counts(part.examples, spec) for side, part in packed.items() if len(part.examples)}
    for side, counts in statistics.items():
        missing = packed[side].missing
        if missing is not None and missing.any():
            shares = dict(zip(spec["input"]["names"], missing / len(packed[side].examples), strict=True))
            counts["missing"] = {name: round(float(share), 6) for name, share in shares.items() if share}
    return statistics


def _set_aside(problems: list[Problem], looked_at: int) -> list[str]:
    """The kinds of bad example that are so many that what is left may be unlike the whole."""
    counts = Counter(problem.kind for problem in problems)
    return [
        f"{count:,} of {looked_at:,} examples ({count / looked_at:.1%}) were set aside ({kind}): those left may be "
        "unlike the whole"
        for kind, count in counts.items()
        if count >= MANY * looked_at
    ]


def _warnings(statistics: dict[str, Any], spec: Spec, checks: Checks, copies: dict[str, Any]) -> list[str]:
    warnings = []
    total = sum(side["total"] for side in statistics.values())
    if len(spec.get("classes", ())) == 2:
        for side in ("train", "val", "test"):
            classes = statistics.get(side, {}).get("classes", {})
            share = classes.get(spec["classes"][0], 0) / max(sum(classes.values()), 1)
            if classes and not checks.balance[0] <= share <= checks.balance[1]:
                low, high = (f"{bound:.0%}" for bound in checks.balance)
                warnings.append(f"{side}: {spec['classes'][0]} is {share:.1%} of the examples, outside {low} to {high}")
    empty = [
        f"{name} {share:.0%}"
        for name, share in statistics.get("train", {}).get("missing", {}).items()
        if share >= MOSTLY_MISSING
    ]
    if empty:
        warnings.append(f"train: mostly missing: {', '.join(empty)}")
    for side in ("val", "test"):
        absent = statistics.get(side, {}).get("missing", {})
        if new := sorted(set(absent) - set(statistics.get("train", {}).get("missing", {}))):
            told = ", ".join(f"{name} {absent[name]:.2%}" for name in new)
            warnings.append(f"{side}: missing there and never in train, so that no model learns what it means: {told}")
    recommended = checks.recommended
    if total < recommended.least:
        warnings.append(
            f"{total:,} examples; at least {recommended.least:,} are recommended, "
            f"{recommended.advised:,} advised, {recommended.best:,} are best"
        )
    return warnings + _copied(copies)


def _copied(copies: dict[str, Any]) -> list[str]:
    """Warnings of copies: of those that make scores too good, and of those that contradict one another."""
    warnings = []
    exact, near, conflicts = copies["exact"], copies["near"], copies["conflicts"]
    remedy = "scores on them flatter the model; split.group_copies (slipway new --group-copies) keeps them together"
    if exact["sets"]:
        within = f"{exact['sets']:,} sets of exact copies ({exact['examples']:,} examples)"
        stand = (
            f"{exact['across']:,} of them across the split: {remedy}" if exact["across"] else "none across the split"
        )
        warnings.append(f"{within}, {stand}")
    if near["examples"]:
        count = near["examples"]
        warnings.append(f"{count:,} example{'s' * (count != 1)} with near copies across the split: {remedy}")
    if conflicts["sets"]:
        warnings.append(
            f"{conflicts['sets']:,} label conflicts: sets of exact copies ({conflicts['examples']:,} examples) with "
            "different labels; keep one of each, with the right label"
        )
    return warnings


@dataclass
class Found:
    """What is told of a raw folder in dataset.json: see docs/guide.md."""

    found: int
    left_out: int
    problems: list[Problem]
    notes: list[str]
    splits: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    copies: dict[str, Any] = field(default_factory=lambda: duplicates.report({}, 0))

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        kinds = dict(Counter(problem.kind for problem in self.problems))
        listed = [asdict(problem) for problem in self.problems]
        atomic.write_json(path, {**vars(self), "problems": {"total": len(listed), "kinds": kinds, "examples": listed}})


def _refuse(
    raw: Path,
    report: Path,
    looked_at: int,
    problems: list[Problem],
    packed: dict[str, _Packed],
    spec: Spec,
    checks: Checks,
) -> None:
    """End here when too much is bad, or a side lacks a class."""
    if len(problems) > checks.quarantine * looked_at:
        raise DataError(
            f"{raw}: {len(problems)} of {looked_at} examples are bad, {len(problems) / looked_at:.2%}, and "
            f"checks.quarantine allows {checks.quarantine:.2%}{_first(problems)}; all are listed in {report}"
        )
    for side, part in packed.items():
        if part.examples.empty:
            raise DataError(f"{raw}: {side} has no usable example; see {report}")
        missing = [name for name in spec.get("classes", ()) if name not in set(part.examples["label"])]
        if missing:
            raise DataError(
                f"{raw}: {side} has no example of {', '.join(missing)}: add groups (videos, sessions) that show "
                f"{'it' if len(missing) == 1 else 'them'}, or change split in the variant's conf/; see {report}"
            )


def _first(problems: list[Problem]) -> str:
    """The first bad example, to show what kind of thing is wrong."""
    return f"; the first: {problems[0].where}: {problems[0].detail}" if problems else ""


def _calibrate(folder: Path, size: int, seed: int) -> pd.DataFrame:
    """Pack a sample of train for the calibration of INT8; its examples."""
    train = PackedSplit(folder / "train")
    chosen = np.random.default_rng(seed).choice(len(train), min(size, len(train)), replace=False)
    chosen.sort()
    writer = ShardWriter(folder / "calibration")
    writer.append(train.gather(chosen), train.targets[chosen])
    examples = train.examples.iloc[chosen]
    writer.close(examples)
    return examples
