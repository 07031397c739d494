"""Walks of a user's own data through the commands, in a scratch copy of the repository in profile smoke."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from slipway.cli.app import app
from smoke import sh as shell


def in_smoke(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commit profile smoke in the scratch copy, the working directory, whose stages run its own code."""
    top = Path("params.yaml")
    top.write_text(top.read_text().replace("profile: demo", "profile: smoke"))
    monkeypatch.setenv("PYTHONPATH", f"src{os.pathsep}edge/src{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    sh("git commit --quiet --all --message smoke")


def sh(command: str) -> str:
    return shell(command, Path.cwd())


def slipway(*arguments: str) -> str:
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == 0, done.output
    return done.stdout


def built(*arguments: str) -> tuple[str, dict[str, Any]]:
    """Run `slipway new own` with these arguments, the commands that it names, the gate and the report.

    Returns:
        What `slipway new` printed, and the release record.
    """
    said = slipway("new", "own", *arguments)
    stages = "register@own baseline@own" if "--baseline" in arguments else "register@own"
    for command in (f"dvc repro {stages}", "git add --all", "git commit --message 'Add own'"):
        assert f"  {command}\n" in said
        sh(f"{command} --quiet" if command.startswith("git commit") else command)
    assert sh("git status --porcelain") == ""
    assert CliRunner().invoke(app, ["gate", "own"]).exit_code != 3
    assert CliRunner().invoke(app, ["report", "own"]).exit_code != 3
    assert "own" in Path("report.md").read_text()
    record: dict[str, Any] = json.loads(Path("models/own/release.json").read_text())
    return said, record


def scored(data: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(slipway("score", "own", str(data), "--json"))
    return found


def predicted(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in slipway("predict", "own", str(path)).splitlines()]


def removed() -> None:
    """Remove the variant, and check that its configuration is gone."""
    slipway("remove", "own")
    top = yaml.safe_load(Path("params.yaml").read_text())
    assert not [section for section in ("variants", "baselines", "all") if "own" in top[section]]
    assert "@own" not in Path("dvc.lock").read_text()
    assert not Path("conf/variant/own.yaml").exists()
