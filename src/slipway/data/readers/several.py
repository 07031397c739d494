"""Raw folders whose files have any number of labels each.

There are two layouts. With a column `labels` in metadata.csv (see `labels`), files are anywhere in the raw folder, or
below folders of a split (see `sides`). Otherwise there is one folder for each label (see `folders`), and a file with
several labels is in several of them, as a copy or as a link: files with equal bytes in different folders are one
example, the first of them by name.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

import pandas as pd

from slipway.core.errors import DataError
from slipway.core.protocol import Index, Problem
from slipway.data.readers import copies, folders, metadata
from slipway.data.readers.labels import Labels, split
from slipway.data.readers.litter import litter, passed_over
from slipway.data.readers.metadata import LABELS, METADATA
from slipway.data.readers.sides import above_pictures, side_folders
from slipway_edge.classes import text

ENOUGH = 0.05
"""With at least this share of its files in several folders, a folder is one of files with several labels."""


def names(raw: Path, classes: Sequence[str] | None, separator: str | None) -> tuple[str, ...]:
    """Return the labels, in order: `classes`, or if that is None all labels by name.

    Raises:
        DataError: as `labels.Labels.of` and `folders.class_folders`; a label is not in `classes`; or there are fewer
            than two.
    """
    return _names(raw, classes, _written(raw, separator))


def index(
    raw: Path,
    classes: Sequence[str] | None,
    separator: str | None,
    recognise: Callable[[bytes], object],
    group: re.Pattern[str] | None,
    noun: str,
) -> Index:
    """List the examples; `example` is the path relative to `raw`, `labels` the labels in the order of `names`.

    Args:
        separator: what separates labels in metadata.csv; None to find it.
        raw, classes, recognise, group, noun: see `slipway.data.readers.folders.index`.

    Raises:
        DataError: as `names`; metadata.csv is unusable; the group expression matches no example; or a label has none.
    """
    written = _written(raw, separator)
    named = _names(raw, classes, written)
    if written is None:
        found = _merged(raw, folders.index(raw, classes, recognise, group, noun))
    else:
        found = _listed(raw, written, recognise, group, noun)
    place = {name: position for position, name in enumerate(named)}
    of_each = [sorted(of, key=place.__getitem__) for of in found.examples[LABELS]]
    examples = found.examples.assign(labels=pd.Series(of_each), label=pd.Series(map(text, of_each), dtype="str"))
    if without := [name for name in named if not any(name in of for of in of_each)]:
        first = f"; the first file that cannot be used: {found.problems[0].where}" if found.problems else ""
        raise DataError(f"{raw}: no {noun} with the label {', '.join(without)}; add some, or remove the label{first}")
    problems = sorted(found.problems, key=lambda problem: (problem.where, problem.kind))
    return Index(examples.sort_values("example", ignore_index=True), problems, found.notes)


def separator(raw: Path) -> str | None:
    """Return what separates labels in the column `labels`; None if there is no such column, or no cell with two.

    Raises:
        DataError: as `labels.Labels.of`.
    """
    written = _written(raw, None)
    return None if written is None else written.separator


def suits(raw: Path) -> bool:
    """Whether examples of a folder have several labels: by the column `labels`, or by copies in different folders.

    Files that occur more than once in one folder, such as black pictures, are no evidence.
    """
    if not raw.is_dir():
        return False
    if _cells(raw):
        return True
    files = [path.relative_to(raw) for path in sorted(raw.glob("**/*")) if path.is_file() and not litter(path.name)]
    depth = 1 if side_folders(raw) else 0
    files = [path for path in files if len(path.parts) > depth + 1]
    listed = pd.DataFrame(
        {"example": [path.as_posix() for path in files], "folder": [path.parts[depth] for path in files]}, dtype="str"
    )
    digests = copies.digests(raw, listed)
    sets = listed.groupby(digests)["folder"].agg(["size", "nunique"])
    shared = (sets["size"] == sets["nunique"]) & (sets["nunique"] > 1)
    return bool(shared.sum() >= ENOUGH * max(len(listed) - len(digests) + len(sets), 1))


def _cells(raw: Path) -> dict[str, str]:
    """Return the cells of the column `labels` by file and line; none if there is no such column.

    Raises:
        DataError: only one of several metadata.csv has the column.
    """
    described = metadata.read_all(raw, LABELS)
    labelled = [one for one in described if LABELS in one.rows]
    if labelled and len(labelled) < len(described):
        without = next(one.file for one in described if LABELS not in one.rows)
        raise DataError(f"{raw / without}: no column {LABELS}, which {labelled[0].file} has")
    return {
        f"{raw / one.file}, line {line}": cell
        for one in labelled
        for line, cell in one.rows[["line", LABELS]].itertuples(index=False)
    }


def _written(raw: Path, separator: str | None) -> Labels | None:
    """Return how the column `labels` is written, None if there is none."""
    cells = _cells(raw) if raw.is_dir() else {}
    return Labels.of(cells, separator) if cells else None


def _names(raw: Path, classes: Sequence[str] | None, written: Labels | None) -> tuple[str, ...]:
    if written is None:
        return folders.class_folders(raw, classes)
    named = written.names if classes is None else tuple(classes)
    if unknown := [name for name in written.names if name not in named]:
        raise DataError(
            f"{raw / METADATA}: labels that are not in data.classes: {', '.join(unknown)}; add them there, or remove "
            "them here"
        )
    if len(named) < 2:
        raise DataError(
            f"{raw / METADATA}: {len(named)} labels; there must be two or more. For one label, make a folder of the "
            "files that have it and one of the others, and use a task with one class for each file"
        )
    return named


def _listed(
    raw: Path, written: Labels, recognise: Callable[[bytes], object], group: re.Pattern[str] | None, noun: str
) -> Index:
    """List the files with their labels in metadata.csv."""
    problems: list[Problem] = []
    notes = passed_over(raw)
    tops = above_pictures(raw)
    paths = [path for top in tops for path in folders.walk(raw, raw / top, recognise, problems)]
    examples = folders.placed(pd.DataFrame({"example": paths, "label": ""}, dtype="str"), tops)
    examples = folders.describe(raw, examples, group, noun, problems, notes, LABELS)
    tables = {(PurePosixPath(top) / METADATA).as_posix() for top in tops}
    problems = [problem for problem in problems if problem.where not in tables]
    unlisted = examples[LABELS].isna()
    problems += [
        Problem(name, "not listed", f"no {METADATA} is about it") for name in examples.loc[unlisted, "example"]
    ]
    examples = examples[~unlisted]
    labels = examples[LABELS].map(lambda cell: split(cell, written.separator))
    if written.separator is not None:
        notes.append(f"{METADATA}: the labels of a file are separated by {written.separator!r}")
    if none := int((labels.str.len() == 0).sum()):
        notes.append(f"{none:,} {noun} have no label")
    return Index(examples.assign(labels=labels).reset_index(drop=True), problems, notes)


def _merged(raw: Path, found: Index) -> Index:
    """Merge files with equal bytes in different folders into one example with several labels."""
    examples, problems = found.examples.copy(), list(found.problems)
    labels = examples["label"].map(lambda name: [name])
    gone: list[int] = []
    for _, same in examples.groupby(copies.digests(raw, examples)):
        if same["label"].nunique() == 1:
            continue
        gone += same.index[1:].tolist()
        first, others = same.index[0], ", ".join(same["example"].iloc[1:])
        named = same.loc[same["group"] != same["example"], "group"]  # a file without a group is its own
        examples.loc[first, "group"] = [*named, same["group"].iloc[0]][0]
        labels[first] = sorted(set(same["label"]))
        of = {"group": named, **{name: same[name] for name in ("split", "fold") if name in same}}
        if wrong := next((name for name, values in of.items() if values.nunique() > 1), None):
            detail = f"{others} has the same bytes and another {wrong}"
            problems.append(Problem(examples.loc[first, "example"], f"several {wrong}s", detail))
            gone.append(first)
    notes = [*found.notes]
    if gone:
        kept = int((labels.drop(gone).str.len() > 1).sum())
        notes.append(
            f"files with equal bytes in several folders are one example: {kept:,} examples have several labels"
        )
    return Index(examples.assign(labels=labels).drop(index=gone).reset_index(drop=True), problems, notes)
