"""Raw folders with one folder per class and an optional metadata.csv: the layout of pictures and sound clips.

The class folders may be in folders of a split, `train/ val/ test/` (see `sides`). If there is a metadata.csv (see
`metadata`), it must list every example that it is about.
"""

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any, TypeVar

import numpy as np
import pandas as pd
from pydantic import AfterValidator

from slipway.core.errors import DataError, ExampleError
from slipway.core.protocol import Index, Problem
from slipway.data.readers import metadata
from slipway.data.readers.litter import litter, passed_over, subfolders
from slipway.data.readers.metadata import LABEL, LABELS, METADATA, Metadata, same
from slipway.data.readers.sides import SIDES, above_classes, side_of

_MISNAMED = frozenset(f"metadata.{suffix}" for suffix in ("csv", "tsv", "txt", "csv.txt", "xls", "xlsx", "jsonl"))
BATCH = 256
WORKERS = min(4, max(2, os.cpu_count() or 2))

Read = TypeVar("Read")


def class_folders(raw: Path, classes: Sequence[str] | None) -> tuple[str, ...]:
    """Return the classes, in order: `classes`, or if that is None all folders by name.

    Raises:
        DataError: there is no folder; a folder's name is not UTF-8 or not a class; a class has no folder; there are
            fewer than two classes; or folders named like the sides of a split cannot be read as one.
    """
    if not raw.is_dir():
        raise DataError(f"{raw}: no such folder; it should have one folder for each class")
    tops = above_classes(raw, classes or ())
    parents = [raw / top for top in tops] or [raw]
    found = sorted({name for parent in parents for name in subfolders(parent)})
    if odd := [name for name in found if not _utf8(name)]:
        listed = ", ".join(within(Path(), Path(name)) for name in odd)
        raise DataError(f"{raw}: folders whose names are not UTF-8: {listed}; rename them")
    named = tuple(next((one for one in found if same(one, name)), name) for name in classes or found)
    if unknown := [name for name in found if name not in named]:
        raise DataError(
            f"{raw}: folders that are not classes: {', '.join(unknown)}; the classes are {', '.join(named)} "
            "(data.classes). Remove the folders, or add them to data.classes"
        )
    if missing := [name for name in named if name not in found]:
        raise DataError(f"{raw}: no folder for {', '.join(missing)}; each class of data.classes needs one")
    if len(named) < 2:
        raise DataError(
            f"{raw}: {len(named)} class folders; classification needs at least two{_hint(raw, named, tops)}"
        )
    return named


def _hint(raw: Path, named: Sequence[str], tops: Collection[str]) -> str:
    """What may be wrong with a folder that has fewer than two class folders, for a message."""
    inner = subfolders(raw / named[0]) if len(named) == 1 and not tops else []
    if inner:
        return f": give {raw / named[0]} if its folders are the classes ({', '.join(inner[:3])})"
    return "" if tops else ", named after the classes, with the files of each class in its folder"


