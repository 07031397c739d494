"""Each alert fires when it must and not otherwise; alerts and dashboard use measures that a server has."""

import json
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from serving import house
from serving.process import SECONDS, Server, serving, until

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "monitoring"
needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="needs promtool (tests/install_prometheus)"
)
needs_prometheus = pytest.mark.skipif(
    shutil.which("prometheus") is None, reason="needs prometheus (tests/install_prometheus)"
)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with models in production, for reading only."""
    root = tmp_path_factory.mktemp("serving") / "repository"
    house.built(root)
    return root


def rules(path: Path = FOLDER / "alerts.yml") -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]


def expressions() -> list[str]:
    """The queries of alerts and dashboard."""
    panels = json.loads((FOLDER / "dashboard.json").read_text())["panels"]
    return [rule["expr"] for rule in rules()] + [target["expr"] for panel in panels for target in panel["targets"]]


def promtool(*arguments: str, folder: Path = FOLDER) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["promtool", *arguments], cwd=folder, capture_output=True, text=True)


@needs_promtool
def test_the_rules_are_sound_and_each_alert_fires_as_its_tests_say() -> None:
    for arguments in (
        ("check", "rules", "alerts.yml"),
        ("check", "config", "prometheus.yml"),
        ("test", "rules", "alerts.test.yml"),
    ):
        done = promtool(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
@pytest.mark.parametrize("name", [rule["alert"] for rule in rules()])
def test_the_tests_notice_an_alert_that_never_fires_or_always_does(tmp_path: Path, name: str) -> None:
    for expression in ("vector(1) == 0", "vector(1)"):
        changed = yaml.safe_load((FOLDER / "alerts.yml").read_text())
        (rule,) = [one for one in changed["groups"][0]["rules"] if one["alert"] == name]
        rule["expr"], rule["for"] = expression, "0m"
        (tmp_path / "alerts.yml").write_text(yaml.safe_dump(changed))
        shutil.copy(FOLDER / "alerts.test.yml", tmp_path)
        assert promtool("test", "rules", "alerts.test.yml", folder=tmp_path).returncode


DECLARED = """
import sys
from pathlib import Path
from slipway.serving.measures import Measures

for one in vars(Measures(Path(sys.argv[1]), 0)).values():
    for described in one.describe() if hasattr(one, "describe") else ():
        endings = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}.get(described.type, ("",))
        print(*(described.name + ending for ending in endings), sep="\\n")
"""


def test_queries_use_measures_of_a_server(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", DECLARED, str(tmp_path)], capture_output=True, text=True, check=True)
    used = {name for one in expressions() for name in re.findall(r"slipway_\w+", one)}
    assert used
    assert used <= set(done.stdout.split())


def test_a_server_has_its_measures(built: Path, tmp_path: Path) -> None:
    with serving(built, tmp_path / "server") as server:
        server.predict("ball", json=house.ROWS)
        names = set(re.findall(r"^(slipway_\w+)", server.get("/metrics").text, re.MULTILINE))
    assert names >= {"slipway_requests_total", "slipway_request_seconds_bucket", "slipway_release_ready"}


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@needs_prometheus
def test_a_running_prometheus_reads_a_server_and_fires(built: Path, tmp_path: Path) -> None:
    changed = re.sub(r"for: \w+", "for: 1s", (FOLDER / "alerts.yml").read_text())
    (tmp_path / "alerts.yml").write_text(changed)
    port = free_port()
    with serving(built, tmp_path / "server", "ball", "shot") as server:
        config = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
        config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        config["scrape_configs"][0]["static_configs"][0]["targets"] = [server.address.removeprefix("http://")]
        (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
        command = ["prometheus", "--config.file=prometheus.yml", f"--web.listen-address=127.0.0.1:{port}"]
        with (tmp_path / "log").open("wb") as log:
            process = subprocess.Popen([*command, "--storage.tsdb.path=data"], cwd=tmp_path, stdout=log, stderr=log)
        try:
            check(server, f"http://127.0.0.1:{port}/api/v1")
        finally:
            process.terminate()
            process.wait(SECONDS)


def check(server: Server, prometheus: str) -> None:
    def result(query: str) -> list[dict[str, Any]]:
        response = requests.get(f"{prometheus}/query", params={"query": query}, timeout=SECONDS)
        assert response.status_code == 200, f"{query}: {response.text}"
        return list(response.json()["data"]["result"])

    def ready() -> bool:
        try:
            started = requests.get(f"{prometheus.removesuffix('/api/v1')}/-/ready", timeout=SECONDS).status_code == 200
        except requests.ConnectionError:
            return False
        return started and bool(result("up == 1"))

    until(ready, "the server is read")
    for _ in range(3):
        server.predict("ball", json=house.ROWS)
    until(lambda: result('slipway_requests_total{outcome="answered", model="ball"} == 3'), "requests are counted")
    for expression in expressions():
        filled = expression.replace("$__rate_interval", "1m").replace("$model", ".*")
        result(filled)
    assert not requests.get(f"{prometheus}/alerts", timeout=SECONDS).json()["data"]["alerts"]
    server.stop()

    def firing() -> set[str]:
        found = requests.get(f"{prometheus}/alerts", timeout=SECONDS).json()["data"]["alerts"]
        return {one["labels"]["alertname"] for one in found if one["state"] == "firing"}

    until(lambda: "ServerDown" in firing(), "the alert")
