"""Reading a folder of tables."""

import numpy as np
import pandas as pd
import pytest

from slipway.errors import DataError
from slipway.raw.tables import read_tables, require, texts


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


def test_a_folder_without_a_table_and_a_file_that_is_none_are_refused(tmp_path):
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


def test_a_missing_column_is_named_beside_those_there_are():
    with pytest.raises(DataError, match=r"a\.csv: no column y, z; it has x"):
        require("a.csv", pd.DataFrame({"x": [1]}), ["x", "y", "z"])


def test_text_of_whole_numbers_has_no_fraction_and_what_is_missing_is_none():
    assert texts(pd.Series([7.0, np.nan, -1.0])).tolist() == ["7", None, "-1"]
    assert texts(pd.Series(["7.5", "a.0", None])).tolist() == ["7.5", "a.0", None]
    assert texts(pd.Series([True, False])).tolist() == texts(pd.Series(["TRUE", "False"])).tolist() == ["true", "false"]


def test_text_columns_of_a_csv_are_read_as_they_stand_and_say_what_parquet_says(tmp_path):
    values = ["NA", "01234", "true", "", "7.0"]
    table = pd.DataFrame({"kind": values, "number": ["1", "NA", "", "2", "3"]})
    table.to_csv(tmp_path / "a.csv", index=False)
    table.to_parquet(tmp_path / "b.parquet")
    found = dict(read_tables(tmp_path, text=["kind", "absent"]))
    for one in found.values():
        assert texts(one["kind"]).tolist() == ["NA", "01234", "true", None, "7"]
    assert found["a.csv"]["number"].isna().tolist() == [False, True, True, False, False]
