"""Raw folders of tables: `*.csv`, `*.tsv` (also with `.gz`) and `*.parquet` files, read in order of their names.

The tables may be in folders of a split, `train/ val/ test/` (see `sides`), where the task reads them with `read_sides`.

A file that is not well formed is refused: no value moves to another column, and no row is lost.
"""

import csv
from collections.abc import Collection, Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pandas as pd

from slipway.core.errors import DataError
from slipway.data.readers.sides import above_tables
from slipway.data.readers.table_format import Format, opened
from slipway_edge import tables

PATTERNS = ("*.csv", "*.csv.gz", "*.tsv", "*.tsv.gz", "*.parquet")
STANDARD = Format()


def read_tables(
    raw: Path, exclude: Sequence[str] = (), text: Collection[str] | None = (), written: Format = STANDARD
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the file name and the table of each file of `files`.

    The columns `text` (None: all) of a CSV file are read as unchanged text (`01234`, `NA`), for `texts`; pandas infers
    the type of the others. `written` is the format of CSV files.

    Raises:
        DataError: there is no table, or a file is not a table.
    """
    for path in files(raw, exclude):
        yield path.name, _parquet(path) if path.suffix.lower() == ".parquet" else read_csv(path, text, written)


def read_sides(
    raw: Path, exclude: Sequence[str] = (), text: Collection[str] | None = (), written: Format = STANDARD
) -> Iterator[tuple[str, str | None, pd.DataFrame]]:
    """Yield the name, the side of the split and the table of each file, as `read_tables` does; side None if undivided.

    The name of a file in a folder of a side is that of both, such as `test/one.csv`.

    Raises:
        DataError: as `read_tables`; or folders named like the sides of a split cannot be read as one.
    """
    for top, side in above_tables(raw).items():
        for name, frame in read_tables(raw / top, exclude, text, written):
            yield name if side is None else f"{top}/{name}", side, frame


def files(raw: Path, exclude: Sequence[str] = ()) -> list[Path]:
    """Return the tables in a folder by name, except files that match a pattern of `exclude`; `raw` may be a table.

    Raises:
        DataError: there is no table.
    """
    there = [raw] if raw.is_file() else raw.glob("*")
    found = {path for path in there if any(fnmatch(path.name.lower(), pattern) for pattern in PATTERNS)}
    paths = sorted(path for path in found if not any(fnmatch(path.name, other) for other in exclude))
    if not paths and raw.is_file():
        raise DataError(f"{raw}: not the name of a table; save it as .csv (any separator), .tsv, .csv.gz or .parquet")
    if not paths:
        raise DataError(f"{raw}: no table; put *.csv, *.tsv (also with .gz) or *.parquet files there")
    return paths


def read_csv(path: Path, text: Collection[str] | None = (), written: Format = STANDARD) -> pd.DataFrame:
    """Read a CSV file with a header; each row must have as many fields as the header.

    Columns have their names from the header, which may have duplicates. The columns in `text` (None: all) are unchanged
    text, "" if a field is empty or a marker of missing values; pandas infers the type of the others. Blank lines are
    skipped.

    Raises:
        DataError: it is not such a file; the message names the first wrong line.
    """
    header, rows = _header_and_count(path, written)
    as_text = [place for place, name in enumerate(header) if text is None or name in text]
    how: dict[str, Any] = {"header": 0, "names": range(len(header)), "index_col": False}
    how |= {"sep": written.separator, "encoding": written.encoding}
    try:
        # Read twice, since pandas treats words such as `NA` as missing in all columns or in none.
        unchanged = pd.read_csv(path, usecols=as_text, dtype=str, keep_default_na=False, **how)
        unchanged = unchanged.replace(list(written.missing), "") if written.missing else unchanged
        if len(as_text) == len(header):
            frame = unchanged
        else:
            how |= {"decimal": written.decimal, "na_values": list(written.missing)}
            frame = _with_point(pd.read_csv(path, low_memory=False, **how), written.decimal)
            frame[as_text] = unchanged
    except (ValueError, OSError) as error:
        raise DataError(f"{path}: cannot be read as a table ({error})")
    if len(frame) != rows:
        raise DataError(f"{path}: cannot be read as a table (it has {rows} rows, and pandas reads {len(frame)})")
    named: pd.DataFrame = _with_year_first(frame, written.dates).set_axis(header, axis=1)
    return named


def require(where: str, frame: pd.DataFrame, columns: Sequence[str]) -> None:
    """Check that a table has each of the `columns` exactly once.

    Raises:
        DataError: a column is missing or occurs twice; the message says which, and lists the columns that exist.
    """
    advice = "Name the columns in data, or list a file that is not a table of rows in data.exclude"
    tables.require(where, [str(name) for name in frame.columns], columns, advice)


def texts(values: pd.Series) -> pd.Series:
    """Return values as text, the same for every file type and for a caller; None if missing or empty.

    Whole numbers have no fraction (`7.0` becomes `7`), and booleans are lower case (`True` and `TRUE` become `true`).
    """
    text = values.astype("string").str.replace(r"^(-?\d+)\.0+$", r"\1", regex=True).replace(tables.TRUTH)
    named: pd.Series = text.astype(object).where(text.notna() & (text != ""), None)
    return named


def numbers(where: str, name: str, values: pd.Series) -> pd.Series:
    """Return the values of the column `name` as float64, NaN if one is missing or not a number.

    Raises:
        DataError: the column holds dates or durations, or values such as lists.
    """
    kind = values.dtype.kind if isinstance(values.dtype, np.dtype | pd.DatetimeTZDtype) else "O"
    if kind in "mM":
        raise DataError(tables.no_numbers(where, name, _first(values)))
    plain = values.astype(object) if isinstance(values.dtype, pd.CategoricalDtype) else values
    try:
        found: pd.Series = pd.to_numeric(plain, errors="coerce").astype(np.float64)
    except (TypeError, ValueError):
        raise DataError(f"{where}: column {name} holds a value that is not a number, such as {_first(values)}")
    given = plain[plain.notna()]
    if len(given) and found.isna().all() and (_dates(given) or _durations(given)):
        raise DataError(tables.no_numbers(where, name, _first(values)))
    return found


def times(values: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Return times as datetime64 without a zone, and whether each was given with an offset or a zone (bool).

    Times with an offset or a zone are converted to UTC, the others are unchanged. Missing and ambiguous values are NaT:
    everything except a date, or a date and a time, in the order year, month, day, hour.
    """
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return values.dt.tz_convert("UTC").dt.tz_localize(None), values.notna()
    if pd.api.types.is_datetime64_dtype(values):
        return values, pd.Series(False, values.index)
    codes, known = pd.factorize(values.astype("string"))
    moments = [*map(tables.moment, known), tables.moment(None)]
    read = pd.Series(np.array([moment for moment, _ in moments]))
    zoned = pd.Series([has_zone and not np.isnat(moment) for moment, has_zone in moments])
    return read.iloc[codes].set_axis(values.index), zoned.iloc[codes].set_axis(values.index)


def distinct(names: Sequence[str]) -> list[str]:
    """Return unique names of features: a name that occurred before is marked with "(column)"."""
    found: dict[str, None] = {}
    for name in names:
        while name in found:
            name = f"{name} (column)"
        found[name] = None
    return list(found)


def _with_point(frame: pd.DataFrame, decimal: str) -> pd.DataFrame:
    """The table with a decimal point in the numbers of columns that are not all numbers."""
    if decimal == ".":
        return frame
    for place in range(frame.shape[1]):
        if not pd.api.types.is_numeric_dtype(frame[place]):
            frame[place] = frame[place].map(lambda value: str(value).replace(decimal, "."), na_action="ignore")
    return frame


def _with_year_first(frame: pd.DataFrame, first: str | None) -> pd.DataFrame:
    """The table with the year first in dates that end with it, which begin with the day or the month."""
    if first is None:
        return frame
    for place in range(frame.shape[1]):
        if not pd.api.types.is_numeric_dtype(frame[place]):
            texts = [one for one in frame[place].dropna().unique() if isinstance(one, str)]
            changed = {one: tables.year_first(one, first) for one in texts if tables.local_date(one) is not None}
            if changed:
                frame[place] = frame[place].map(lambda value, to=changed: to.get(value, value))
    return frame


def _parquet(path: Path) -> pd.DataFrame:
    """Read the columns of a Parquet file, including a named index that pandas stored in it."""
    try:
        frame = pd.read_parquet(path)
    except Exception as error:  # a damaged file can cause any kind of error
        raise DataError(f"{path}: cannot be read as a table ({' '.join(str(error).split())})")
    return frame.reset_index(drop=all(name is None for name in frame.index.names))


def _header_and_count(path: Path, written: Format) -> tuple[list[str], int]:
    """Return the header and the number of rows; check that all rows have as many fields as the header.

    Raises:
        DataError: a row has more or fewer fields, or the file is not CSV.
    """
    header: list[str] = []
    rows, uneven = 0, 0
    first = (0, 0)
    start = end = 0
    try:
        with opened(path, written.encoding) as file:
            reader = csv.reader(_lines(file), delimiter=written.separator, strict=True)
            for row in reader:
                start, end = end + 1, reader.line_num
                if len(row) == len(header) > 1:
                    rows += 1
                elif not row or (len(row) == 1 and not row[0].strip(" \t")):
                    continue
                elif not header:
                    header = row
                    if row[0].startswith("sep="):
                        raise DataError(f"{path}: line 1 begins with 'sep=', which is for Excel alone; remove it")
                else:
                    rows += 1
                    if len(row) != len(header):
                        uneven += 1
                        first = first if uneven > 1 else (start, len(row))
    except DataError:
        raise
    except csv.Error as error:
        raise DataError(
            f"{path}: cannot be read as a table: line {end + 1}: {error}; write a quotation mark in a field twice, "
            'and put the field in quotation marks: "5"" pipe"'
        )
    except UnicodeError:
        encoding = written.encoding.upper()
        raise DataError(f"{path}: cannot be read as a table: it is not in {encoding}; save it in that encoding")
    except Exception as error:  # a missing file, or a damaged archive
        raise DataError(f"{path}: cannot be read as a table ({error})")
    if not header:
        raise DataError(f"{path}: cannot be read as a table: it is empty")
    if uneven:
        raise DataError(_uneven(path, header, rows, uneven, *first))
    return header, rows


def _uneven(path: Path, header: list[str], rows: int, uneven: int, line: int, fields: int) -> str:
    fields_of_line = f"{fields} field" if fields == 1 else f"{fields} fields"
    others = f"; {uneven - 1:,} of the other {rows - 1:,} rows do not have {len(header)} either" if uneven > 1 else ""
    message = f"{path}: line {line} has {fields_of_line}, and the header has {len(header)}{others}. "
    if len(header) == 1:
        return f"{message}Separate fields by commas; the header is {header[0]!r}"
    if uneven == rows and fields == len(header) + 1:
        return (
            f"{message}The rows begin with a row name that has no field in the header, or end with an extra comma: "
            "write the file without row names, or give them a field in the header"
        )
    return f"{message}Fix the line; put a field that holds a comma in quotation marks"


def _lines(file: TextIO) -> Iterator[str]:
    for line in file:
        if "\0" in line:
            raise csv.Error("it holds a NUL character, which is not allowed in text")
        yield line


def _dates(given: pd.Series) -> bool:
    return bool(times(given)[0].notna().all())


def _durations(given: pd.Series) -> bool:
    return bool(pd.to_timedelta(given.astype("string"), errors="coerce").notna().all())


def _first(values: pd.Series) -> object:
    given = values[values.notna()]
    return given.iloc[0] if len(given) else None
