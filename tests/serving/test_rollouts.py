"""A rollout on a server: units get the new version by hash, steps are taken, and what does harm is taken back."""

import http.server
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from rollouts import house
from serving.process import Server, serving, until, workers
from serving.test_recording import logged
from slipway.experiments.assignment import rollout

QUICK = "steps: [20, 50, 100]\nminimum_units: 10\nminimum_hours: 0\ncanary_duration_hours: 0\n"
SOUND, FAULTY = "v2.0.0", "v3.0.0"


@pytest.fixture(scope="module")
def rolled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("rollouts") / "repository"
    house.built(root, False, True)
    return root


@pytest.fixture
def root(rolled: Path, tmp_path: Path) -> Path:
    """A copy of the repository with its Git remote."""
    root = house.copied(rolled, tmp_path)
    (root / "rollouts").mkdir()
    (root / "rollouts" / "ball.yaml").write_text(QUICK)
    house.git(root, "add", "--all")
    house.git(root, "commit", "-q", "-m", "plan")
    house.git(tmp_path, "init", "-q", "--bare", "remote.git")
    house.git(root, "remote", "add", "origin", str(tmp_path / "remote.git"))
    house.git(root, "push", "-q", "origin", "--all")
    house.git(root, "push", "-q", "origin", "--tags")
    return root


