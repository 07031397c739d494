"""The audit log: who changed what and who was refused; it outlives full disks and files that are moved."""

import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.guarded import LIMITS, Server, request, serving
from slipway.serving.audit import AuditLog

PROMOTE = "/api/v1/models/a/versions/v1/promote"
PREDICT = "/api/v1/predict/a"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path) as running:
        yield running


def record(log: AuditLog, request_id: str = "1") -> None:
    log.write("ci", "POST", "/api/v1/refresh", 200, None, request_id)


def identities(path: Path) -> list[str]:
    return [json.loads(line)["request_id"] for line in path.read_text().splitlines()]


def test_changes_and_refusals_are_recorded_and_nothing_else(server: Server) -> None:
    secrets = server.secrets
    server.ask("GET", "/healthz")
    server.ask("GET", "/api/v1/models", token=secrets["admin"])
    server.ask("POST", PREDICT, b"[]", secrets["predict"])
    server.ask("POST", "/api/v1/outcomes", b"[]", secrets["outcome"])
    server.ask("POST", "/api/v1/outcomes", b"[1]", secrets["outcome"])
    changed = server.ask("POST", f"{PROMOTE}?why=secret", b"{}", secrets["promote"])
    failed = server.ask("POST", PROMOTE, b'{"rollout_percentage": 101}', secrets["promote"])
    scope = server.ask("POST", PROMOTE, b"{}", secrets["read"])
    anonymous = server.ask("POST", PROMOTE, b"{}")
    large = server.ask("POST", PREDICT, bytes(LIMITS.body + 1), secrets["predict"])
    other = server.send(b"nonsense\r\n\r\n")
    found = server.records()
    assert all(one.pop("time").endswith("Z") for one in found)
    assert [tuple(one.values()) for one in found] == [
        ("promote", "POST", PROMOTE, 200, None, changed.headers["x-request-id"]),
        ("promote", "POST", PROMOTE, 422, "Share out of range", failed.headers["x-request-id"]),
        ("read", "POST", PROMOTE, 403, "Scope missing", scope.headers["x-request-id"]),
        (None, "POST", PROMOTE, 401, "Token missing", anonymous.headers["x-request-id"]),
        ("predict", "POST", PREDICT, 413, "Too large", large.headers["x-request-id"]),
        (None, None, None, 400, "Not HTTP", other.headers["x-request-id"]),
    ]


def test_a_change_that_nobody_waited_for_is_recorded_without_a_status(server: Server) -> None:
    head, _ = request("POST", PROMOTE, b"{}", server.secrets["promote"])
    with server.connect() as connection:
        connection.sendall(head)
        time.sleep(0.1)
    for _ in range(100):
        if server.audit.written:
            break
        time.sleep(0.05)
    (record,) = server.records()
    assert (record["token"], record["path"], record["status"]) == ("promote", PROMOTE, 0)


def test_each_record_is_one_line_whatever_the_path_is(server: Server) -> None:
    paths = ["/a%0Ab%22%7D", "/" + "a" * 5000, "/%E2%80%AE%00%FF"]
    for path in paths:
        server.ask("PUT", path, token=server.secrets["read"])
    shown = [one["path"] for one in server.records()]
    assert shown == ['/a\nb"}', "/" + "a" * 499, "/\u202e\x00\ufffd"]
    assert server.audit.path.read_bytes().isascii()


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "logs" / "audit.jsonl")
    record(log)
    assert stat.S_IMODE(log.path.stat().st_mode) == 0o600


def test_a_file_that_is_moved_is_left_and_a_new_one_is_begun(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.jsonl")
    record(log, "1")
    log.path.rename(tmp_path / "audit.jsonl.1")
    record(log, "2")
    log.path.unlink()
    record(log, "3")
    assert identities(tmp_path / "audit.jsonl.1") == ["1"]
    assert identities(log.path) == ["3"]
    assert (log.written, log.lost) == (3, 0)


def test_a_full_disk_costs_records_and_nothing_else(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.jsonl")
    record(log, "1")
    log.path.rename(tmp_path / "audit.jsonl.1")
    log.path.symlink_to("/dev/full")
    for _ in range(3):
        record(log, "lost")
    assert (log.written, log.lost) == (1, 3)
    log.path.unlink()
    record(log, "2")
    assert identities(log.path) == ["2"]
    assert (log.written, log.lost) == (2, 3)


def test_a_server_whose_audit_log_cannot_be_written_goes_on(server: Server) -> None:
    server.ask("GET", "/api/v1/models")
    server.audit.path.unlink()
    server.audit.path.parent.rmdir()
    server.audit.path.parent.write_text("in the way")
    answer = server.ask("GET", "/api/v1/models")
    assert answer.status == 401
    assert server.ask("POST", PROMOTE, b"{}", server.secrets["promote"]).status == 200
    assert server.audit.lost == 2


def test_a_record_that_was_cut_off_does_not_damage_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = AuditLog(tmp_path / "audit.jsonl")
    write = os.write
    with monkeypatch.context() as patch:
        patch.setattr("slipway.traffic.append_only.os.write", lambda file, content: write(file, content[:20]))
        record(log, "cut off")
    record(log, "next")
    lines = log.path.read_text().splitlines()
    assert len(lines) == 2
    assert json.loads(lines[1])["request_id"] == "next"
    assert (log.written, log.lost) == (1, 1)


def test_a_line_that_a_kill_left_half_is_ended_by_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_text('{"time": "20')
    record(AuditLog(path), "next")
    assert json.loads(path.read_text().splitlines()[1])["request_id"] == "next"


WRITER = """\
import pathlib, sys
from slipway.serving.audit import AuditLog
log = AuditLog(pathlib.Path(sys.argv[1]))
for number in range(200):
    log.write(None, "GET", "/", 403, None, f"{sys.argv[2]}-{number}")
"""


def test_records_of_several_workers_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    workers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(worker)]) for worker in range(3)]
    assert [one.wait(60) for one in workers] == [0, 0, 0]
    assert sorted(identities(path)) == sorted(f"{worker}-{number}" for worker in range(3) for number in range(200))


@given(st.text(max_size=30))
def test_a_token_in_a_path_is_hidden(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    log = AuditLog(tmp_path_factory.mktemp("audit") / "audit.jsonl")
    secret = "slipway_" + "x" * 43
    log.write(None, "GET", f"/{text}/{secret}", 404, None, "1")
    assert secret not in log.path.read_text()
    log.close()
