"""metadata.csv as people and programs write it: an unambiguous file is read, any other is refused by name."""

import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from slipway.core.errors import DataError
from slipway.data.readers import metadata

FILES = ["ad/1.jpg", "ad/café.JPG", "content/v 1/2.jpg"]


def read(path: Path, content: str | bytes) -> metadata.Metadata:
    path = path / "metadata.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return metadata.read(path)


@pytest.mark.parametrize(
    "content",
    [
        "path,group,split\nad/1.jpg,m1,train\n",
        "path, Group , SPLIT\nad/1.jpg, m1 , train\n",
        '"path", "group", "split"\n"ad/1.jpg", "m1", "train"\n',
        "\ufeffpath;group;split\r\nad/1.jpg;m1;train\r\n\r\n;;\r\n",
        "sep=;\r\npath;group;split\r\nad/1.jpg;m1;train\r\n",
        "group\tpath\tsplit\nm1\tad/1.jpg\ttrain\n",
        "path|group|split\nad/1.jpg|m1|train",
        "path,group,split\nad/1.jpg,m1,train\n".encode("utf-16"),
        '"path","group","split"\n"ad/1.jpg","m1","train"\n',
        ",path,group,split,\n,ad/1.jpg,m1,train,\n",
    ],
)
def test_an_unambiguous_spelling_is_read(tmp_path: Path, content: str | bytes) -> None:
    found = read(tmp_path, content)
    row = found.rows.iloc[0]
    assert len(found.rows) == 1
    assert (row["path"].strip(), row["group"], row["split"]) == ("ad/1.jpg", "m1", "train")
    assert found.notes == []


@pytest.mark.parametrize("word", ["NA", "null", "no", "01", "1e3", "True", "nan", "-"])
def test_words_are_not_converted(tmp_path: Path, word: str) -> None:
    assert read(tmp_path, f"path,label,group\nad/1.jpg,{word},{word}\n").rows[["label", "group"]].iloc[0].tolist() == [
        word,
        word,
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("path,group\nad/1.jpg,m1\nad/2.jpg,m1,\n", "line 3: 3 fields, and the header names 2 columns"),
        ("sep=,\npath,group\nad/1.jpg\n", "line 3: 1 fields, and the header names 2 columns"),
        ('path,group\n"ad/1.jpg"x,m1\n', "line 2: not a table of separated values"),
        ('path,group\n"ad/1.jpg,m1\n', "not a table of separated values"),
        ("", "it is empty"),
        ("file,label\nad/1.jpg,ad\n", "no column path; found file, label"),
        ("path,group,Group\na,b,c\n", "2 columns are called group"),
        ("path,groups\na,b\n", "unknown column 'groups'; rename it to group if it is that"),
        ("path,Group ID\na,b\n", "unknown column 'Group ID'; rename it to group"),
        ("path,gruop\na,b\n", "unknown column 'gruop'; rename it to group"),
        ("path,splits\na,train\n", "rename it to split"),
        ("path,fold_no\na,1\n", "rename it to fold"),
        ("path,subset\na,train\nb,Test\n", "column 'subset' holds test, train; rename it to split"),
        (b"path,group\nad/caf\xe9.jpg,m1\n", "not text in UTF-8 .* save it as CSV UTF-8"),
    ],
)
def test_an_ambiguous_or_broken_file_is_refused_by_name(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, content)


def test_columns_that_are_not_read_are_named(tmp_path: Path) -> None:
    found = read(tmp_path, "path,group,Video,,folder,split\na,b,c,d,e,train\n")
    assert found.notes == ["metadata.csv: columns that are not read: Video, a column without a name, folder"]


@pytest.mark.parametrize(
    "spell",
    [
        lambda path: f"./{path}",
        lambda path: path.replace("/", "\\"),
        lambda path: f"  {path} ",
        lambda path: unicodedata.normalize("NFD", path),
        lambda path: path.upper(),
        lambda path: path.replace("/", "//"),
        lambda path: f"/home/me/data/pictures/{path}",
        lambda path: f"C:\\Users\\Me\\pictures\\{path}".replace("/", "\\"),
        lambda path: f"pictures/{path}",
    ],
)
def test_a_path_is_found_however_it_is_written(spell: object) -> None:
    assert metadata.files_of([spell(path) for path in FILES], FILES) == FILES  # type: ignore[operator]
    decomposed = [unicodedata.normalize("NFD", path) for path in FILES]
    assert metadata.files_of([spell(path) for path in FILES], decomposed) == decomposed  # type: ignore[operator]


def test_a_path_that_could_be_several_files_is_none() -> None:
    assert metadata.files_of(["AD/1.JPG"], ["ad/1.jpg", "ad/1.JPG"]) == [None]
    assert metadata.files_of(["ad/1.JPG"], ["ad/1.jpg", "ad/1.JPG"]) == ["ad/1.JPG"]
    assert metadata.files_of(["x/ad/1.jpg", "y/ad/1.jpg"], ["ad/1.jpg"]) == [None, None], "two folders in front"
    assert metadata.files_of(["ad/1.jpg", "x/ad/2.jpg"], ["ad/1.jpg", "ad/2.jpg"]) == ["ad/1.jpg", None]
    assert metadata.files_of(["", ".", "/", "ad"], FILES) == [None] * 4


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    place=st.integers(0, 60), put=st.sampled_from([",", '"', "\n", "\r", "\0", ";", "\t", "\ufeff", "\u2028", "\ud800"])
)
@example(place=0, put="\0")
def test_a_table_with_a_wrong_character_is_read_or_refused(tmp_path: Path, place: int, put: str) -> None:
    text = "path,group,split\nad/1.jpg,m1,train\nad/2.jpg,m2,test\n"
    try:
        found = read(tmp_path, (text[:place] + put + text[place:]).encode(errors="surrogatepass"))
    except DataError as refused:
        assert "metadata.csv" in str(refused)
    else:
        assert {"path", "line"} <= set(found.rows)
