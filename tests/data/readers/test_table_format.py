"""The detected format of CSV files, and reading them with it."""

import gzip
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from slipway.core.errors import DataError
from slipway.data.readers.table_format import Format, detect
from slipway.data.readers.tables import read_csv, read_tables
from slipway_edge.tables import Written

ROWS = [("Åsa", "1,5", "12", "2024-05-01"), ("Zoë", "2,25", "NA", "2024-05-02"), ("ñu", "-0,125", "7", "2024-05-03")]


def written(folder: Path, separator: str, encoding: str, decimal: str, name: str = "a.csv") -> Path:
    lines = [("who", "size", "count", "day"), *ROWS]
    text = "\n".join(separator.join(value.replace(",", decimal) for value in line) for line in lines) + "\n"
    path = folder / name
    path.write_bytes(gzip.compress(text.encode(encoding)) if name.endswith(".gz") else text.encode(encoding))
    return path


@pytest.mark.parametrize(
    ("separator", "encoding", "decimal", "name", "found"),
    [
        (",", "utf-8", ".", "a.csv", "utf-8"),
        (";", "utf-8", ",", "a.csv", "utf-8"),
        (";", "utf-8-sig", ",", "a.csv", "utf-8"),
        ("\t", "cp1252", ".", "a.csv", "cp1252"),
        ("|", "utf-16", ",", "a.csv", "utf-16"),
        (";", "cp1252", ",", "a.csv.gz", "cp1252"),
    ],
)
def test_the_format_is_detected_and_read(
    tmp_path: Path, separator: str, encoding: str, decimal: str, name: str, found: str
) -> None:
    path = written(tmp_path, separator, encoding, decimal, name)
    form = detect([path])
    assert form == Format(separator=separator, decimal=decimal, encoding=found, missing=("NA",))
    frame = read_csv(path, ["who"], form)
    assert frame["who"].tolist() == ["Åsa", "Zoë", "ñu"]
    assert frame["size"].tolist() == [1.5, 2.25, -0.125]
    assert frame["count"].isna().tolist() == [False, True, False] and frame["count"][0] == 12


def test_files_of_one_folder_share_a_format(tmp_path: Path) -> None:
    """Each file alone could be in another format: the first has no letters outside ASCII, the second no fractions."""
    (tmp_path / "a.csv").write_text("who;size\nMax;1,5\nEva;NA\n")
    (tmp_path / "b.csv").write_text("who;size\nZoë;2\nEva;7\n", encoding="cp1252")
    form = detect([tmp_path / "a.csv", tmp_path / "b.csv"])
    assert form == Format(separator=";", decimal=",", encoding="cp1252", missing=("NA",))
    sizes = [frame["size"].tolist() for _, frame in read_tables(tmp_path, (), ["who"], form)]
    assert sizes[0][0] == 1.5 and sizes[1] == [2, 7]


def test_quoted_fields_may_hold_the_separator(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('name;note\n"a;b";"one, two, three"\n"c";"four, five"\n')
    assert detect([path]) == Format(separator=";")
    assert read_csv(path, None, detect([path]))["name"].tolist() == ["a;b", "c"]


def test_a_marker_is_found_only_beside_numbers(tmp_path: Path) -> None:
    """NA alone may be Namibia."""
    path = tmp_path / "a.csv"
    path.write_text("country,size\nNA,1\nDE,2\nFR,3\n")
    assert detect([path]).missing == ()
    path.write_text("country,size\n?,1\nDE,?\nFR,3\n")
    assert detect([path]).missing == ("?",)
    frame = read_csv(path, ["country"], detect([path]))
    assert frame["country"].tolist() == ["", "DE", "FR"] and frame["size"].isna().tolist() == [False, True, False]


def test_a_number_with_a_decimal_comma_beside_text_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a;b\n1,5;x\nfar;y\n2,5;z\n")
    assert read_csv(path, ["b"], Format(separator=";", decimal=","))["a"].tolist() == ["1.5", "far", "2.5"]


def test_a_table_that_no_separator_fits_is_refused_with_the_line(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b\n1,2\n3\n")
    with pytest.raises(DataError, match="line 3 has 1 field"):
        read_csv(path, (), detect([path]))


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, ";", "cp1252", ",")
    with pytest.raises(DataError, match="it is not in UTF-8"):
        read_csv(path, (), Format(separator=";"))


@pytest.mark.parametrize("given", [{"encoding": "klingon"}, {"separator": ",", "decimal": ","}, {"separator": "ab"}])
def test_a_format_that_no_file_can_have_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Format(**given)


def test_one_file_is_a_folder_of_one_table(tmp_path: Path) -> None:
    path = written(tmp_path, ",", "utf-8", ".")
    ((name, frame),) = read_tables(path)
    assert name == "a.csv" and len(frame) == 3


TEXT = st.text(st.characters(codec="utf-8", exclude_characters='\r\n\0"', exclude_categories=("Cs", "Cc")), max_size=6)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(TEXT, st.floats(-1e6, 1e6, width=32), st.integers(0, 99)), min_size=2, max_size=8),
    separator=st.sampled_from(";\t|"),
    decimal=st.sampled_from(".,"),
)
def test_whatever_is_written_is_read_back(tmp_path: Path, rows: list, separator: str, decimal: str) -> None:
    frame = pd.DataFrame(rows, columns=["text", "number", "count"])
    frame["number"] += 0.5  # so that at least the first has a fraction
    path = tmp_path / "a.csv"
    frame.to_csv(path, sep=separator, decimal=decimal, index=False)
    form = Format(separator=separator, decimal=decimal)
    back = read_csv(path, ["text"], form)
    assert back["text"].tolist() == frame["text"].tolist()
    assert back["number"].astype(float).tolist() == pytest.approx(frame["number"].tolist())
    assert back["count"].tolist() == frame["count"].tolist()