def slipway(root: Path, *arguments: str, code: int = 0) -> Any:
    command = [sys.executable, "-m", "slipway", *arguments, "--json"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def start(root: Path, version: str = SOUND) -> None:
    slipway(root, "rollout", "start", f"ball@{version}", "--push")


def ask(server: Server, *units: str, row: dict[str, float] = house.ROW) -> list[str | None]:
    """Return the version that answers each unit; None for an error."""
    answers = [server.post("/api/v1/predict/ball", json=[row], headers={"x-unit": unit}) for unit in units]
    return [one.json().get("model_version") if one.status_code == 200 else None for one in answers]


def names(first: int, count: int) -> list[str]:
    return [f"user-{number}" for number in range(first, first + count)]


def tags(root: Path) -> list[str]:
    return house.git(root, "tag", "-l", "ball#*", "--sort=creatordate").split()


def told(root: Path, tag: str) -> str:
    return house.git(root, "tag", "-l", "-n99", tag)


def harm(server: Server) -> None:
    """Let users meet failures of the canary, until its share is 0."""
    seen = 0

    def is_taken_back() -> bool:
        nonlocal seen
        ask(server, *names(seen, 10), row=house.FAILING)
        seen += 10
        return "is taken back" in server.log.read_text()

    until(is_taken_back, "it is taken back")


def test_units_get_the_new_version_by_their_names(root: Path, tmp_path: Path) -> None:
    start(root)
    split = rollout("rollouts/ball/2", 20)
    units = names(0, 40)
    with serving(root, tmp_path / "server", "--poll", "60") as server:
        expected = {unit: SOUND if split.of(unit) else "v1.0.0" for unit in units}
        assert dict(zip(units, ask(server, *units), strict=True)) == expected
        assert set(expected.values()) == {SOUND, "v1.0.0"}
        for unit in units[:5]:
            found = server.get(f"/api/v1/models/ball/versions/assigned?unit={unit}").json()
            role = "canary" if expected[unit] == SOUND else "production"
            assert found == {"model": "ball", "role": role, "version": expected[unit], "share": 20}
        for address in ("ball@v1.0.0", "ball@production", "ball@canary"):
            server.predict(address, json=[house.ROW], headers={"x-unit": "user-1"})
        records = logged(tmp_path / "server")
        assert {(one["experiment"], one["arm"], one["share"]) for one in records[:40]} == {
            ("rollouts/ball/2", "canary", 0.2),
            ("rollouts/ball/2", "production", 0.8),
        }
        assert {one["experiment"] for one in records[40:]} == {None}
        assert server.get("/api/v1/models/ball/versions/assigned?unit=").status_code == 422
        assert server.get("/api/v1/models/nobody/versions/assigned?unit=u").status_code == 404


def test_a_sound_version_gets_production_step_by_step(root: Path, tmp_path: Path) -> None:
    start(root)
    with serving(root, tmp_path / "server", "--poll", "60", "--workers", "2") as server:
        seen = 0

        def has_production() -> bool:
            nonlocal seen
            assert None not in ask(server, *names(seen, 10))
            seen += 10
            return any(one.startswith("ball#production#4") for one in tags(root))

        until(has_production, "the version has production")
        until(lambda: set(ask(server, *names(0, 10))) == {SOUND}, "all workers answer by it")
    assert tags(root) == ["ball#production#1", "ball#canary#2", "ball#canary#3", "ball#production#4", "ball#canary!#5"]
    assert set(tags(tmp_path / "remote.git")) == set(tags(root))
    for tag in ("ball#canary#3", "ball#production#4"):
        assert slipway(root, "rollout", "replay", tag)["same"]


@contextmanager
def webhook() -> Iterator[tuple[str, list[Any]]]:
    """A server that keeps what is sent to it."""
    got: list[Any] = []

    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    receiver = http.server.HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{receiver.server_port}", got
    finally:
        receiver.shutdown()


def test_a_version_that_fails_is_taken_back_with_the_evidence(root: Path, tmp_path: Path) -> None:
    start(root, FAULTY)
    kept = tmp_path / "alert.json"
    with (
        webhook() as (address, got),
        serving(
            *(root, tmp_path / "server", "--poll", "60", "--workers", "2", "--alert-webhook", address),
            *("--alert-command", f"tee {kept}"),
        ) as server,
    ):
        harm(server)
        until(lambda: None not in ask(server, *names(0, 40), row=house.FAILING), "production answers everybody")
        until(lambda: "ball#canary!#3" in tags(root), "a tag says so")
        until(lambda: got and kept.exists(), "people are told")
        assert 'slipway_rollout_taken_back_timestamp_seconds{model="ball"}' in server.get("/metrics").text
        assert server.get("/readyz").json()["ready"]
    assert (got[0]["alert"], got[0]["version"], got[0]["tags"]) == ("RollbackTriggered", FAULTY, ["ball#canary!#3"])
    assert json.loads(kept.read_text()) == got[0]
    text = told(root, "ball#canary!#3")
    assert "errors beside production: " in text
    assert f"Taken back: {FAULTY}" in text
    assert "ball#canary!#3" in tags(tmp_path / "remote.git")
    found = slipway(root, "rollout", "replay", "ball#canary!#3")
    assert (found["same"], found["decision"]) == (True, "take back")
    slipway_refused = [sys.executable, "-m", "slipway", "rollout", "start", f"ball@{FAULTY}"]
    assert subprocess.run(slipway_refused, cwd=root, capture_output=True).returncode == 6


def close(remote: Path) -> Path:
    """Let a Git remote refuse every push; return the hook that does."""
    hook = remote / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho tags are closed >&2\nexit 1\n")
    hook.chmod(0o755)
    return hook


def test_a_kill_between_the_restraint_and_the_tag_leaves_the_share_at_0(root: Path, tmp_path: Path) -> None:
    start(root, FAULTY)
    hook = close(tmp_path / "remote.git")
    with serving(root, tmp_path / "server", "--poll", "60", "--workers", "2") as server:
        harm(server)
        until(lambda: None not in ask(server, *names(0, 40), row=house.FAILING), "production answers everybody")
        until(lambda: "tags are closed" in str(server.get("/readyz").json()), "the refused push is told")
        for process in [*workers(server.process.pid), server.process.pid]:
            os.kill(process, signal.SIGKILL)
    assert "ball#canary!#3" not in tags(root)
    with serving(root, tmp_path / "server", "--poll", "60") as server:
        assert set(ask(server, *names(0, 40), row=house.FAILING)) == {"v1.0.0"}
        hook.unlink()
        until(lambda: "ball#canary!#3" in tags(tmp_path / "remote.git"), "the next controller completes it")
    assert slipway(root, "rollout", "replay", "ball#canary!#3")["same"]
    assert [one for one in tags(root) if "!" in one] == ["ball#canary!#3"]


def test_of_two_servers_one_decides_and_both_follow(root: Path, tmp_path: Path) -> None:
    start(root, FAULTY)
    state = f"sqlite:///{tmp_path / 'state.db'}"
    options = ("--poll", "60", "--state", state, "--log", str(tmp_path / "logs"))
    with (
        serving(root, tmp_path / "first", *options) as first,
        serving(root, tmp_path / "second", *options, "--audit-log", str(tmp_path / "audit")) as second,
    ):
        seen = 0

        def is_taken_back() -> bool:
            nonlocal seen
            for server in (first, second):
                ask(server, *names(seen, 10), row=house.FAILING)
            seen += 10
            return "ball#canary!#3" in tags(root)

        until(is_taken_back, "it is taken back")
        for server in (first, second):
            until(lambda server=server: None not in ask(server, *names(0, 40), row=house.FAILING), "0 everywhere")
    assert [one for one in tags(root) if "!" in one] == ["ball#canary!#3"]


def test_people_begin_pause_and_abort_it_by_rest(root: Path, tmp_path: Path) -> None:
    with serving(root, tmp_path / "server", "--poll", "60") as server:
        path = f"/api/v1/models/ball/versions/{SOUND}/promote"
        begun = server.post(path, json={"status": "canary", "rollout_percentage": 10})
        assert (begun.status_code, begun.json()["tags"]) == (200, ["ball#canary#2"]), begun.text
        (listed,) = server.get("/api/v1/rollouts").json()
        assert (listed["version"], listed["share"], listed["state"]) == (SOUND, 10, "running")
        again = server.post(path, json={"status": "canary", "rollout_percentage": 10})
        assert (again.status_code, "is being rolled out" in again.json()["detail"]) == (409, True)
        versions = ask(server, *names(0, 60))
        assert 0 < versions.count(SOUND) < 30  # at once, without a poll
        found = server.get("/api/v1/rollouts/ball").json()
        assert (found["decision"], found["units"][0]["canary"]) == ("wait", versions.count(SOUND))
        paused = server.post("/api/v1/rollouts/ball/pause", json={"reason": "the weekend"})
        assert (paused.status_code, paused.json()["tags"]) == (200, ["ball#canary#3"])
        assert server.get("/api/v1/rollouts").json()[0]["state"] == "paused"
        assert ask(server, *names(0, 60)) == versions
        aborted = server.post("/api/v1/rollouts/ball/abort", json={"reason": "no"})
        assert aborted.json()["tags"] == ["ball#canary!#4"]
        assert set(ask(server, *names(0, 60))) == {"v1.0.0"}
        assert server.get("/api/v1/rollouts/ball").status_code == 409
        assert server.get("/api/v1/rollouts/nobody").status_code == 404
        assert server.post("/api/v1/rollouts/ball/double", json={"reason": "no"}).status_code == 422
        assert server.post("/api/v1/rollouts/ball/pause", json={"reason": "no"}).status_code == 409
    assert "the weekend" in told(root, "ball#canary#3")


def test_a_canary_without_a_share_gets_no_units(root: Path, tmp_path: Path) -> None:
    slipway(root, "promote", f"ball@{SOUND}", "--to", "canary")
    with serving(root, tmp_path / "server", "--poll", "60") as server:
        assert set(ask(server, *names(0, 40))) == {"v1.0.0"}
        assert server.predict("ball@canary", json=[house.ROW])["model_version"] == SOUND
