"""Raw folders of one folder a class, with an optional metadata.csv: how pictures and sound clips lie on disk.

Above the class folders may stand those of a split, `train/ val/ test/` (see `sides`). Where there is a metadata.csv
(see `metadata`), it lists every example.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
from slipway.data.readers.metadata import METADATA, same
from slipway.data.readers.sides import SIDES, above_classes, side_of

_MISNAMED = frozenset(f"metadata.{suffix}" for suffix in ("csv", "tsv", "txt", "csv.txt", "xls", "xlsx", "jsonl"))
BATCH = 256
WORKERS = min(4, max(2, os.cpu_count() or 2))

Read = TypeVar("Read")


def class_folders(raw: Path, classes: Sequence[str] | None) -> tuple[str, ...]:
    """The classes, in order: `classes`, or without them all folders by name.

    Raises:
        DataError: there is no folder, a folder's name is not UTF-8 or no class, a class has no folder, or there are
            fewer than two, or folders that are called like the sides of a split cannot be read as one.
    """
    if not raw.is_dir():
        raise DataError(f"{raw}: no such folder; it should hold one folder a class")
    tops = above_classes(raw, classes or ())
    parents = [raw / top for top in tops] or [raw]
    found = sorted({name for parent in parents for name in subfolders(parent)})
    if odd := [name for name in found if not _utf8(name)]:
        listed = ", ".join(within(Path(), Path(name)) for name in odd)
        raise DataError(f"{raw}: folders whose names are not UTF-8: {listed}; rename them")
    named = tuple(next((one for one in found if same(one, name)), name) for name in classes or found)
    if unknown := [name for name in found if name not in named]:
        raise DataError(
            f"{raw}: folders that are no class: {', '.join(unknown)}; the classes are {', '.join(named)} "
            "(data.classes). Remove the folders or list them"
        )
    if missing := [name for name in named if name not in found]:
        raise DataError(f"{raw}: no folder for {', '.join(missing)}; each class of data.classes needs one")
    if len(named) < 2:
        raise DataError(f"{raw}: {len(named)} class folders; classification needs at least two")
    return named


def index(
    raw: Path,
    classes: Sequence[str] | None,
    recognise: Callable[[bytes], object],
    group: re.Pattern[str] | None,
    noun: str,
) -> Index:
    """List the examples by their first bytes, without decoding them; `example` is the path relative to `raw`.

    Args:
        raw: the folder.
        classes: as of `class_folders`.
        recognise: raises ExampleError for the first 12 bytes of a file that is no example.
        group: searched for in a path within its class folder without suffix, names the group.
        noun: what the examples are called, in the plural.

    Raises:
        DataError: as `class_folders`; a class without examples, an unusable metadata.csv, or a group expression that
            fits no example.
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
        if entry.is_file() and entry != raw / METADATA and not litter(entry.name)
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
) -> pd.DataFrame:
    """Files with their `group`, and what else metadata.csv says of them.

    What disagrees with metadata.csv, or has no group, is left out and goes to `problems`; what of metadata.csv is not
    read goes to `notes`.

    Args:
        raw: the folder.
        examples: `example` (path relative to `raw`), `label`, `inner` (the part of the path that `group` is searched
            for in; left out of what is returned), and `split` where the folders tell it.
        group: the expression that names the group.
        noun: what the examples are called, in the plural.
        problems: gets one for each example that is left out.
        notes: gets the sentences.

    Raises:
        DataError: an unusable metadata.csv, or a group expression that fits no example.
    """
    if misnamed := [path for path in raw.iterdir() if path.name != METADATA and path.name.casefold() in _MISNAMED]:
        raise DataError(f"{min(misnamed)}: the file that describes the {noun} is called {METADATA}; rename it")
    if (raw / METADATA).exists():
        examples = _described(examples, raw / METADATA, problems, notes)
    if group is not None:
        if "group" in examples:
            notes.append(f"{METADATA}: the column group is not read, since data.group says how {noun} are grouped")
        examples = _grouped(examples, group, noun, problems)
    elif "group" not in examples:
        examples = examples.assign(group=examples["example"])
    return examples[[column for column in ("example", "label", "group", "split", "fold") if column in examples]]


def placed(examples: pd.DataFrame, tops: Mapping[str, str | None]) -> pd.DataFrame:
    """The examples with `inner`, the part of their path below one of `tops`, and `split`, its side if it has one."""
    depth = max(top.count("/") for top in tops) + 1  # all are as deep
    parts = [name.split("/", depth) for name in examples["example"]]
    top_of = ["/".join(one[:depth]) for one in parts]
    inner = [one[depth] for one in parts]
    examples = examples.assign(inner=pd.Series(inner, examples.index, dtype="str"))
    if None in tops.values():
        return examples
    return examples.assign(split=pd.Series([tops[top] for top in top_of], examples.index, dtype="str"))


def read_ahead(read: Callable[[str], Read], names: Sequence[str]) -> Iterator[tuple[int, list[Read]]]:
    """What `read` gives for each name, in order, on a few threads: (position of the first, results), `BATCH` at a time.

    At most two batches are held.
    """
    with ThreadPoolExecutor(WORKERS) as pool:

        def submit(start: int) -> list[Future[Read]]:
            return [pool.submit(read, name) for name in names[start : start + BATCH]]

        ahead = submit(0)
        for start in range(0, len(names), BATCH):
            results = [future.result() for future in ahead]
            ahead = submit(start + BATCH)
            yield start, results