def index(
    raw: Path,
    classes: Sequence[str] | None,
    recognise: Callable[[bytes], object],
    group: re.Pattern[str] | None,
    noun: str,
) -> Index:
    """List the examples; `example` is the path relative to `raw`. Only the first bytes of files are read.

    Args:
        raw: the folder.
        classes: see `class_folders`.
        recognise: takes the first 12 bytes of a file and raises ExampleError if it is not an example.
        group: the expression that finds the group's name in the path below the class folder, without suffix.
        noun: the word for the examples in messages, in the plural.

    Raises:
        DataError: as `class_folders`; also for a class without examples, an unusable metadata.csv, or a group
            expression that matches no example.
    """
    problems: list[Problem] = []
    named = class_folders(raw, classes)
    notes = passed_over(raw)
    tops = above_classes(raw, classes or ())
    parents = [raw / top for top in tops] or [raw]
    rows = [
        (path, label)
        for parent in parents
        for label in named
        if (parent / label).is_dir()
        for path in walk(raw, parent / label, recognise, problems)
    ]
    problems += [
        Problem(within(raw, entry), "not in a class folder", "move it into the folder of its class, or remove it")
        for parent in dict.fromkeys([raw, *parents])
        for entry in sorted(parent.iterdir())
        if entry.is_file() and entry.name != METADATA and not litter(entry.name)
    ]
    examples = pd.DataFrame(rows, columns=["example", "label"], dtype="str")
    places = {f"{top}/{label}": side for top, side in tops.items() for label in named}
    examples = placed(examples, places or dict.fromkeys(named))
    examples = describe(raw, examples, group, noun, problems, notes)
    for label in named:
        if not (examples["label"] == label).any():
            raise DataError(_nothing_left([parent / label for parent in parents], raw, label, noun, problems))
    examples = examples.sort_values("example", ignore_index=True)
    return Index(examples, sorted(problems, key=lambda problem: (problem.where, problem.kind)), notes)


def describe(
    raw: Path,
    examples: pd.DataFrame,
    group: re.Pattern[str] | None,
    noun: str,
    problems: list[Problem],
    notes: list[str],
    label: str = LABEL,
) -> pd.DataFrame:
    """Add `group` to the examples, and the other columns of metadata.csv.

    Examples that contradict metadata.csv, or have no group, are left out and listed in `problems`. Columns of
    metadata.csv that are not read are named in `notes`.

    Args:
        raw: the folder.
        examples: `example` (path relative to `raw`), `label`, `inner` (the part of the path in which `group` searches;
            not in the result), and `split` if the folders are those of a split.
        group: the expression that finds the group's name.
        noun: the word for the examples in messages, in the plural.
        problems: the list to which each example that is left out is added.
        notes: the list to which sentences are added.
        label: the column of metadata.csv with the class; `LABELS` is added to the examples, as text.

    Raises:
        DataError: metadata.csv is unusable, or the group expression matches no example.
    """
    if misnamed := [path for path in raw.iterdir() if path.name != METADATA and path.name.casefold() in _MISNAMED]:
        raise DataError(f"{min(misnamed)}: the file that describes the {noun} is called {METADATA}; rename it")
    described = metadata.read_all(raw, label)
    about = [examples["example"].str.startswith(one.about) for one in described]
    parts = [_described(examples[rows], one, problems, notes) for rows, one in zip(about, described, strict=True)]
    if parts:
        others = examples[~np.any(about, axis=0)]
        examples = pd.concat([*parts, *([others] if len(others) else [])], ignore_index=True)
    if "fold" in examples and examples["fold"].isna().any():
        raise DataError(f"{raw}: only some of the files {METADATA} have folds; give all of them, or none")
    if group is not None:
        if "group" in examples:
            notes.append(f"{METADATA}: the column group is not read, since data.group groups the {noun}")
        examples = _grouped(examples, group, noun, problems)
    else:
        own = examples["example"]
        examples = examples.assign(group=examples["group"].fillna(own) if "group" in examples else own)
    columns = ("example", "label", LABELS, "group", "split", "fold")
    return examples[[column for column in columns if column in examples]]


def placed(examples: pd.DataFrame, tops: Mapping[str, str | None]) -> pd.DataFrame:
    """Add `inner`, the part of each path below one of `tops`, and `split`, the side of that folder if it has one.

    The only one of `tops` may be ".", the raw folder itself.
    """
    if "." in tops:
        return examples.assign(inner=examples["example"])
    depth = max(top.count("/") for top in tops) + 1  # all have the same depth
    parts = [name.split("/", depth) for name in examples["example"]]
    top_of = ["/".join(one[:depth]) for one in parts]
    inner = [one[depth] for one in parts]
    examples = examples.assign(inner=pd.Series(inner, examples.index, dtype="str"))
    if None in tops.values():
        return examples
    return examples.assign(split=pd.Series([tops[top] for top in top_of], examples.index, dtype="str"))


