"""The commands in docs/gitops.md work in the order of the page; tests/test_registry_page.py runs the first ten."""

import re
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from typer.testing import CliRunner

from conftest import ROOT
from registry.house import PASSING, git
from slipway.cli.app import app
from slipway.registry import promotion, registration, state


def test_the_page_can_be_followed(
    root: Path, commits: Mapping[str, str], server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    subprocess.run(["git", "clone", "-q", "--bare", str(root), str(tmp_path / "origin")], check=True)
    git(root, "remote", "add", "origin", str(tmp_path / "origin"))
    git(root, "checkout", "-q", commits[PASSING[0]])
    registration.register("base-ad-detector")
    promotion.promote("base-ad-detector@v1.0.0", "production")
    git(root, "checkout", "-q", commits[PASSING[1]])
    page = (ROOT / "docs" / "gitops.md").read_text()
    for block in re.findall("```sh\n(.*?)```", page[page.index("## Through staging") :], re.DOTALL):
        for line in block.splitlines():
            command = shlex.split(line)
            if command[1:2] == ["replay"] or command[1:3] in (["registry", "bundle"], ["registry", "upload"]):
                continue  # need a trained model: test_replay.py, test_bundle.py, test_upload.py
            if command[0] == "slipway":
                done = CliRunner().invoke(app, command[1:])
                assert done.exit_code == 0, f"{line}\n{done.output}"
            else:
                subprocess.run(command, cwd=root, check=True)
    versions = state.read()["base-ad-detector"].versions
    assert {name: one.roles for name, one in versions.items()} == {
        "v1.0.0": ("production", "canary"),
        "v1.1.0": ("archived",),
    }
    assert "#canary#" in git(tmp_path / "origin", "tag")
