"""Roles by REST are tags, with the refusals of `slipway promote`, under the name of the token."""

import contextlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests

from registry import house
from serving.process import SECONDS, Server, serving
from slipway.registry import registration

MODEL = "base-ad-detector"
NAMES = ("good-1", "good-2", "fails")


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Mapping[str, str]]:
    """A repository with its Git remote, in which some commits are versions, and the versions by the commits' names."""
    folder = tmp_path_factory.mktemp("promotions")
    root = folder / "repository"
    house.build(root)
    commits = json.loads((folder / "commits.json").read_text())
    with contextlib.chdir(root):
        versions = {name: registration.register(MODEL, revision=commits[name]).version for name in NAMES}
    return root, versions


@pytest.fixture
def root(registered: tuple[Path, Mapping[str, str]], tmp_path: Path) -> Path:
    copy = Path(shutil.copytree(registered[0], tmp_path / "repository", symlinks=True))
    git(copy, "remote", "remove", "origin", check=False)
    git(tmp_path, "init", "-q", "--bare", "remote.git")
    git(copy, "remote", "add", "origin", str(tmp_path / "remote.git"))
    git(copy, "push", "-q", "origin", "--all")
    git(copy, "push", "-q", "origin", "--tags")
    git(copy, "push", "-q", "origin", "refs/slipway/*:refs/slipway/*")
    return copy


@pytest.fixture
def versions(registered: tuple[Path, Mapping[str, str]]) -> Mapping[str, str]:
    return registered[1]


def git(root: Path, *arguments: str, check: bool = True) -> str:
    return subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=check).stdout.strip()


@pytest.fixture
def server(root: Path, tmp_path: Path) -> Iterator[Server]:
    """A server that asks for tokens; `secrets` has them."""
    with serving(root, tmp_path / "server", "--tokens", str(tmp_path / "tokens.json")) as running:
        yield running


@pytest.fixture
def secrets(tmp_path: Path) -> dict[str, str]:
    found = {}
    for name, scope in (("release-bot", "promote"), ("dashboard", "read")):
        command = [
            *(sys.executable, "-m", "slipway", "token", "create", name, "--scope", scope, "--json"),
            *("--tokens", str(tmp_path / "tokens.json")),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found[name] = json.loads(done.stdout)["token"]
    return found


def post(server: Server, path: str, secret: str, **body: Any) -> requests.Response:
    headers = {"Authorization": f"Bearer {secret}"}
    return requests.post(f"{server.address}/api/v1/models/{path}", json=body, headers=headers, timeout=SECONDS)


def test_a_promotion_and_its_way_back_are_pushed_tags_by_the_token(
    secrets: dict[str, str], server: Server, root: Path, versions: Mapping[str, str], tmp_path: Path
) -> None:
    bot = secrets["release-bot"]
    for number, name in enumerate(("good-1", "good-2"), start=1):
        done = post(
            server, f"{MODEL}/versions/{versions[name]}/promote", bot, status="production", reason="it is better"
        )
        assert done.status_code == 200, done.text
        tag = f"{MODEL}#production#{number}"
        assert done.json() == {
            "model": MODEL,
            "version": versions[name],
            "role": "production",
            "tags": [tag],
            "pushed": True,
        }
    back = post(server, f"{MODEL}/rollback", bot, reason="it was not")
    assert (back.status_code, back.json()["version"]) == (200, versions["good-1"])
    there = git(tmp_path / "remote.git", "for-each-ref", "--format=%(refname:strip=2) %(taggername) %(taggeremail)")
    mine = [line for line in there.splitlines() if line.startswith(f"{MODEL}#")]
    assert mine == [f"{MODEL}#production#{n} release-bot <release-bot@tokens.slipway.invalid>" for n in (1, 2, 3)]
    assert "it was not" in git(root, "tag", "-l", "-n9", f"{MODEL}#production#3")
    audit = [json.loads(line) for line in (tmp_path / "server" / "audit.jsonl").read_text().splitlines()]
    assert [(one["token"], one["status"]) for one in audit] == [("release-bot", 200)] * 3


def test_what_the_gate_refuses_is_a_conflict_with_the_rule(
    secrets: dict[str, str], server: Server, root: Path, versions: Mapping[str, str]
) -> None:
    refused = post(server, f"{MODEL}/versions/{versions['fails']}/promote", secrets["release-bot"], status="production")
    assert (refused.status_code, refused.json()["title"]) == (409, "Refused")
    assert "the gate says fail" in refused.json()["detail"]
    assert "accuracy" in refused.json()["detail"]
    assert not git(root, "tag", "-l", f"{MODEL}#*")


def test_mistakes_are_refused_before_anything_runs(
    secrets: dict[str, str], server: Server, root: Path, versions: Mapping[str, str]
) -> None:
    bot, path = secrets["release-bot"], f"{MODEL}/versions/{versions['good-1']}/promote"
    for body, told in (
        ({"status": "production", "rollout_percentage": 101}, "less than or equal to 100"),
        ({"status": "production", "rollout_percentage": 50}, "production answers all requests"),
        ({"status": "canary", "is_production": True}, "only one can be meant"),
        ({"status": "canary", "rollout_percentage": 100}, "below 100"),
        ({"status": "staging", "rollout_percentage": 10}, "no share of the traffic"),
        ({"status": "archived"}, "staging"),
        ({"status": "production", "force": True}, "Extra inputs"),
    ):
        refused = post(server, path, bot, **body)
        assert refused.status_code == 422, body
        assert told in refused.text
    assert post(server, f"{MODEL}/versions/v99.0.0/promote", bot, status="production").status_code == 404
    assert post(server, "nobody/rollback", bot).status_code == 404
    none = post(server, f"{MODEL}/rollback", bot)
    assert (none.status_code, "no version of base-ad-detector holds production" in none.text) == (409, True)
    assert post(server, path, secrets["dashboard"], status="production").status_code == 403
    assert (
        requests.post(f"{server.address}/api/v1/models/{path}", json={"status": "staging"}, timeout=SECONDS).status_code
        == 401
    )
    assert not git(root, "tag", "-l", f"{MODEL}#*")


def test_a_remote_that_refuses_the_push_leaves_nothing(
    secrets: dict[str, str], server: Server, root: Path, versions: Mapping[str, str], tmp_path: Path
) -> None:
    hook = tmp_path / "remote.git" / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho tags are closed >&2\nexit 1\n")
    hook.chmod(0o755)
    refused = post(
        server, f"{MODEL}/versions/{versions['good-1']}/promote", secrets["release-bot"], status="production"
    )
    assert (refused.status_code, refused.json()["title"]) == (409, "Registry")
    assert "did not accept" in refused.json()["detail"]
    assert not git(root, "tag", "-l", f"{MODEL}#*")
