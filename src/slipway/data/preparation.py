"""Turn a raw folder into packed splits and a report, in one pass and with bounded memory.

Nothing is dropped silently: the report lists every bad example. Bad examples are set aside up to the configured share;
with more of them, the data is refused.
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
from slipway.core.protocol import Index, Problem, Task, each_class
from slipway.core.spec import Spec
from slipway.core.terminal import Console
from slipway.data import duplicates, splits
from slipway.data.duplicates import Fingerprints
from slipway.data.shards import PackedSplit, ShardWriter

MANY = 0.01
"""If at least this share of the examples is set aside for one kind of fault, there is a warning."""
MOSTLY_MISSING = 0.5
"""If at least this share of a column is missing, there is a warning."""


@dataclass(frozen=True)
class _Packed:
    """One packed side of the split: the packed rows of the index, their fingerprints, and the bad examples.

    `missing`: [features] how often each feature is NaN in the inputs; None if inputs are not rows of features.
    """

    examples: pd.DataFrame
    prints: Fingerprints
    problems: list[Problem]
    missing: np.ndarray | None


def prepare(task: Task, raw: Path, out: Path, report: Path, split: Split, checks: Checks, seed: int) -> None:
    """Pack the raw folder into `out` (train, val, test, calibration, spec.json) and write the report.

    Raises:
        DataError: the data cannot be used; the message says why, and the report lists the bad examples.
    """
    index = _index(task, raw, report)
    findings = Findings(len(index.examples) + len(index.problems), 0, index.problems, index.notes)
    examples = _limited(index.examples, checks.max_examples, split, seed)
    findings.left_out = len(index.examples) - len(examples)
    findings.notes = [*findings.notes, *splits.own(examples, split)]
    spec_classes = _classes(examples)
    try:
        if split.group_copies:
            examples, note = group_copies(task, raw, examples, checks.duplicate_distance)
            findings.notes = [*findings.notes, note]
        sides = splits.assign(examples, split, classes=spec_classes, seed=seed)
    except DataError as error:
        findings.problems = [*index.problems, Problem(str(raw), "cannot be split", str(error))]
        findings.write(report)
        raise
    with atomic.folder(out) as folder:
        atomic.write_json(folder / "spec.json", task.specify(raw, examples[sides == "train"]))
        spec: Spec = json.loads((folder / "spec.json").read_text())  # as later stages will read it
        packed = {side: _pack(task, raw, folder / side, side, examples[sides == side], spec) for side in splits.SIDES}
        findings.problems = index.problems + [problem for part in packed.values() for problem in part.problems]
        findings.splits = _statistics(packed, spec)
        findings.copies = duplicates.report(
            {side: one.prints for side, one in packed.items()}, checks.duplicate_distance
        )
        set_aside = _set_aside(findings.problems, findings.found - findings.left_out)
        findings.warnings = index.warnings + set_aside + _warnings(findings.splits, spec, checks, findings.copies)
        findings.write(report)
        _refuse(raw, report, findings.found - findings.left_out, findings.problems, packed, spec, checks)
        calibration = _calibrate(folder, split.calibration, seed)
        findings.splits["calibration"] = _counts(calibration, spec)
        findings.write(report)


def group_copies(task: Task, raw: Path, examples: pd.DataFrame, distance: int) -> tuple[pd.DataFrame, str]:
    """Put copies and near copies into one group; return the examples and a sentence on the result.

    Raises:
        DataError: the task cannot detect copies.
    """
    prints = Fingerprints()
    spec: Spec = json.loads(json.dumps(task.specify(raw, examples)))
    with _progress("looking for copies", len(examples)) as advance:
        for batch in task.encode(raw, examples, spec):
            if batch.hashes is None:
                raise DataError("split.group_copies: this task cannot detect copies; remove the setting")
            prints.add(examples, batch)
            advance(len(set(batch.rows.tolist())) + len(batch.problems))
    if not len(prints):
        return examples, "no example could be checked for copies"
    merged = duplicates.merged_groups(prints, distance)
    group = examples["example"].map(merged).where(lambda found: found.notna(), examples["group"])
    before, after = examples["group"].nunique(), group.nunique()
    note = f"copies and near copies are put into one group: {before:,} groups become {after:,}"
    return examples.assign(group=group.astype(examples["group"].dtype)), note


def _index(task: Task, raw: Path, report: Path) -> Index:
    """Return the index of the raw folder; if it cannot be used, write the reason into the report."""
    try:
        index = task.index(raw)
    except DataError as error:
        Findings(0, 0, [Problem(str(raw), "cannot be used", str(error))], []).write(report)
        raise
    if index.examples.empty:
        Findings(len(index.problems), 0, index.problems, index.notes).write(report)
        raise DataError(f"{raw}: no usable example{_first(index.problems)}; see {report}")
    return index


def _classes(examples: pd.DataFrame) -> list[str] | None:
    found = each_class(examples)
    return None if pd.api.types.is_numeric_dtype(found) else sorted(found.unique())


def _limited(examples: pd.DataFrame, most: int | None, split: Split, seed: int) -> pd.DataFrame:
    """Keep at most `most` examples: the latest of a time series, otherwise a sample stratified by class."""
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
    rows, problems, prints = [], [], Fingerprints()
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
    """Show a progress bar on a terminal; yield the function that advances it by a number of examples."""
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as progress:
        bar = progress.add_task(what, total=total)
        yield lambda count: progress.update(bar, advance=count)


def _counts(examples: pd.DataFrame, spec: Spec) -> dict[str, Any]:
    """Count examples and groups, and examples by class; describe the distribution of a numeric target."""
    examples = examples.drop_duplicates("example")
    counts: dict[str, Any] = {"total": len(examples), "groups": int(examples["group"].nunique())}
    if "classes" in spec:
        by_class = each_class(examples).value_counts()
        counts["classes"] = {name: int(by_class.get(name, 0)) for name in spec["classes"]}
    elif pd.api.types.is_numeric_dtype(examples["label"]):
        described = examples["label"].describe()
        counts["target"] = {key: round(float(described[key]), 6) for key in ("mean", "std", "min", "50%", "max")}
    if "time" in examples and len(examples):
        counts["from"], counts["to"] = (str(examples["time"].agg(end)) for end in ("min", "max"))
    return counts


def _statistics(packed: dict[str, _Packed], spec: Spec) -> dict[str, Any]:
    """Return the counts of each side, with the share of missing values of each feature that has any."""
    statistics = {side: _counts(part.examples, spec) for side, part in packed.items() if len(part.examples)}
    for side, counts in statistics.items():
        missing = packed[side].missing
        if missing is not None and missing.any():
            shares = dict(zip(spec["input"]["names"], missing / len(packed[side].examples), strict=True))
            counts["missing"] = {name: round(float(share), 6) for name, share in shares.items() if share}
    return statistics


def _set_aside(problems: list[Problem], checked: int) -> list[str]:
    """Warn of kinds of bad example that are so frequent that the rest may not be representative."""
    counts = Counter(problem.kind for problem in problems)
    return [
        f"{count:,} of {checked:,} examples ({count / checked:.1%}) were set aside ({kind}): the others may not be "
        "representative"
        for kind, count in counts.items()
        if count >= MANY * checked
    ]


def _warnings(statistics: dict[str, Any], spec: Spec, checks: Checks, copies: dict[str, Any]) -> list[str]:
    warnings = []
    total = sum(side["total"] for side in statistics.values())
    if len(spec.get("classes", ())) == 2:
        for side in ("train", "val", "test"):
            classes = statistics.get(side, {}).get("classes", {})
            counted = sum(classes.values())
            share = classes.get(spec["classes"][0], 0) / max(counted, 1)
            either = counted == statistics.get(side, {}).get("total")  # not if an example may be of both, or of none
            if classes and either and not checks.balance[0] <= share <= checks.balance[1]:
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
            shares = ", ".join(f"{name} {absent[name]:.2%}" for name in new)
            warnings.append(f"{side}: missing there but never in train, so the model cannot learn from it: {shares}")
    recommended = checks.recommended
    if total < recommended.least:
        warnings.append(
            f"{total:,} examples; at least {recommended.least:,} are recommended, "
            f"{recommended.advised:,} advised, {recommended.best:,} are best"
        )
    return warnings + _copied(copies)


def _copied(copies: dict[str, Any]) -> list[str]:
    """Warn of copies that make scores too good, and of copies with contradictory labels."""
    warnings = []
    exact, near, conflicts = copies["exact"], copies["near"], copies["conflicts"]
    remedy = "scores on them flatter the model; split.group_copies (slipway new --group-copies) keeps them together"
    if exact["sets"]:
        within = f"{exact['sets']:,} sets of exact copies ({exact['examples']:,} examples)"
        crossing = (
            f"{exact['across']:,} of them across the split: {remedy}" if exact["across"] else "none across the split"
        )
        warnings.append(f"{within}, {crossing}")
    if near["examples"]:
        count = near["examples"]
        warnings.append(f"{count:,} example{'s' * (count != 1)} with near copies across the split: {remedy}")
    if conflicts["sets"]:
        warnings.append(
            f"{conflicts['sets']:,} label conflicts: sets of exact copies ({conflicts['examples']:,} examples) with "
            "different labels; keep one example of each set, with the right label"
        )
    return warnings


@dataclass
class Findings:
    """The findings on a raw folder, for dataset.json; see docs/guide.md."""

    found: int
    left_out: int
    problems: list[Problem]
    notes: list[str]
    splits: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    copies: dict[str, Any] = field(default_factory=lambda: duplicates.report({}, 0))

    def write(self, path: Path) -> None:
        """Write the findings as JSON."""
        kinds = dict(Counter(problem.kind for problem in self.problems))
        listed = [asdict(problem) for problem in self.problems]
        atomic.write_json(path, {**vars(self), "problems": {"total": len(listed), "kinds": kinds, "examples": listed}})


def _refuse(
    raw: Path,
    report: Path,
    checked: int,
    problems: list[Problem],
    packed: dict[str, _Packed],
    spec: Spec,
    checks: Checks,
) -> None:
    """Raise DataError if too many examples are bad, or a side has no example of a class."""
    if len(problems) > checks.quarantine * checked:
        raise DataError(
            f"{raw}: {len(problems)} of {checked} examples are bad, {len(problems) / checked:.2%}, and "
            f"checks.quarantine allows {checks.quarantine:.2%}{_first(problems)}; all are listed in {report}"
        )
    for side, part in packed.items():
        if part.examples.empty:
            raise DataError(f"{raw}: {side} has no usable example; see {report}")
        there = set(each_class(part.examples))
        missing = [name for name in spec.get("classes", ()) if name not in there]
        if missing:
            raise DataError(
                f"{raw}: {side} has no example of {', '.join(missing)}: add groups (videos, sessions) that show "
                f"{'it' if len(missing) == 1 else 'them'}, or change split in the variant's conf/; see {report}"
            )


def _first(problems: list[Problem]) -> str:
    """Return the first bad example, for a message; empty if there is none."""
    return f"; the first: {problems[0].where}: {problems[0].detail}" if problems else ""


def _calibrate(folder: Path, size: int, seed: int) -> pd.DataFrame:
    """Pack a sample of train for the INT8 calibration; return its examples."""
    train = PackedSplit(folder / "train")
    chosen = np.random.default_rng(seed).choice(len(train), min(size, len(train)), replace=False)
    chosen.sort()
    writer = ShardWriter(folder / "calibration")
    writer.append(train.gather(chosen), train.targets[chosen])
    examples = train.examples.iloc[chosen]
    writer.close(examples)
    return examples