def read_ahead(read: Callable[[str], Read], names: Sequence[str]) -> Iterator[tuple[int, list[Read]]]:
    """Read each name on a few threads; yield (position of the first, results) in order, `BATCH` at a time.

    At most two batches are in memory.
    """
    with ThreadPoolExecutor(WORKERS) as pool:

        def submit(start: int) -> list[Future[Read]]:
            return [pool.submit(read, name) for name in names[start : start + BATCH]]

        ahead = submit(0)
        for start in range(0, len(names), BATCH):
            results = [future.result() for future in ahead]
            ahead = submit(start + BATCH)
            yield start, results


def checked_group(group: str | None) -> str | None:
    """Return the expression of `data.group`, checked.

    Raises:
        ValueError: it is not a regular expression with exactly one group.
    """
    if group is not None:
        try:
            groups = re.compile(group).groups
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}")
        if groups != 1:
            raise ValueError(f"the expression must have exactly one (group), not {groups}")
    return group


Group = Annotated[str | None, AfterValidator(checked_group)]
"""The type of `group` in a `data` section."""


def checked_classes(classes: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Return the names of `data.classes`, checked.

    Raises:
        ValueError: there are fewer than two, or one occurs twice.
    """
    if classes is not None and (len(classes) < 2 or len(set(classes)) < len(classes)):
        raise ValueError("classes must be two or more different names")
    return classes


Classes = Annotated[tuple[str, ...] | None, AfterValidator(checked_classes)]
"""The type of `classes` in a `data` section."""


def grouped(names: Iterable[str], group: re.Pattern[str]) -> list[str | None]:
    """Return the match of `group` in each path without its suffix; None if there is none."""
    found = [group.search(str(Path(name).with_suffix("").as_posix())) for name in names]
    return [match[1] if match else None for match in found]


def _utf8(name: str) -> bool:
    return not any("\udc80" <= one <= "\udcff" for one in name)


def within(raw: Path, path: Path) -> str:
    """Return the path relative to `raw`. Bytes that are not UTF-8 are escaped (`\\xe9`), which changes the path."""
    return os.fsencode(path.relative_to(raw).as_posix()).decode(errors="backslashreplace")


def walk(raw: Path, folder: Path, recognise: Callable[[bytes], object], problems: list[Problem]) -> Iterator[str]:
    """Yield the paths of the examples below `folder`, relative to `raw`; add other files to `problems`."""

    def linked(path: Path) -> bool:
        if path.is_symlink():
            detail = "copy the files here; links are not followed"
            problems.append(Problem(within(raw, path), "linked folder", detail))
        return path.is_symlink()

    def closed(error: OSError) -> None:
        problems.append(Problem(within(raw, Path(error.filename)), "unreadable", error.strerror or str(error)))

    if linked(folder):
        return
    for parent, folders, files in os.walk(folder, onerror=closed):
        for name in list(folders):
            if litter(name) or linked(Path(parent, name)):
                folders.remove(name)
        for name in files:
            if litter(name):
                continue
            path = Path(parent, name)
            where = within(raw, path)
            try:
                if raw / where != path:
                    raise ExampleError("name is not UTF-8", "rename it, or its folder")
                with path.open("rb") as file:
                    recognise(file.read(12))
            except ExampleError as error:
                problems.append(Problem(where, error.kind, error.detail))
            except OSError as error:
                problems.append(Problem(where, "unreadable", error.strerror or str(error)))
            else:
                yield where


def _described(examples: pd.DataFrame, described: Metadata, problems: list[Problem], notes: list[str]) -> pd.DataFrame:
    """Return the examples that metadata.csv lists, with its columns; rows that contradict the folders are problems."""
    notes += described.notes
    rows, file, about = described.rows, described.file, described.about
    rows = rows.drop(columns=[name for name in ("split", "fold") if name in rows and (rows[name] == "").all()])
    known = set(examples["example"]) | {problem.where for problem in problems}
    inside = {name.removeprefix(about) for name in known if name.startswith(about)}
    found = [None if name is None else about + name for name in metadata.files_of(rows["path"].tolist(), inside)]
    rows = rows.assign(example=pd.Series(found, dtype="object"))
    for path_in_it, line in rows.loc[rows["example"].isna(), ["path", "line"]].itertuples(index=False):
        where = path_in_it if path_in_it.strip() else f"{file}, row {line}"
        problems.append(Problem(where, "missing file", f"{file} lists it in row {line}, and there is no such file"))
    rows = rows[rows["example"].notna()]
    problems += [
        Problem(f"{file}, row {line}", "listed twice", f"{name} is listed in an earlier row")
        for name, line in rows.loc[rows["example"].duplicated(), ["example", "line"]].itertuples(index=False)
    ]
    rows = rows.drop_duplicates("example").set_index("example")

    listed = examples["example"].isin(rows.index)
    problems += [Problem(name, "not listed", f"{file} has no row for it") for name in examples.loc[~listed, "example"]]
    out = examples[listed].rename(columns={"label": "folder", "split": "side"}).set_index("example")
    out = out.join(rows.drop(columns=["path", "line"])).reset_index(names="example")
    keep = np.ones(len(out), bool)
    records: list[dict[Any, Any]] = out.to_dict("records")
    for position, row in enumerate(records):
        name, label, split = row["example"], row["folder"], row.get("split", "train")
        if row.get("label", "") != "" and not same(row["label"], label):
            wrong = Problem(name, "label disagrees", f"{file} says {row['label']}, its folder {label}")
        elif side_of(split) is None:
            wrong = Problem(name, "unknown split", f"{file} says {split!r}; it must be one of {', '.join(SIDES)}")
        elif "side" in row and "split" in row and side_of(split) != row["side"]:
            wrong = Problem(name, "split disagrees", f"{file} says {split}, its folder {row['side']}")
        elif not re.fullmatch("[1-9][0-9]*", row.get("fold", "1")):
            wrong = Problem(name, "unknown fold", f"{file} says {row['fold']!r}; folds are numbers from 1")
        else:
            continue
        problems.append(wrong)
        keep[position] = False
    out = out[keep].assign(label=out["folder"])
    if "split" in out:
        out["split"] = out["split"].map(side_of)
    elif "side" in out:
        out["split"] = out["side"]
    if "group" in out:
        out["group"] = out["group"].where(out["group"] != "", out["example"])
    if "fold" in out:
        out["fold"] = out["fold"].astype(np.int64)
    return out


def _nothing_left(folders: Sequence[Path], raw: Path, label: str, noun: str, problems: Sequence[Problem]) -> str:
    within_them = tuple(f"{folder.relative_to(raw).as_posix()}/" for folder in folders)
    bad = [problem for problem in problems if f"{problem.where}/".startswith(within_them)]
    if not bad:
        return f"{raw / label}: class {label} has no {noun}; add some, or remove the class"
    return f"{raw / label}: none of its {len(bad)} files is usable; the first is {bad[0].where} ({bad[0].kind})"


def _grouped(examples: pd.DataFrame, group: re.Pattern[str], noun: str, problems: list[Problem]) -> pd.DataFrame:
    examples = examples.assign(group=pd.Series(grouped(examples["inner"], group), examples.index, dtype="str"))
    fits = examples["group"].notna()
    if len(examples) and not fits.any():
        first = examples["example"].iloc[0]
        raise DataError(f"data.group {group.pattern!r} matches none of the {noun}; the first is {first}")
    problems += [
        Problem(example, "no group", f"data.group {group.pattern!r} does not match its path")
        for example in examples.loc[~fits, "example"]
    ]
    return examples[fits]
