"""A folder for labelling has whole captures only, in the layout of the raw data, and no more than there is room for."""

import csv
import json
import os
import signal
import stat
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from slipway.core.errors import DataError
from slipway.serving.raw_layout import RawLayout
from slipway.serving.review import Captured, ReviewFolder

FILES = RawLayout("metadata.csv", ("path", "label", "prediction", "confidence", "capture"), False, unlabelled="")
ROWS = RawLayout("captured.csv", ("x", "team", "seen", "capture"), True, "seen")
NOON = datetime(2027, 1, 31, 12, tzinfo=UTC)
PLENTY = 10**9

WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from slipway.serving.raw_layout import RawLayout
from slipway.serving.review import Captured, ReviewFolder

layout = RawLayout("metadata.csv", ("path", "label", "prediction", "confidence", "capture"), False, unlabelled="")
rest = ("shot", "v1.0.0", None, True, False, 0.9, {"drive": 0.9, "cut": 0.1})
noon = datetime(2027, 1, 31, 12, tzinfo=UTC)
folder, first = ReviewFolder(Path(sys.argv[1]), 10**9), int(sys.argv[2])
for number in range(first, first + int(sys.argv[3])):
    given = {at: bytes([at]) * 30_000 + str(number).encode() for at in (1, 2, 3)}
    folder.keep(layout, [Captured(noon, f"r{number}", at, *rest, one) for at, one in given.items()])
    print(number, flush=True)
