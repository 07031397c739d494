"""Raw folders of tables: `*.csv`, `*.csv.gz` and `*.parquet` files that are read one after the other."""

import zlib
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path

import pandas as pd

from slipway.errors import DataError

PATTERNS = ("*.csv", "*.csv.gz", "*.parquet")
TRUTH = {word: word.lower() for word in ("True", "TRUE", "False", "FALSE")}


def read_tables(raw: Path, exclude: Sequence[str] = (), text: Sequence[str] = ()) -> Iterator[tuple[str, pd.DataFrame]]:
    """The tables of a folder by file name, without those whose name fits a pattern of `exclude`.

    The columns `text` are read from CSV as they stand there (`01234`, `NA`), for `texts`; the others as what they look
    like.

    Raises:
        DataError: there is no table, or a file is none.
    """
    found = {path for pattern in PATTERNS for path in raw.glob(pattern)}
    paths = sorted(path for path in found if not any(fnmatch(path.name, other) for other in exclude))
    if not paths:
        raise DataError(f"{raw}: no table; put *.csv, *.csv.gz or *.parquet files there")
    for path in paths:
        try:
            frame = pd.read_parquet(path) if path.suffix == ".parquet" else _csv(path, text)
        except (ValueError, OSError, EOFError, zlib.error) as error:  # the last two: a truncated or damaged .gz
            raise DataError(f"{path}: cannot be read as a table ({error})")
        yield path.name, frame


def _csv(path: Path, text: Sequence[str]) -> pd.DataFrame:
    """Read twice, since pandas takes words such as `NA` for missing in all columns or in none."""
    frame = pd.read_csv(path, low_memory=False)
    as_it_stands = pd.read_csv(path, usecols=lambda name: name in text, dtype=str, keep_default_na=False)
    return frame.assign(**{str(name): as_it_stands[name] for name in as_it_stands})


def require(where: str, frame: pd.DataFrame, columns: Sequence[str]) -> None:
    """Refuse a table without one of the `columns`.

    Raises:
        DataError: a column is missing; the message says which, and what there is.
    """
    if missing := [column for column in columns if column not in frame]:
        raise DataError(
            f"{where}: no column {', '.join(missing)}; it has {', '.join(map(str, frame.columns))}. "
            "Name the columns in data, or a file that is no table of rows in data.exclude"
        )


def texts(values: pd.Series) -> pd.Series:
    """Values as text, alike from every kind of file and for a caller; missing and empty ones are None.

    Whole numbers have no fraction (`7.0` is `7`), truth is lower case (`True` and `TRUE` are `true`).
    """
    text = values.astype("string").str.replace(r"^(-?\d+)\.0+$", r"\1", regex=True).replace(TRUTH)
    named: pd.Series = text.astype(object).where(text.notna() & (text != ""), None)
    return named
