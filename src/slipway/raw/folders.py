"""Raw folders of one folder a class, with an optional metadata.csv: how pictures and sound clips lie on disk.

`metadata.csv` has the columns `path` (relative to the raw folder) and any of `label`, `group`, `split` and `fold`;
other columns are not read. Where there is one, it lists every example.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, TypeVar

import numpy as np
import pandas as pd
from pydantic import AfterValidator

from slipway.errors import DataError
from slipway.protocol import Index, Problem

METADATA = "metadata.csv"
LITTER = frozenset({"Thumbs.db", "desktop.ini"})
"""Files that file managers leave behind; they and dotfiles are passed over."""
SPLITS = ("train", "val", "test")
BATCH = 256
WORKERS = min(4, max(2, os.cpu_count() or 2))

Read = TypeVar("Read")


class ExampleError(DataError):
    """An example's file cannot be used; `kind` is a short name to count by."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind
        self.detail = detail


def class_folders(raw: Path, classes: Sequence[str] | None) -> tuple[str, ...]:
    """The classes, in order: `classes`, or without them all folders by name.

    Raises:
        DataError: there is no folder, a folder's name is not UTF-8 or no class, a class has no folder, or there are
            fewer than two.
    """
    if not raw.is_dir():
        raise DataError(f"{raw}: no such folder; it should hold one folder a class")
    found = sorted(within(raw, entry) for entry in raw.iterdir() if entry.is_dir() and not litter(entry.name))
    if odd := [name for name in found if not (raw / name).is_dir()]:
        raise DataError(f"{raw}: folders whose names are not UTF-8: {', '.join(odd)}; rename them")
    named = tuple(classes or found)
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
    classes: Sequence[str],
    recognise: Callable[[bytes], object],
    group: re.Pattern[str] | None,
    noun: str,
) -> Index:
    """List the examples by their first bytes, without decoding them; `example` is the path relative to `raw`.

    Args:
        raw: the folder.
        classes: its class folders.
        recognise: raises ExampleError for the first 12 bytes of a file that is no example.
        group: searched for in a path within its class folder without suffix, names the group.
        noun: what the examples are called, in the plural.

    Raises:
        DataError: a class without examples, an unusable metadata.csv, or a group expression that fits no example.
    """
    problems: list[Problem] = []
    rows = [(path, label) for label in classes for path in walk(raw, raw / label, recognise, problems)]
    problems += [
        Problem(within(raw, entry), "not in a class folder", "move it into the folder of its class, or remove it")
        for entry in sorted(raw.iterdir())
        if entry.is_file() and entry.name != METADATA and not litter(entry.name)
    ]
    examples = pd.DataFrame(rows, columns=["example", "label"], dtype="str")
    examples = describe(raw, examples, group, noun, problems)
    for label in classes:
        if not (examples["label"] == label).any():
            raise DataError(_nothing_left(raw, label, noun, problems))
    examples = examples.sort_values("example", ignore_index=True)
    return Index(examples, sorted(problems, key=lambda problem: (problem.where, problem.kind)))


def describe(
    raw: Path, examples: pd.DataFrame, group: re.Pattern[str] | None, noun: str, problems: list[Problem]
) -> pd.DataFrame:
    """Files (`example`, relative to `raw`, and `label`) with their `group`, and what else metadata.csv says of them.

    What disagrees with metadata.csv, or has no group, is left out and goes to `problems`.

    Raises:
        DataError: an unusable metadata.csv, or a group expression that fits no example.
    """
    if (raw / METADATA).exists():
        examples = _described(examples, raw / METADATA, problems)
    if group is not None:
        return _grouped(examples, group, noun, problems)
    return examples if "group" in examples else examples.assign(group=examples["example"])


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


def grouped(names: Iterable[str], group: re.Pattern[str]) -> list[str | None]:
    """What `group` finds in each path without its suffix."""
    found = [group.search(str(Path(name).with_suffix("").as_posix())) for name in names]
    return [match[1] if match else None for match in found]


