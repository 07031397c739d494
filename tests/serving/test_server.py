"""The life of a server: overload, deadlines, workers, and its end."""

import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import requests
from PIL import Image

from serving import house
from serving.process import SECONDS, Server, serving, until, workers
from slipway.serving import tokens

PNG = {"content-type": "image/png"}


@pytest.fixture(scope="module")
def large() -> bytes:
    """A picture that takes a good while to decode."""
    buffer = io.BytesIO()
    Image.new("RGB", (7000, 7000), "teal").save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


@contextmanager
def sending(server: Server, picture: bytes, count: int, copies: int = 1) -> Iterator[list["Future[requests.Response]"]]:
    """Send requests with pictures at the same time, and go on when the server has all of them."""
    files = [("file", ("large.png", picture))] * copies
    with ThreadPoolExecutor(count) as pool:
        yield [pool.submit(server.post, "/api/v1/predict/shot", files=files) for _ in range(count)]


def test_beyond_the_queue_requests_are_refused_and_told_when_to_come_again(
    built: Path, tmp_path: Path, large: bytes
) -> None:
    with serving(built, tmp_path / "server", "shot", "--queue", "2") as server:
        with sending(server, large, 6) as sent:
            found = [one.result() for one in sent]
        codes = sorted(one.status_code for one in found)
        assert codes.count(200) >= 2
        assert set(codes) == {200, 429}
        refused = next(one for one in found if one.status_code == 429)
        assert int(refused.headers["Retry-After"]) >= 1
        assert "requests wait for a model" in refused.json()["detail"]
        assert server.predict("shot", data=house.picture(), headers=PNG)


def test_a_request_that_takes_too_long_is_504_and_the_next_is_answered(
    built: Path, tmp_path: Path, large: bytes
) -> None:
    with serving(built, tmp_path / "server", "shot", "--deadline", "0.1") as server:
        response = server.post("/api/v1/predict/shot", files=[("file", ("large.png", large))])
        assert response.status_code == 504
        until(
            lambda: server.post("/api/v1/predict/shot", data=house.picture(), headers=PNG).status_code == 200,
            "an answer after the slow one",
        )


def test_at_sigterm_it_is_not_ready_answers_what_it_has_and_ends(built: Path, tmp_path: Path, large: bytes) -> None:
    with serving(built, tmp_path / "server") as server, sending(server, large, 1, copies=2) as (slow,):
        time.sleep(0.3)
        assert not slow.done()
        begin = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        until(lambda: server.get("/readyz").status_code == 503, "not ready")
        assert "about to end" in server.get("/readyz").text
        assert server.predict("ball", json=house.ROWS)  # it still answers, so that no balancer notices too late
        assert slow.result().status_code == 200
        assert server.process.wait(20) in (0, -signal.SIGTERM)
        assert time.monotonic() - begin < 10


