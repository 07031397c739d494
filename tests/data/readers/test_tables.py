"""Reading a folder of tables."""

import datetime
import gzip
import re
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from slipway.core.errors import DataError
from slipway.data.readers.tables import distinct, numbers, read_csv, read_tables, require, texts, times


def test_tables_of_all_kinds_are_read_by_name_and_others_are_left_out(tmp_path):
    table = pd.DataFrame({"a": [1, 2]})
    table.to_parquet(tmp_path / "2.parquet")
    table.to_csv(tmp_path / "1.csv.gz", index=False)
    table.to_csv(tmp_path / "3.csv", index=False)
    table.to_csv(tmp_path / "notes.csv", index=False)
    (tmp_path / "read.me").write_text("no table")
    found = dict(read_tables(tmp_path, ["notes*"]))
    assert list(found) == ["1.csv.gz", "2.parquet", "3.csv"]
    assert all(one["a"].tolist() == [1, 2] for one in found.values())


def test_a_folder_without_a_table_and_a_file_that_is_not_a_table_are_refused(tmp_path):
    with pytest.raises(DataError, match="no table; put"):
        list(read_tables(tmp_path))
    (tmp_path / "a.parquet").write_bytes(b"no")
    with pytest.raises(DataError, match=r"a\.parquet: cannot be read"):
        list(read_tables(tmp_path))


def test_a_truncated_archive_is_refused(tmp_path):
    path = tmp_path / "a.csv.gz"
    pd.DataFrame({"a": np.random.default_rng(0).normal(size=5000)}).to_csv(path, index=False)
    path.write_bytes(path.read_bytes()[:20000])
    with pytest.raises(DataError, match=r"a\.csv\.gz: cannot be read"):
        list(read_tables(tmp_path))


def test_a_missing_column_is_named_with_those_that_exist():
    with pytest.raises(DataError, match=r"a\.csv: no column y, z; it has x"):
        require("a.csv", pd.DataFrame({"x": [1]}), ["x", "y", "z"])


def test_text_of_whole_numbers_has_no_fraction_and_missing_values_are_none():
    assert texts(pd.Series([7.0, np.nan, -1.0])).tolist() == ["7", None, "-1"]
    assert texts(pd.Series(["7.5", "a.0", None])).tolist() == ["7.5", "a.0", None]
    assert texts(pd.Series([True, False])).tolist() == texts(pd.Series(["TRUE", "False"])).tolist() == ["true", "false"]


def test_text_columns_of_a_csv_are_read_unchanged_and_equal_those_of_parquet(tmp_path):
    values = ["NA", "01234", "true", "", "7.0"]
    table = pd.DataFrame({"kind": values, "number": ["1", "NA", "", "2", "3"]})
    table.to_csv(tmp_path / "a.csv", index=False)
    table.to_parquet(tmp_path / "b.parquet")
    found = dict(read_tables(tmp_path, text=["kind", "absent"]))
    for one in found.values():
        assert texts(one["kind"]).tolist() == ["NA", "01234", "true", None, "7"]
    assert found["a.csv"]["number"].isna().tolist() == [False, True, True, False, False]


ROWS = ["name,plan,age", "a,basic,1", 'b,"pro, yearly",2', 'c,"pro\nmonthly",3', "", "d,,4"]


def written(folder: Path, content: str | bytes, name: str = "a.csv") -> Path:
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder / name


@pytest.mark.parametrize(
    "content",
    [
        "\n".join(ROWS).encode(),
        "\r\n".join(ROWS).encode() + b"\r\n",
        b"\xef\xbb\xbf\n  \n" + "\n".join(ROWS).encode() + b"\n\n  \n",
    ],
    ids=["plain", "from Windows", "with a byte order mark and blank lines"],
)
def test_quoted_commas_and_line_ends_belong_to_a_field_and_blank_lines_are_skipped(tmp_path, content):
    found = read_csv(written(tmp_path, content), text=["plan"])
    assert found["name"].tolist() == ["a", "b", "c", "d"] and found["age"].tolist() == [1, 2, 3, 4]
    assert [" ".join(plan.split()) for plan in found["plan"]] == ["basic", "pro, yearly", "pro monthly", ""]


def many(count: int = 600) -> list[str]:
    return ["name,plan,age", *(f"c{row},basic,{row % 80}" for row in range(count))]


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({1: "c0,basic,0,"}, "line 2 has 4 fields, and the header has 3"),
        ({300: "c299,basic,59,stray"}, "line 301 has 4 fields, and the header has 3"),
        ({300: "c299,basic"}, "line 301 has 2 fields, and the header has 3"),
        ({600: "c599"}, "line 601 has 1 field, and the header has 3"),
        (
            {300: "c299,basic, yearly,59", 5: "c4,basic"},
            "line 6 has 2 fields, and the header has 3; 1 of the other 599",
        ),
        ({300: 'c299,"basic,59'}, "line 301: unexpected end of data"),
        ({300: 'c299,"basic" yearly,59'}, "line 301: ',' expected after '\"'"),
        ({300: "c299,ba\0sic,59"}, "line 301: it holds a NUL"),
    ],
)
def test_a_row_that_does_not_match_the_header_is_refused_by_line_and_moves_no_other(
    tmp_path, change, message, compressed
):
    content = "\n".join(change.get(place, line) for place, line in enumerate(many())).encode()
    path = written(tmp_path, gzip.compress(content) if compressed else content, "a.csv.gz" if compressed else "a.csv")
    for text in ((), ["plan"], None):
        with pytest.raises(DataError, match=re.escape(message)) as refused:
            read_csv(path, text)
        assert str(refused.value).startswith(str(path))


