"""An atomic write leaves the old file or the new one, never a half-written one."""

from pathlib import Path

import pytest

from slipway.core import atomic


def test_equal_values_give_equal_bytes(tmp_path: Path) -> None:
    atomic.write_json(tmp_path / "one.json", {"b": 1, "a": {"d": 2.5, "c": "é"}})
    atomic.write_json(tmp_path / "two.json", {"a": {"c": "é", "d": 2.5}, "b": 1})
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()


def test_nan_is_refused_and_the_old_file_stays(tmp_path: Path) -> None:
    atomic.write_json(tmp_path / "one.json", {"a": 1})
    with pytest.raises(ValueError, match="Out of range float"):
        atomic.write_json(tmp_path / "one.json", {"a": float("nan")})
    assert (tmp_path / "one.json").read_text() == '{\n "a": 1\n}\n'
    assert [path.name for path in tmp_path.iterdir()] == ["one.json"]


def test_a_folder_appears_complete(tmp_path: Path) -> None:
    with atomic.folder(tmp_path / "out") as folder:
        (folder / "a").write_text("new")
        assert not (tmp_path / "out").exists()
    assert (tmp_path / "out" / "a").read_text() == "new"


def test_an_error_leaves_the_folder_that_was_there(tmp_path: Path) -> None:
    with atomic.folder(tmp_path / "out") as folder:
        (folder / "a").write_text("old")
    with pytest.raises(RuntimeError), atomic.folder(tmp_path / "out") as folder:
        (folder / "a").write_text("half")
        raise RuntimeError
    assert (tmp_path / "out" / "a").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_leftovers_of_a_killed_run_are_removed(tmp_path: Path) -> None:
    (tmp_path / ".out.tmp").mkdir()
    (tmp_path / ".out.tmp" / "stale").write_text("")
    with atomic.folder(tmp_path / "out") as folder:
        (folder / "a").write_text("")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a"]
