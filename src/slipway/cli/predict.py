"""`slipway predict`: the predictions of a built or registered model for files, folders and tables.

A file is one example (a picture, a sound), except a table, whose rows are examples; a folder stands for its files. Each
result is one JSON value: `example` (the path, and the row of a table, from 1), `model` (the start of the SHA-256 of
model.tflite) and `prediction`, in the form that `Predictor.predict` returns, or `error` for an example that cannot be
read. A file of results has one of them per line (JSON Lines). It is written as results come, and a run that was stopped
goes on after the last complete line.
"""

import json
import os
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
from rich.progress import Progress

from slipway.cli import registry
from slipway.core import config
from slipway.core.errors import ConfigError, DataError
from slipway.core.terminal import Console
from slipway.data.readers import tables
from slipway.data.readers.litter import litter
from slipway.data.readers.table_format import Format
from slipway_edge.predictor import MODEL, Predictor
from slipway_edge.rows import Rows
from slipway_edge.tables import missing

TABLES = tuple(pattern.removeprefix("*") for pattern in tables.PATTERNS)
BATCH = 32
"""The most files that are read and predicted together."""
ABSENT = frozenset(
    (
        *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A"),
        *("NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
    )
)
"""The texts that pandas reads as a missing number; see `pandas.read_csv`."""

Result = dict[str, Any]


@contextmanager
def loaded(name: str) -> Iterator[Predictor]:
    """Load the model that is built in the working tree (VARIANT), or a version (VARIANT@VERSION, VARIANT#ROLE).

    Raises:
        ConfigError: params.yaml has no such variant.
        ModelError: the model is not built, or its files cannot be read.
        RegistryError: there is no such version, or its files cannot be fetched.
    """
    if "@" not in name and "#" not in name:
        if name not in (known := config.top()["all"]):
            raise ConfigError(f"params.yaml has no variant {name}; it has {', '.join(known)}")
        yield Predictor.load(Path("models") / name)
        return
    with TemporaryDirectory() as folder:
        registry.fetched(name, Path(folder))
        yield Predictor.load(Path(folder))


def files(paths: Sequence[Path]) -> list[Path]:
    """Return the paths with folders replaced by the files in them, in the order of their names.

    Raises:
        DataError: a path does not exist, or a folder has no file.
    """
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise DataError(f"{path}: no such file or folder")
        inside = [path] if path.is_file() else sorted(_walk(path))
        if not inside:
            raise DataError(f"{path}: no file in this folder")
        found += inside
    return list(dict.fromkeys(found))


def predict(predictor: Predictor, paths: Sequence[Path], out: Path | None) -> int:
    """Write the result of each example of `paths` (files) as one line, and return how many could not be read.

    Args:
        predictor: the model.
        paths: files; a table has several examples.
        out: the file to write to; results that it has are not computed again. None for standard output.

    Raises:
        DataError: `out` is not a file of results, or it has those of another model.
    """
    model = predictor.record["artifacts"][MODEL]["sha256"][:12]
    done = {} if out is None else _resume(out, model)
    wrong = sum(done.values())
    console = Console(stderr=True)
    bar = Progress(*Progress.get_default_columns(), console=console, disable=not console.is_terminal, transient=True)
    with ExitStack() as stack:
        file = sys.stdout if out is None else stack.enter_context(out.open("a", encoding="utf-8"))
        stack.enter_context(bar)
        shown = bar.add_task("predict", total=len(paths))
        for some in _batches(paths):
            results = _rows(predictor, some[0]) if _is_table(some[0]) else _files(predictor, some, done.keys())
            for name, result in results:
                if name not in done:
                    file.write(json.dumps({"example": name, "model": model, **result}, ensure_ascii=False) + "\n")
                    wrong += "error" in result
            file.flush()
            bar.advance(shown, len(some))
    return wrong


def _resume(out: Path, model: str) -> dict[str, bool]:
    """Return for each example in a file of results whether it could not be read; cut an incomplete last line."""
    if not out.exists():
        return {}
    content = out.read_bytes()
    complete = content[: content.rfind(b"\n") + 1]
    try:
        results = [json.loads(line) for line in complete.splitlines()]
        models, done = {one["model"] for one in results}, {one["example"]: "error" in one for one in results}
    except (ValueError, KeyError, TypeError):
        raise DataError(f"{out}: not a file of predictions; choose another name for --out")
    if models - {model}:
        raise DataError(
            f"{out}: it has predictions of another model ({', '.join(sorted(models))}, not {model}); delete it, or "
            "choose another name for --out"
        )
    os.truncate(out, len(complete))
    return done


def _is_table(path: Path) -> bool:
    return path.name.lower().endswith(TABLES)


def _batches(paths: Sequence[Path]) -> Iterator[list[Path]]:
    """Yield the paths in order: each table alone, at most `BATCH` other files together."""
    for table, group in groupby(paths, _is_table):
        some = list(group)
        size = 1 if table else BATCH
        yield from (some[start : start + size] for start in range(0, len(some), size))


def _files(predictor: Predictor, paths: Sequence[Path], done: Collection[str]) -> Iterator[tuple[str, Result]]:
    """Yield the name and the result of each file that is not done; one that cannot be read does not stop the others."""
    new = [path for path in paths if str(path) not in done]
    if not new:
        return
    if _takes_rows(predictor):
        yield from ((str(path), {"error": f"the model takes tables ({', '.join(TABLES)})"}) for path in new)
        return
    try:
        predictions = predictor.predict(new)
        yield from ((str(path), {"prediction": one}) for path, one in zip(new, predictions, strict=True))
    except DataError as error:
        if len(new) == 1:
            said = " ".join(str(error).split())
            yield str(new[0]), {"error": said.partition(f"({new[0]}): ")[2] or said}
        else:
            for path in new:
                yield from _files(predictor, [path], done)


def _walk(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not litter(name))
        yield from (Path(parent, name) for name in names if not litter(name))


def _rows(predictor: Predictor, path: Path) -> Iterator[tuple[str, Result]]:
    """The name and the result of each row of a table for which there is a prediction."""
    try:
        if not _takes_rows(predictor):
            raise DataError("the model takes files, each with one example, and no tables")
        frame = _table(path, Format(**predictor.record["data"].get("format", {})))
        if isinstance(predictor.task, Rows):
            predictor.task.preprocess(frame.head(0), predictor.spec)  # a missing column is an error of the table
            yield from _each(predictor, path, frame, 0)
            return
        predictions = predictor.predict(frame)
    except DataError as error:
        yield str(path), {"error": " ".join(str(error).split())}
        return
    rows: Sequence[int] = range(len(frame))
    if len(predictions) < len(frame):  # a forecast: only of rows without a value of what is predicted
        target = frame[predictor.record["data"]["target"]]
        rows = [row for row, value in enumerate(target) if missing(value)]
    for row, prediction in zip(rows, predictions, strict=True):
        yield f"{path} row {row + 1}", {"prediction": prediction}


def _each(predictor: Predictor, path: Path, frame: pd.DataFrame, first: int) -> Iterator[tuple[str, Result]]:
    """Yield the name and the result of each row; one that cannot be used does not stop the others.

    `first` is the position in the table of the first row of `frame`.
    """
    try:
        predictions = predictor.predict(frame) if len(frame) else []
    except DataError as error:
        if len(frame) == 1:
            said = " ".join(str(error).split()).removeprefix("the table row 1: ")
            yield f"{path} row {first + 1}", {"error": said}
            return
        middle = len(frame) // 2
        yield from _each(predictor, path, frame.iloc[:middle], first)
        yield from _each(predictor, path, frame.iloc[middle:], first + middle)
        return
    for row, prediction in enumerate(predictions, start=first + 1):
        yield f"{path} row {row}", {"prediction": prediction}


def _takes_rows(predictor: Predictor) -> bool:
    """Whether the examples of a model are rows: its inputs are then features with names."""
    return "names" in predictor.spec["input"]


def _table(path: Path, form: Format) -> pd.DataFrame:
    """Read a table; the columns of a CSV file are text, missing where a field is empty or stands for a missing number.

    `form` is the format of the tables that the model was trained on. Text keeps `01234` as it is, and a task converts
    the numbers that it needs.
    """
    if path.suffix.lower() == ".parquet":
        try:
            return pd.read_parquet(path)
        except (OSError, ValueError) as error:
            raise DataError(f"{path}: cannot be read as a table ({error})")
    written = tables.read_csv(path, None, form)
    for at in range(written.shape[1]):
        column = written.iloc[:, at]
        numbers = pd.to_numeric(column.str.replace(form.decimal, "."), errors="coerce")
        lacking = numbers.isna() if set(column[numbers.isna()]) <= ABSENT else column == ""
        written.isetitem(at, column.astype(object).mask(lacking, None).to_numpy())
    return written