@pytest.mark.parametrize("row", ['"{0}",{1}', "{1},"], ids=["row names of R", "a comma at the end"])
def test_rows_that_all_have_one_field_more_than_the_header_are_refused(tmp_path, row):
    head, *rows = many(20)
    content = "\n".join([head, *(row.format(place, line) for place, line in enumerate(rows))])
    with pytest.raises(DataError, match=r"line 2 has 4 fields, and the header has 3; 19 of the other 19.*row names"):
        read_csv(written(tmp_path, content))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is empty"),
        ("name;age\na;1,5\n", r"line 2 has 2 fields, and the header has 1\. Separate fields by commas"),
        ("name,age\né,1\n".encode("latin-1"), "not in UTF-8"),
        ("name,age\na,1\n".encode("utf-16"), "not in UTF-8"),
    ],
    ids=["nothing", "semicolons", "Latin-1", "UTF-16"],
)
def test_a_file_of_another_kind_is_refused_with_the_reason(tmp_path, content, message):
    with pytest.raises(DataError, match=message):
        read_csv(written(tmp_path, content))


def test_duplicate_columns_are_refused_if_they_are_required(tmp_path):
    found = read_csv(written(tmp_path, "a,b,b\n1,2,3\n"))
    require("a.csv", found, ["a"])
    with pytest.raises(DataError, match=r"a\.csv: several columns are called b; give each"):
        require("a.csv", found, ["a", "b"])


def test_suffixes_may_be_in_capitals_and_an_index_in_parquet_is_a_column(tmp_path):
    written(tmp_path, "a\n1\n", "1.CSV")
    pd.DataFrame({"b": [7]}, index=pd.Index([1], name="a")).to_parquet(tmp_path / "2.Parquet")
    assert [one["a"].tolist() for _, one in read_tables(tmp_path)] == [[1], [1]]


@pytest.mark.parametrize(
    ("text", "local", "hours"),
    [
        ("2024-05-01 13:00", "2024-05-01T13", None),
        ("2024-05-01T13", "2024-05-01T13", None),
        ("20240501T1300", "2024-05-01T13", None),
        ("2024/5/1 3:00", "2024-05-01T03", None),
        ("2024-05-01T13:00:00,000", "2024-05-01T13", None),
        ("2024-05-01", "2024-05-01T00", None),
        ("2024-05-01T13+02:00", "2024-05-01T11", 2),
        ("20240501T1300+0200", "2024-05-01T11", 2),
        ("2024-05-01 13:00:00 -02", "2024-05-01T15", -2),
        ("2024-05-01T11z", "2024-05-01T11", 0),
        ("2024-05-01 11Z", "2024-05-01T11", 0),
        ("9998-05-01 11:00", "9998-05-01T11", None),
    ],
)
def test_a_time_is_read_with_its_offset_or_unchanged(text, local, hours):
    found, zoned = times(pd.Series([text, None, "soon"]))
    assert found[0] == pd.Timestamp(local) and found[1:].isna().all()
    assert zoned.tolist() == [hours is not None, False, False]


@pytest.mark.parametrize(
    "text",
    [
        "2024-W18-3",
        "2024-W18-3T13:00",
        "2024-122",
        "2024-05",
        "2024",
        "2024-05-01T24:00",
        "1714568400",
        "2024-05-01T13,5",
        "2024-05-01+02:00",
        "2024-05-01T13:00+2",
        "2024-02-30T13:00",
        "01.05.2024",
        "05/01/2024",
        "2024-05-01T13:00CEST",
    ],
)
def test_an_ambiguous_time_is_missing(text):
    assert times(pd.Series([text]))[0].isna().all()


@pytest.mark.parametrize(
    "values",
    [
        pd.Series(pd.to_datetime(["2024-05-01", None])),
        pd.Series(pd.to_datetime(["2024-05-01"]).tz_localize("UTC")),
        pd.Series(pd.to_timedelta(["1 days", None])),
        pd.Series([datetime.date(2024, 5, 1), None]),
        pd.Series(["2024-05-01", None]),
        pd.Series(["01:30:00", "02:00:00"]),
    ],
)
def test_dates_and_durations_are_not_numbers(values):
    with pytest.raises(
        DataError, match=r"a\.csv: column day holds dates or durations, such as .*, not numbers; convert them"
    ):
        numbers("a.csv", "day", values)


def test_numbers_of_any_type_are_numbers_and_true_is_one():
    for values in ([True, None, False], ["1", "", "0"], [Decimal(1), None, Decimal(0)], ["1", "far", 0]):
        np.testing.assert_array_equal(numbers("", "", pd.Series(values, dtype=object)), [1, np.nan, 0])
    for dtype in ("Int64", "boolean", "category"):
        np.testing.assert_array_equal(numbers("", "", pd.Series([1, None, 0], dtype=dtype)), [1, np.nan, 0])


def test_duplicate_names_are_marked():
    assert distinct(["a", "b", "a", "a (column)", "a"]) == [
        "a",
        "b",
        "a (column)",
        "a (column) (column)",
        "a (column) (column) (column)",
    ]