@pytest.mark.parametrize(
    ("days", "first", "read"),
    [
        (["01.02.2024", "03.02.2024"], "day", "2024-02-01"),
        (["01/02/2024", "13/02/2024"], "day", "2024-02-01"),
        (["01/02/2024", "02/13/2024"], "month", "2024-01-02"),
        (["1-2-2024 9:05", "31-2-2024 23:59:59"], "day", "2024-02-01 09:05"),
        (["1/2/2024 12:05 AM", "1/20/2024 1:05 pm"], "month", "2024-01-02 00:05"),
        (["2024-02-01", "2024-02-03"], None, "2024-02-01"),
        (["01/02/2024", "03/04/2024"], None, "01/02/2024"),
        (["13/02/2024", "02/13/2024"], None, "13/02/2024"),
        (["01.02.2024", "soon"], None, "01.02.2024"),
    ],
)
def test_what_dates_begin_with_is_detected_where_they_show_it(
    tmp_path: Path, days: list[str], first: str | None, read: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("day,other\n" + "".join(f"{day},NA\n" for day in days))
    form = detect([path])
    assert form.dates == first
    assert read_csv(path, None, form)["day"].tolist()[0] == read_csv(path, (), form)["day"].tolist()[0] == read
    assert Written.of({"format": form.model_dump()}).known(days)[0] == read, "a caller's rows are read in the same way"
    assert ("dates" in form.model_dump()) == (first is not None), "params.yaml has it only where it matters"


def test_columns_must_agree_on_what_dates_begin_with(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("one,two\n13/02/2024,02/13/2024\n")
    assert detect([path]).dates is None
    path.write_text("one,two\n13/02/2024,02/03/2024\n")
    assert detect([path]).dates == "day"
    assert read_csv(path, (), detect([path])).loc[0].tolist() == ["2024-02-13", "2024-03-02"]


@pytest.mark.parametrize(
    ("column", "missing"),
    [
        (["12", "-999", "3", "-999"], ("-999",)),
        (["1.5", "-99.0", "3", "-99.0"], ("-99.0",)),
        (["12", "-999", "3", "4"], ()),
        (["12", "-999", "-3", "-999"], ()),
        (["12", "-90", "3", "-90"], ()),
        (["12", "999", "3", "999"], ()),
    ],
)
def test_a_repeated_negative_number_of_nines_among_others_that_are_not_negative_is_missing(
    tmp_path: Path, column: list[str], missing: tuple[str, ...]
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("x,y\n" + "".join(f"{value},a\n" for value in column))
    form = detect([path])
    assert form.missing == missing
    assert read_csv(path, (), form)["x"].isna().sum() == (2 if missing else 0)
    kept = Written.of({"format": form.model_dump()}).known([float(value) for value in column])
    assert kept.count(None) == (2 if missing else 0), "a caller's numbers are read in the same way"


def test_a_number_is_not_missing_if_it_is_a_value_of_another_column(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("x,y\n1,-999\n-999,-998\n-999,-5\n3,7\n")
    assert detect([path]).missing == ()


def test_tabs_make_a_tsv_and_the_line_for_excel_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.TSV").write_text("who\tsize\nMax\t1\n")
    form = detect([tmp_path / "a.TSV"])
    ((name, frame),) = read_tables(tmp_path, (), ["who"], form)
    assert name == "a.TSV" and frame.columns.tolist() == ["who", "size"]
    (tmp_path / "b.csv").write_text("sep=;\nwho;size\nMax;1\n")
    with pytest.raises(DataError, match="line 1 begins with 'sep=', which is for Excel alone"):
        read_csv(tmp_path / "b.csv", (), detect([tmp_path / "b.csv"]))