def litter(name: str) -> bool:
    """Whether a file or folder is not of the data: a dotfile, or what file managers leave behind."""
    return name.startswith(".") or name in LITTER


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


def _described(examples: pd.DataFrame, path: Path, problems: list[Problem]) -> pd.DataFrame:
    """The examples that metadata.csv lists, with its columns; what disagrees with the folders is a problem."""
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (ValueError, OSError) as error:
        raise DataError(f"{path}: not a table of comma-separated values ({error})")
    if "path" not in table:
        raise DataError(f"{path}: no column path; found {', '.join(map(str, table.columns))}")
    table = table[[column for column in ("path", "label", "group", "split", "fold") if column in table]]
    table = table.apply(lambda column: column if column.name == "path" else column.str.strip())
    table = table.drop(columns=[name for name in ("split", "fold") if name in table and (table[name] == "").all()])
    for row in np.flatnonzero(table["path"].duplicated()):
        detail = f"{table['path'].iloc[row]} is listed before"
        problems.append(Problem(f"{METADATA}, row {row + 2}", "listed twice", detail))
    table = table.drop_duplicates("path").set_index("path")

    known = set(examples["example"]) | {problem.where for problem in problems}
    problems += [
        Problem(name, "missing file", f"{METADATA} lists it, and it is not there")
        for name in table.index
        if name not in known
    ]
    listed = examples["example"].isin(table.index)
    problems += [
        Problem(name, "not listed", f"{METADATA} has no row for it") for name in examples.loc[~listed, "example"]
    ]
    table = table.reindex(examples.loc[listed, "example"])
    labels = examples.loc[listed, "label"].tolist()

    out = table.assign(folder=labels).reset_index(names="example")
    keep = np.ones(len(out), bool)
    for position, row in enumerate(out.to_dict("records")):
        name, label = row["example"], row["folder"]
        if row.get("label", "") not in ("", label.strip()):
            wrong = Problem(name, "label disagrees", f"{METADATA} says {row['label']}, its folder {label}")
        elif row.get("split", "train") not in SPLITS:
            wrong = Problem(name, "unknown split", f"{METADATA} says {row['split']!r}; known are {', '.join(SPLITS)}")
        elif not re.fullmatch("[1-9][0-9]*", row.get("fold", "1")):
            wrong = Problem(name, "unknown fold", f"{METADATA} says {row['fold']!r}; folds count from 1")
        else:
            continue
        problems.append(wrong)
        keep[position] = False
    out = out[keep].assign(label=out["folder"])
    if "group" in out:
        out["group"] = out["group"].where(out["group"] != "", out["example"])
    if "fold" in out:
        out["fold"] = out["fold"].astype(np.int64)
    columns = [column for column in ("example", "label", "group", "split", "fold") if column in out]
    described: pd.DataFrame = out[columns]
    return described


def _nothing_left(raw: Path, label: str, noun: str, problems: Sequence[Problem]) -> str:
    bad = [problem for problem in problems if f"{problem.where}/".startswith(f"{label}/")]
    if not bad:
        return f"{raw / label}: class {label} has no {noun}; add some, or take the class out"
    return f"{raw / label}: none of its {len(bad)} files is usable; the first is {bad[0].where} ({bad[0].kind})"


def _grouped(examples: pd.DataFrame, group: re.Pattern[str], noun: str, problems: list[Problem]) -> pd.DataFrame:
    examples["group"] = grouped((name.split("/", 1)[1] for name in examples["example"]), group)
    fits = examples["group"].notna()
    if len(examples) and not fits.any():
        first = examples["example"].iloc[0]
        raise DataError(f"data.group {group.pattern!r} fits none of the {noun}; the first is {first}")
    problems += [
        Problem(example, "no group", f"data.group {group.pattern!r} does not fit its name")
        for example in examples.loc[~fits, "example"]
    ]
    return examples[fits]