"""


def captured(given: Any, request_id: str = "one", example: int = 1, **changes: Any) -> Captured:
    values: dict[str, Any] = {
        **{"time": NOON, "request_id": request_id, "example": example, "model": "shot", "model_version": "v1.0.0"},
        **{"unit": None, "sampled": True, "unsure": False, "confidence": 0.9},
        **{"prediction": {"drive": 0.9, "cut": 0.1}, "given": given},
    }
    return Captured(**{**values, **changes})


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for file in sorted(path.glob("*.jsonl")) for line in file.read_text().splitlines()]


def table(path: Path, layout: RawLayout = FILES) -> list[dict[str, str]]:
    (found,) = path.glob(f"*/{layout.table}")
    with found.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, strict=True))


def check_whole(path: Path) -> None:
    """Check that each record has its line and its file, and nothing else is there."""
    keys = [f"{one['request_id']}/{one['example']}" for one in records(path)]
    lines = table(path)
    assert {one["capture"] for one in lines} <= set(keys)
    assert len({one["path"] for one in lines}) == len(lines)
    (folder,) = (one for one in path.iterdir() if one.is_dir())
    assert {one.name for one in folder.iterdir()} == {one["path"] for one in lines} | {"metadata.csv"}
    assert {one["file"] for one in records(path)} == {one["path"] for one in lines}


def written(path: Path) -> int:
    return sum(one.stat().st_size for one in path.rglob("*") if one.is_file() and not one.name.startswith("."))


def test_a_file_is_there_once_and_each_capture_has_a_record(tmp_path: Path) -> None:
    folder = ReviewFolder(tmp_path / "shot", PLENTY)
    again = captured(b"\x89PNG one", "two", sampled=False, unsure=True, confidence=0.4)
    assert folder.keep(FILES, [captured(b"\x89PNG one"), captured(b"RIFF----WAVE", example=2)]) == ["kept", "kept"]
    assert folder.keep(FILES, [again]) == ["kept"]
    check_whole(tmp_path / "shot")
    first, second, third = records(tmp_path / "shot")
    assert first["file"] == third["file"] != second["file"]
    assert (first["sampled"], third["sampled"], third["unsure"], third["confidence"]) == (True, False, True, 0.4)
    (line, _) = table(tmp_path / "shot")
    assert line == {"path": first["file"], "label": "", "prediction": "drive", "confidence": "0.9", "capture": "one/1"}
    assert [Path(one["file"]).suffix for one in (first, second)] == [".png", ".wav"]


def test_only_the_owner_can_read_it_and_git_ignores_it(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    before = os.umask(0)
    try:
        ReviewFolder(tmp_path / "data/review" / "shot", PLENTY).keep(FILES, [captured(b"\x89PNG")])
    finally:
        os.umask(before)
    root = tmp_path / "data/review"
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in [root, *root.rglob("*")] if path.name != ".gitignore"}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}
    done = subprocess.run(["git", "status", "--porcelain"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == ""


def test_rows_have_the_columns_of_the_data_and_no_target(tmp_path: Path) -> None:
    given = {"team": 'a "b", c\nd', "x": 0.5, "seen": "yes", "secret": 1}
    folder = ReviewFolder(tmp_path / "ball", PLENTY)
    folder.keep(ROWS, [captured(given), captured({"x": True}, example=2)])
    assert table(tmp_path / "ball", ROWS) == [
        {"x": "0.5", "team": given["team"], "seen": "", "capture": "one/1"},
        {"x": "true", "team": "", "seen": "", "capture": "one/2"},
    ]


@pytest.mark.parametrize("text", ["a\0b", "a" * 200_000])
def test_a_row_that_would_spoil_the_table_is_left_out(tmp_path: Path, text: str) -> None:
    folder = ReviewFolder(tmp_path / "ball", PLENTY)
    assert folder.keep(ROWS, [captured({"team": text}), captured({"team": "home"}, "two")]) == ["unfit", "kept"]
    assert [one["capture"] for one in table(tmp_path / "ball", ROWS)] == ["two/1"]


def test_the_oldest_day_makes_room_and_a_day_without_room_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "shot"
    folder, most = ReviewFolder(path, 15_000), 15_000
    days = [NOON + timedelta(days=number) for number in range(4)]
    for number, day in enumerate(days):
        fates = [
            folder.keep(FILES, [captured(bytes(900) + bytes([number, one]), f"r{number}-{one}", time=day)])[0]
            for one in range(4)
        ]
        assert fates == ["kept"] * 4
        assert written(path) <= most
    kept = sorted({one["time"][:10] for one in records(path)})
    assert kept == [day.date().isoformat() for day in days[-len(kept) :]]
    assert 1 < len(kept) < 4
    many = [captured(bytes(900) + bytes([9, one]), f"s{one}", time=days[-1]) for one in range(20)]
    fates = [folder.keep(FILES, [one])[0] for one in many]
    assert set(fates) == {"kept", "full"}
    assert written(path) <= most
    assert {one["time"][:10] for one in records(path)} == {days[-1].date().isoformat()}
    check_whole(path)


def test_one_that_is_larger_than_everything_removes_nothing(tmp_path: Path) -> None:
    folder = ReviewFolder(tmp_path / "shot", 5000)
    folder.keep(FILES, [captured(b"\x89PNG", time=NOON - timedelta(days=1))])
    assert folder.keep(FILES, [captured(bytes(6000), "two")]) == ["full"]
    assert [one["request_id"] for one in records(tmp_path / "shot")] == ["one"]


def test_what_is_only_unsure_leaves_room_for_the_sample(tmp_path: Path) -> None:
    folder = ReviewFolder(tmp_path / "shot", 20_000)
    for version in ("v1.0.0", "v2.0.0"):
        for number in range(20):
            content = bytes(900) + f"{version}{number}".encode()
            folder.keep(FILES, [captured(content, content.hex()[-9:], model_version=version, sampled=False)])
    assert written(tmp_path / "shot") < 16_000
    assert folder.keep(FILES, [captured(bytes(2000), "drawn")]) == ["kept"]


def test_days_that_are_over_are_removed(tmp_path: Path) -> None:
    folder = ReviewFolder(tmp_path / "shot", PLENTY)
    for number in range(5):
        folder.keep(FILES, [captured(bytes([number]), f"r{number}", time=NOON - timedelta(days=number))])
    (tmp_path / "shot" / "labelled by hand").mkdir()
    folder.tidy(NOON.date(), 2)
    assert [one["request_id"] for one in records(tmp_path / "shot")] == ["r1", "r0"]
    folders = sorted(one.name for one in (tmp_path / "shot").iterdir() if one.is_dir())
    assert folders == ["2027-01-30-v1.0.0", "2027-01-31-v1.0.0", "labelled by hand"]


def test_a_folder_that_was_moved_away_for_labelling_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "shot"
    folder = ReviewFolder(path, PLENTY)
    folder.keep(FILES, [captured(b"one", "one"), captured(b"two", "two")])
    (path / "2027-01-31-v1.0.0").rename(tmp_path / "labelled")
    folder.keep(FILES, [captured(b"one", "three")])
    assert [one["capture"] for one in table(path)] == ["three/1"]
    assert len(list((tmp_path / "labelled").iterdir())) == 3


def test_a_table_that_somebody_changed_keeps_what_they_wrote(tmp_path: Path) -> None:
    path = tmp_path / "shot"
    folder = ReviewFolder(path, PLENTY)
    folder.keep(FILES, [captured(b"one", "one"), captured(b"two", "two")])
    (changed,) = path.glob("*/metadata.csv")
    changed.write_text(changed.read_text().replace(",,drive", ",cut,drive").rstrip("\n"))
    folder.keep(FILES, [captured(b"three", "three")])
    assert [one["label"] for one in table(path)] == ["cut", "cut", ""]
    changed.write_text("path;label\n")
    with pytest.raises(DataError, match=r"metadata\.csv: its first line .* move the folder away"):
        folder.keep(FILES, [captured(b"four", "four")])


def test_the_next_capture_removes_what_has_no_record(tmp_path: Path) -> None:
    path, torn = tmp_path / "shot", b'aa.png,,"dri\nve",0.5,two/1\nbb.p'
    folder = ReviewFolder(path, PLENTY)
    folder.keep(FILES, [captured(b"one", "one")])
    (path / "2027-01-31-v1.0.0.jsonl").unlink()  # so that not even the first capture has a record
    with (path / "2027-01-31-v1.0.0/metadata.csv").open("ab") as file:
        file.write(torn)
    folder.keep(FILES, [captured(b"two", "two")])
    with (path / "2027-01-31-v1.0.0/metadata.csv").open("ab") as file:
        file.write(torn)
    folder.keep(FILES, [captured(b"three", "three")])
    assert [one["capture"] for one in table(path)] == ["two/1", "three/1"]


@pytest.mark.parametrize("size", [1, 40, 1000])
def test_what_was_begun_and_has_no_record_is_removed(tmp_path: Path, size: int) -> None:
    path = tmp_path / "shot"
    folder = ReviewFolder(path, PLENTY)
    folder.keep(FILES, [captured(b"one", "one")])
    before = (path / "2027-01-31-v1.0.0/metadata.csv").read_bytes()
    whole = (path / "2027-01-31-v1.0.0.jsonl").read_bytes()
    with (path / "2027-01-31-v1.0.0/metadata.csv").open("ab") as file:
        file.write((b'aa.png,,"dri\nve",0.5,two/1\n' * 40)[:size])
    with (path / "2027-01-31-v1.0.0.jsonl").open("ab") as file:
        file.write(whole[: min(size, len(whole) - 1)])
    (path / "2027-01-31-v1.0.0" / ".aa.png.tmp").write_bytes(b"half")
    folder.tidy(NOON.date(), 30)
    assert (path / "2027-01-31-v1.0.0/metadata.csv").read_bytes() == before
    folder.keep(FILES, [captured(b"three", "three")])
    assert [one["request_id"] for one in records(path)] == ["one", "three"]
    check_whole(path)


def test_a_file_whose_record_was_written_gets_its_name(tmp_path: Path) -> None:
    path = tmp_path / "shot"
    folder = ReviewFolder(path, PLENTY)
    folder.keep(FILES, [captured(b"\x89PNG one")])
    (file,) = path.glob("*/*.png")
    file.rename(file.with_name(f".{file.name}.tmp"))
    folder.tidy(NOON.date(), 30)
    assert file.read_bytes() == b"\x89PNG one"
    check_whole(path)


def test_a_disk_that_is_full_leaves_nothing_in_part(tmp_path: Path) -> None:
    code = WRITER.replace("\nfolder, first", "\nimport resource\nimport signal\nfolder, first").replace(
        "for number", "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\nfor number", 1
    )
    path = tmp_path / "shot"
    ReviewFolder(path, PLENTY).keep(FILES, [captured(b"first")])
    limit = (path / "2027-01-31-v1.0.0.jsonl").stat().st_size + 700
    code = code.replace("for number", f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\nfor number", 1)
    code = code.replace("* 30_000", "* 100")
    done = subprocess.run([sys.executable, "-c", code, str(path), "0", "5"], capture_output=True, text=True)
    assert "File too large" in done.stderr
    check_whole(path)
    assert len(records(path)) in (2, 3)  # what has a record is whole


def test_processes_that_are_killed_leave_whole_captures(tmp_path: Path) -> None:
    path = tmp_path / "shot"
    command = [sys.executable, "-c", WRITER, str(path)]
    other = subprocess.Popen([*command, "100000", "200"], stdout=subprocess.DEVNULL)
    acknowledged: set[str] = set()
    for number in range(3):
        victim = subprocess.Popen([*command, str(1000 * number), "1000"], stdout=subprocess.PIPE, text=True)
        assert victim.stdout is not None
        acknowledged |= {victim.stdout.readline().strip() for _ in range(5)}
        time.sleep(0.003 * number)
        victim.send_signal(signal.SIGKILL)
        acknowledged |= set(victim.stdout.read().split())
        victim.wait()
    assert other.wait() == 0
    ReviewFolder(path, PLENTY).tidy(NOON.date(), 30)
    check_whole(path)
    there = {one["request_id"] for one in records(path)}
    assert there >= {f"r{one}" for one in acknowledged}
    assert there >= {f"r{100_000 + number}" for number in range(200)}


def test_two_processes_hold_the_cap_together(tmp_path: Path) -> None:
    path, most = tmp_path / "shot", 3_000_000
    command = [sys.executable, "-c", WRITER.replace("10**9", str(most)), str(path)]
    both = [subprocess.Popen([*command, str(number), "40"], stdout=subprocess.DEVNULL) for number in (0, 1000)]
    assert [one.wait() for one in both] == [0, 0]
    assert most - 200_000 < written(path) <= most
    check_whole(path)


def test_the_day_of_a_capture_is_that_of_its_time(tmp_path: Path) -> None:
    folder = ReviewFolder(tmp_path / "shot", PLENTY)
    folder.keep(FILES, [captured(b"after", "after", time=datetime(2027, 2, 1, 0, 0, 1, tzinfo=UTC))])
    folder.keep(FILES, [captured(b"before", "before", time=datetime(2027, 1, 31, 23, 59, 59, tzinfo=UTC))])
    assert sorted(date.fromisoformat(one.name[:10]) for one in (tmp_path / "shot").glob("*.jsonl")) == [
        date(2027, 1, 31),
        date(2027, 2, 1),
    ]
