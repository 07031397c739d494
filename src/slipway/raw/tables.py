"""Raw folders of tables: `*.csv`, `*.csv.gz` and `*.parquet` files that are read one after the other."""

import zlib
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path

import pandas as pd

from slipway.errors import DataError

PATTERNS = ("*.csv", "*.csv.gz", "*.parquet")


def read_tables(raw: Path, exclude: Sequence[str] = ()) -> Iterator[tuple[str, pd.DataFrame]]:
    """The tables of a folder by file name, without those whose name fits a pattern of `exclude`.

    Raises:
        DataError: there is no table, or a file is none.
    """
    found = {path for pattern in PATTERNS for path in raw.glob(pattern)}
    paths = sorted(path for path in found if not any(fnmatch(path.name, other) for other in exclude))
    if not paths:
        raise DataError(f"{raw}: no table; put *.csv, *.csv.gz or *.parquet files there")
    for path in paths:
        try:
            frame = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, low_memory=False)
        except (ValueError, OSError, EOFError, zlib.error) as error:  # the last two: a truncated or damaged .gz
            raise DataError(f"{path}: cannot be read as a table ({error})")
        yield path.name, frame


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
    """Values as text, whole numbers alike with and without a fraction (`7.0` is `7`); missing ones are None."""
    text = values.astype("string").str.replace(r"^(-?\d+)\.0+$", r"\1", regex=True)
    named: pd.Series = text.astype(object).where(text.notna(), None)
    return named
