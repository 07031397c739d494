"""Each whole line that logs get is seen once, whichever worker writes it and on whichever day."""

from pathlib import Path

from slipway.traffic.tail import Tail


def append(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.write(content)


def test_what_is_appended_later_is_seen_once(tmp_path: Path) -> None:
    first, second = (tmp_path / day / "worker-0.jsonl" for day in ("2027-01-31", "2027-02-01"))
    append(first, b"old\n")
    tail = Tail(tmp_path)
    assert tail.lines() == []
    append(first, b"one\ntw")
    append(second, b"three\n")
    assert tail.lines() == [b"one", b"three"]
    append(first, b"o\n")
    assert tail.lines() == [b"two"]
    assert tail.lines() == []


def test_only_lines_with_the_mark(tmp_path: Path) -> None:
    tail = Tail(tmp_path, b"mine")
    append(tmp_path / "2027-01-31" / "worker-0.jsonl", b"mine 1\nother\nmine 2\n")
    assert tail.lines() == [b"mine 1", b"mine 2"]


def test_a_log_that_became_a_table_is_no_error_and_one_that_begins_anew_is_read(tmp_path: Path) -> None:
    log = tmp_path / "2027-01-31" / "worker-0.jsonl"
    append(log, b"a long line\n")
    tail = Tail(tmp_path)
    log.unlink()
    assert tail.lines() == []
    append(log, b"new\n")
    assert tail.lines() == [b"new"]