def named_group(group: str | None) -> str | None:
    """The expression of `data.group`, checked.

    Raises:
        ValueError: it is no regular expression with exactly one group.
    """
    if group is not None:
        try:
            groups = re.compile(group).groups
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}")
        if groups != 1:
            raise ValueError(f"the expression must have exactly one (group), not {groups}")
    return group


Group = Annotated[str | None, AfterValidator(named_group)]
"""The `group` of a `data` section."""


def different_classes(classes: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """The names of `data.classes`, checked.

    Raises:
        ValueError: they are fewer than two, or one stands twice.
    """
    if classes is not None and (len(classes) < 2 or len(set(classes)) < len(classes)):
        raise ValueError("classes must be two or more different names")
    return classes


Classes = Annotated[tuple[str, ...] | None, AfterValidator(different_classes)]
"""The `classes` of a `data` section."""


def grouped(names: Iterable[str], group: re.Pattern[str]) -> list[str | None]:
    """What `group` finds in each path without its suffix."""
    found = [group.search(str(Path(name).with_suffix("").as_posix())) for name in names]
    return [match[1] if match else None for match in found]


def _utf8(name: str) -> bool:
    return not any("\udc80" <= one <= "\udcff" for one in name)


def within(raw: Path, path: Path) -> str:
    """The path relative to `raw`; bytes of it that are not UTF-8 are escaped (`\\xe9`), which makes it another's."""
    return os.fsencode(path.relative_to(raw).as_posix()).decode(errors="backslashreplace")


def walk(raw: Path, folder: Path, recognise: Callable[[bytes], object], problems: list[Problem]) -> Iterator[str]:
    """Paths of the examples below `folder`, relative to `raw`; what is none goes to `problems`."""

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
                    raise ExampleError("name is not UTF-8", "rename it, or the folder that it is in")
                with path.open("rb") as file:
                    recognise(file.read(12))
            except ExampleError as error:
                problems.append(Problem(where, error.kind, error.detail))
            except OSError as error:
                problems.append(Problem(where, "unreadable", error.strerror or str(error)))
            else:
                yield where


def _described(examples: pd.DataFrame, path: Path, problems: list[Problem], notes: list[str]) -> pd.DataFrame:
    """The examples that metadata.csv lists, with its columns; what disagrees with the folders is a problem."""
    described = metadata.read(path)
    notes += described.notes
    rows = described.rows
    rows = rows.drop(columns=[name for name in ("split", "fold") if name in rows and (rows[name] == "").all()])
    known = set(examples["example"]) | {problem.where for problem in problems}
    rows = rows.assign(example=pd.Series(metadata.files_of(rows["path"].tolist(), known), dtype="object"))
    for path_in_it, line in rows.loc[rows["example"].isna(), ["path", "line"]].itertuples(index=False):
        where = path_in_it if path_in_it.strip() else f"{METADATA}, row {line}"
        problems.append(Problem(where, "missing file", f"{METADATA} lists it in row {line}, and it is not there"))
    rows = rows[rows["example"].notna()]
    problems += [
        Problem(f"{METADATA}, row {line}", "listed twice", f"{name} is listed before")
        for name, line in rows.loc[rows["example"].duplicated(), ["example", "line"]].itertuples(index=False)
    ]
    rows = rows.drop_duplicates("example").set_index("example")

    listed = examples["example"].isin(rows.index)
    problems += [
        Problem(name, "not listed", f"{METADATA} has no row for it") for name in examples.loc[~listed, "example"]
    ]
    out = examples[listed].rename(columns={"label": "folder", "split": "side"}).set_index("example")
    out = out.join(rows.drop(columns=["path", "line"])).reset_index(names="example")
    keep = np.ones(len(out), bool)
    records: list[dict[Any, Any]] = out.to_dict("records")
    for position, row in enumerate(records):
        name, label, split = row["example"], row["folder"], row.get("split", "train")
        if row.get("label", "") != "" and not same(row["label"], label):
            wrong = Problem(name, "label disagrees", f"{METADATA} says {row['label']}, its folder {label}")
        elif side_of(split) is None:
            wrong = Problem(name, "unknown split", f"{METADATA} says {split!r}; known are {', '.join(SIDES)}")
        elif "side" in row and "split" in row and side_of(split) != row["side"]:
            wrong = Problem(name, "split disagrees", f"{METADATA} says {split}, its folder {row['side']}")
        elif not re.fullmatch("[1-9][0-9]*", row.get("fold", "1")):
            wrong = Problem(name, "unknown fold", f"{METADATA} says {row['fold']!r}; folds count from 1")
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
        return f"{raw / label}: class {label} has no {noun}; add some, or take the class out"
    return f"{raw / label}: none of its {len(bad)} files is usable; the first is {bad[0].where} ({bad[0].kind})"


def _grouped(examples: pd.DataFrame, group: re.Pattern[str], noun: str, problems: list[Problem]) -> pd.DataFrame:
    examples = examples.assign(group=pd.Series(grouped(examples["inner"], group), examples.index, dtype="str"))
    fits = examples["group"].notna()
    if len(examples) and not fits.any():
        first = examples["example"].iloc[0]
        raise DataError(f"data.group {group.pattern!r} fits none of the {noun}; the first is {first}")
    problems += [
        Problem(example, "no group", f"data.group {group.pattern!r} does not fit its name")
        for example in examples.loc[~fits, "example"]
    ]
    return examples[fits]
