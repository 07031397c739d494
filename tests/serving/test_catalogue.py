"""The registry by REST says what `slipway registry` says, and has the files of versions."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

from serving import house
from serving.process import SECONDS, Server, serving


@pytest.fixture(scope="module")
def repository(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository with three more versions of `ball`: in staging, failed, and without a role."""
    import shutil

    root = Path(shutil.copytree(built, tmp_path_factory.mktemp("catalogue") / "repository"))
    for version, slope, verdict in (("v1.1.0", 2.0, "pass"), ("v1.2.0", 3.0, "fail"), ("v2.0.0", 5.0, "pass")):
        house.build_version(root, version, slope, verdict)
    house.assign(root, "ball", "v1.1.0", "staging", 2)
    return root


@pytest.fixture(scope="module")
def server(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    with serving(repository, tmp_path_factory.mktemp("server")) as running:
        yield running


def printed(repository: Path, *arguments: str) -> Any:
    """What `slipway registry ... --json` prints."""
    command = [sys.executable, "-m", "slipway", "registry", *arguments, "--json"]
    return json.loads(subprocess.run(command, cwd=repository, capture_output=True, text=True, check=True).stdout)


def got(server: Server, path: str) -> Any:
    response = server.get(f"/api/v1/models{path}")
    assert response.status_code == 200, response.text
    return response.json()


def test_models_have_their_roles(server: Server) -> None:
    found = {one["model"]: one for one in got(server, "")}
    assert found["ball"] == {
        **{"model": "ball", "latest": "v2.0.0", "versions": 4},
        "roles": {"staging": "v1.1.0", "production": "v1.0.0"},
    }
    assert set(found) == set(house.NAMES)


def test_versions_are_those_of_the_command(server: Server, repository: Path) -> None:
    assert got(server, "/ball/versions") == printed(repository, "list", "ball")
    assert [one["version"] for one in got(server, "/ball/versions?role=staging")] == ["v1.1.0"]
    assert [one["version"] for one in got(server, "/ball/versions?lifecycle=failed")] == ["v1.2.0"]
    assert server.get("/api/v1/models/ball/versions?lifecycle=lost").status_code == 422
    assert server.get("/api/v1/models/nobody/versions").json()["known"] == sorted(house.NAMES)


@pytest.mark.parametrize("which", ["v1.1.0", "staging"])
def test_a_version_is_that_of_the_command(server: Server, repository: Path, which: str) -> None:
    assert got(server, f"/ball/versions/{which}") == printed(repository, "show", "ball@v1.1.0")


def test_comparison_and_history_are_those_of_the_command(server: Server, repository: Path) -> None:
    compared = got(server, "/ball/compare?first=production&second=latest")
    assert compared == printed(repository, "compare", "ball@v1.0.0", "ball@v2.0.0")
    assert {one["tag"] for one in got(server, "/ball/history")} == {
        one["tag"] for one in printed(repository, "history", "ball")
    }
    assert server.get("/api/v1/models/ball/compare?first=canary&second=latest").status_code == 404


def test_a_file_has_its_sha256_as_etag_and_can_be_had_in_parts(server: Server, repository: Path) -> None:
    details = got(server, "/ball/versions/production")
    path = "/api/v1/models/ball/versions/production/files/model.tflite"
    whole = server.get(path)
    sha256 = details["artifacts"]["model.tflite"]["sha256"]
    assert hashlib.sha256(whole.content).hexdigest() == sha256
    assert whole.headers["etag"] == f'"{sha256}"'
    assert whole.headers["x-model-version"] == "v1.0.0"

    def asked(**headers: str) -> requests.Response:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return requests.get(server.address + path, headers=given, timeout=SECONDS)

    part = asked(range="bytes=100-", if_range=f'"{sha256}"')
    assert (part.status_code, part.content) == (206, whole.content[100:])
    other = asked(range="bytes=100-", if_range='"another"')
    assert (other.status_code, other.content) == (200, whole.content)
    assert asked(if_none_match=f'"{sha256}"').status_code == 304
    beyond = asked(range=f"bytes={len(whole.content)}-")
    assert (beyond.status_code, beyond.json()["title"]) == (416, "Range not satisfiable")
    assert asked(range="bytes=-10").content == whole.content[-10:]
    for wrong in ("null", "bytes=5-2", "bytes=-0", "bytes=-", "bytes=0-1,3-4", "rows=0-1"):
        assert asked(range=wrong).status_code == 416, wrong
    record = server.get("/api/v1/models/ball/versions/production/files/release.json")
    assert hashlib.sha256(record.content).hexdigest() == details["record"]


@pytest.mark.parametrize("name", ["card.md", "..%2frelease.json", "%2e%2e%2f%2e%2e%2fsalt", "golden.npz.lock"])
def test_only_the_files_of_the_record_can_be_had(server: Server, name: str) -> None:
    assert server.get(f"/api/v1/models/ball/versions/production/files/{name}").status_code == 404


def test_a_version_whose_files_are_gone_is_503(root: Path, tmp_path: Path) -> None:
    house.build_version(root, "v9.0.0", 9.0)
    for path in (root / ".dvc" / "cache").rglob("*"):
        if path.is_file():
            path.unlink()
    with serving(root, tmp_path / "server", "ball") as server:
        response = server.get("/api/v1/models/ball/versions/v9.0.0/files/model.tflite")
        assert response.status_code == 503
        assert "ball@v9.0.0" in response.json()["detail"]
