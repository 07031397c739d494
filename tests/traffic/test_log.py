"""The log of predictions: whole lines, in one file for each worker and day, whatever happens."""

import json
import os
import shutil
import stat
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from slipway.traffic.log import Log
from slipway.traffic.records import PREDICTIONS
from traffic.records_of_tests import MOMENT, RECORD, numbered

TESTS = Path(__file__).resolve().parents[1]


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_record_is_a_line_of_json_in_the_file_of_its_worker_and_day(tmp_path: Path) -> None:
    log = Log(tmp_path, PREDICTIONS, 3)
    log.write(RECORD)
    path = tmp_path / "predictions" / "2026-01-31" / "worker-3.jsonl"
    assert lines(path) == [
        {
            "time": "2026-01-31T08:00:00.001250Z",
            "request_id": "r1",
            "model": "shot",
            "model_version": "v1.2.0",
            "unit": None,
            "status": 200,
            "problem": None,
            "examples": 1,
            "seconds": 0.0041,
            "inference_time": 0.0034,
            "predictions": [{"drive": 0.75, "cut": 0.25}],
            "experiment": None,
            "arm": None,
            "share": None,
        }
    ]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_each_day_has_its_file_also_if_the_clock_goes_back(tmp_path: Path) -> None:
    log = Log(tmp_path, PREDICTIONS, 0)
    for days in (0, 1, 0):
        log.write(replace(RECORD, time=MOMENT + timedelta(days=days)))
    found = {path.parent.name: len(lines(path)) for path in tmp_path.glob("predictions/*/worker-0.jsonl")}
    assert found == {"2026-01-31": 2, "2026-02-01": 1}


WRITER = """\
import os, pathlib, sys
from slipway.traffic.log import Log
from slipway.traffic.records import PREDICTIONS
from traffic.records_of_tests import numbered
log = Log(pathlib.Path(sys.argv[1]), PREDICTIONS, int(sys.argv[2]))
for record in numbered(100_000):
    log.write(record)
    os.write(1, b".")
"""


def test_what_was_acknowledged_outlives_a_kill(tmp_path: Path) -> None:
    for worker in range(5):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), str(worker)], stdout=subprocess.PIPE, cwd=TESTS
        ) as process:
            assert process.stdout is not None
            count = len(process.stdout.read(1 + 37 * worker))
            process.kill()
            count += len(process.stdout.read())
        found = lines(tmp_path / "predictions" / "2026-01-31" / f"worker-{worker}.jsonl")
        assert [one["request_id"] for one in found[:count]] == [f"r{number}" for number in range(count)]
        assert count > 0


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("mount") is None, reason="needs a small file system, which only root can mount"
)
def test_a_full_disk_loses_records_counts_them_and_leaves_whole_lines(tmp_path: Path) -> None:
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(place)], capture_output=True)
    if mounted.returncode:
        pytest.skip("a file system cannot be mounted here")
    log = Log(place, PREDICTIONS, 0)
    try:
        for record in numbered(1000):
            log.write(record)
        assert 0 < log.lost < 1000
        path = place / "predictions" / "2026-01-31" / "worker-0.jsonl"
        whole = path.read_bytes().rpartition(b"\n")[0].splitlines()
        assert len(whole) == 1000 - log.lost
        assert all(json.loads(line) for line in whole)
    finally:
        log.close()
        subprocess.run(["umount", str(place)], check=True)


def test_a_folder_that_cannot_be_written_is_no_error_for_requests(tmp_path: Path) -> None:
    (tmp_path / "predictions").write_text("a file")
    log = Log(tmp_path, PREDICTIONS, 0)
    log.write(RECORD)
    log.write(RECORD)
    assert log.lost == 2