def test_a_request_on_a_connection_that_was_open_before_the_end_is_answered(built: Path, tmp_path: Path) -> None:
    with serving(built, tmp_path / "server", "ball") as server:
        host, port = server.address.removeprefix("http://").split(":")

        def connect() -> socket.socket:
            return socket.create_connection((host, int(port)), timeout=SECONDS)

        def is_closed() -> bool:
            try:
                connect().close()
            except ConnectionRefusedError:
                return True
            return False

        with connect() as early:
            server.process.send_signal(signal.SIGTERM)
            until(is_closed, "no new connections")
            early.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            answer = b"".join(iter(lambda: early.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 200")
        assert b"connection: close" in answer.lower()
        assert server.process.wait(SECONDS) in (0, -signal.SIGTERM)


def test_workers_follow_a_refresh_together_and_one_that_dies_is_replaced(root: Path, tmp_path: Path) -> None:
    with serving(root, tmp_path / "server", "--workers", "2", "--poll", "0") as server:
        until(lambda: len(workers(server.process.pid)) == 2, "two workers")

        def answers() -> set[str]:
            # each connection may come to another worker
            return {server.predict("ball", json=house.ROWS)["model_version"] for _ in range(20)}

        house.new_version(root, "v1.1.0", 2, slope=-3.0)
        assert server.post("/api/v1/refresh").status_code == 200
        until(lambda: answers() == {"v1.1.0"}, "both workers answer with the new version")

        before = workers(server.process.pid)
        os.kill(min(before), signal.SIGKILL)
        until(
            lambda: len(workers(server.process.pid) - before) == 1 and len(workers(server.process.pid)) == 2,
            "a new worker",
        )
        assert answers() == {"v1.1.0"}
        left = workers(server.process.pid)
        assert server.stop() == 0
        assert not [pid for pid in left if psutil.pid_exists(pid)]


def test_at_sighup_workers_are_replaced_one_by_one_and_no_request_fails(built: Path, tmp_path: Path) -> None:
    with serving(built, tmp_path / "server", "ball", "--workers", "2") as server:
        until(lambda: len(workers(server.process.pid)) == 2, "two workers")
        before = workers(server.process.pid)
        server.process.send_signal(signal.SIGHUP)
        answers = 0
        end = time.monotonic() + SECONDS
        while workers(server.process.pid) & before or len(workers(server.process.pid)) < 2:
            assert time.monotonic() < end
            assert server.predict("ball", json=house.ROWS)  # on a connection of its own
            answers += 1
        assert answers > 5
        assert server.predict("ball", json=house.ROWS)


def test_the_environment_chooses_the_role_as_mlflow_writes_it(root: Path, tmp_path: Path) -> None:
    house.assign(root, "ball", "v1.0.0", "staging", 2)
    with serving(root, tmp_path / "server", environment={"MODEL_STAGE": "Staging"}) as server:
        assert [(one["model"], one["role"]) for one in server.get("/readyz").json()["models"]] == [("ball", "staging")]
        assert server.predict("ball", json=house.ROWS)["model_version"] == "v1.0.0"
        assert server.predict("ball@production", json=house.ROWS)
        assert server.post("/api/v1/predict/shot", data=house.picture(), headers=PNG).status_code == 404


def test_a_chosen_model_that_has_no_version_with_the_role_makes_the_server_not_ready(
    built: Path, tmp_path: Path
) -> None:
    with serving(built, tmp_path / "server", "ball", "bal") as server:
        response = server.get("/readyz")
        assert response.status_code == 503
        assert response.json()["problems"] == [
            "no version of bal holds production: give the role with `slipway promote`"
        ]
        assert server.predict("ball", json=house.ROWS)


def test_versions_are_loaded_on_demand_and_unloaded_but_not_those_that_hold_a_role(root: Path, tmp_path: Path) -> None:
    for number, slope in enumerate((1.0, 2.0), start=1):
        house.rows(root, slope=slope)
        house.commit(root)
        house.register(root, "ball", f"v1.{number}.0")
    with serving(root, tmp_path / "server", "ball") as server:

        def loaded() -> list[str]:
            return [one["version"] for one in server.get("/api/v1/loaded").json()]

        assert loaded() == ["v1.0.0"]
        found = requests.put(f"{server.address}/api/v1/loaded/ball@v1.1.0", timeout=30).json()
        assert (found["version"], found["roles"]) == ("v1.1.0", [])
        assert server.predict("ball@v1.2.0", json=house.ROWS)["model_version"] == "v1.2.0"
        assert loaded() == ["v1.0.0", "v1.1.0", "v1.2.0"]
        for version, status in (("v1.1.0", 204), ("v1.1.0", 204), ("v1.0.0", 409), ("v9.0.0", 404)):
            response = requests.delete(f"{server.address}/api/v1/loaded/ball@{version}", timeout=30)
            assert response.status_code == status
        assert loaded() == ["v1.0.0", "v1.2.0"]


def run(*arguments: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "slipway", "serve", *arguments], cwd=cwd, capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--repo", "nowhere"], "not the root of a repository with DVC"),
        (["--role", "boss"], "choose from production, canary, staging"),
        (["--workers", "some"], "neither a number of processes nor auto"),
        (["--repo", "file:///nowhere/at/all.git"], "does not appear to be a git repository"),
    ],
)
def test_a_wrong_option_is_one_line_that_says_what_to_do(
    built: Path, tmp_path: Path, arguments: list[str], says: str
) -> None:
    done = run("--cache", str(tmp_path), *arguments, cwd=built)
    assert done.returncode not in (0, 1)
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_with_a_token_each_request_needs_one_and_readyz_tells_others_its_status_alone(
    root: Path, tmp_path: Path
) -> None:
    secret = tokens.create(root / tokens.FILE, "reader", ["predict", "read"])
    with serving(root, tmp_path / "server", "ball") as server:
        assert server.post("/api/v1/predict/ball", json=house.ROWS).status_code == 401
        assert server.get("/readyz").json() == {"ready": True, "models": [], "problems": []}
        headers = {"Authorization": f"Bearer {secret}"}
        assert server.predict("ball", json=house.ROWS, headers=headers)
        assert requests.get(f"{server.address}/readyz", headers=headers, timeout=30).json()["models"]
        refused = server.post("/api/v1/refresh", headers=headers)
        assert refused.status_code == 403
        assert refused.json()["needed"] == ["promote"]
        assert server.get("/try/ball").status_code == 200
    lines = [json.loads(line) for line in (tmp_path / "server" / "audit.jsonl").read_text().splitlines()]
    assert [(line["status"], line["token"]) for line in lines] == [(401, None), (403, "reader")]


def test_an_address_that_others_reach_needs_a_token(built: Path, tmp_path: Path) -> None:
    done = run("--host", "0.0.0.0", "--port", "0", "--cache", str(tmp_path), cwd=built)
    assert done.returncode == 2
    assert "slipway token create" in done.stderr


FRAMEWORKS = ("fastapi", "starlette", "uvicorn", "slipway.serving")


@pytest.mark.parametrize("command", [["--help"], ["registry", "list"], ["gate"], ["releases"]])
def test_other_commands_import_no_web_framework(built: Path, command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "slipway", *command], cwd=built, capture_output=True, text=True
    )
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "slipway.cli.app" in imported
    assert not [name for name in imported if name.split(".")[0] in FRAMEWORKS or name.startswith("slipway.serving")]


def test_a_server_imports_no_signal_processing_before_it_has_a_sound() -> None:
    program = "import slipway.serving.server, sys; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    imported = set(done.stdout.split())
    assert "slipway.serving.app" in imported
    assert not imported & {"scipy.optimize", "scipy.signal", "scipy.stats", "av"}


def test_without_the_extra_the_command_says_what_to_install(built: Path, tmp_path: Path) -> None:
    (tmp_path / "fastapi.py").write_text("raise ModuleNotFoundError(\"No module named 'fastapi'\", name='fastapi')\n")
    done = subprocess.run(
        [sys.executable, "-m", "slipway", "serve"],
        cwd=built,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]])},
    )
    assert done.returncode == 127
    assert done.stderr == "error: slipway serve needs fastapi; run pip install 'slipway[serve]'\n"
