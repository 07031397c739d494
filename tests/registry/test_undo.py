"""A refused tag loses its effect at the remote, whether or not the remote allows its deletion."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from typer.testing import CliRunner

from registry.house import git
from slipway.cli.app import app
from slipway.registry import promotion, registration, state, tags, verification

VARIANT = "base-ad-detector"
KEPT = """#!/bin/sh
case "$1 $3" in refs/tags/*" 0000"*) echo "this tag is protected" >&2; exit 1;; esac
"""


@pytest.fixture
def origin(root: Path, tmp_path: Path, commits: Mapping[str, str]) -> Path:
    """A remote in which v1.1.0 holds production after v1.0.0; v1.2.0 fails."""
    for name in ("good-1", "good-2", "fails"):
        registration.register(VARIANT, revision=commits[name])
    for version in ("v1.0.0", "v1.1.0"):
        promotion.promote(f"{VARIANT}@{version}", "production")
    subprocess.run(["git", "clone", "-q", "--bare", str(root), str(tmp_path / "origin")], check=True)
    git(root, "remote", "add", "origin", str(tmp_path / "origin"))
    return tmp_path / "origin"


def protect(origin: Path) -> None:
    """Make the remote refuse to delete tags, as a Git host with protected tags does."""
    hook = origin / "hooks" / "update"
    hook.write_text(KEPT)
    hook.chmod(0o755)


def pushed(root: Path, tag: str, commit: str, message: str = "ship it") -> None:
    git(root, "tag", "-a", "-m", message, tag, commit)
    git(root, "push", "-q", "origin", f"refs/tags/{tag}")


def undo(tag: str) -> str:
    done = CliRunner().invoke(app, ["registry", "verify", "--undo", tag])
    assert done.exit_code == 6, done.output
    return done.output


def holder(origin: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> str | None:
    """The holder of production in a new clone of the remote."""
    subprocess.run(["git", "clone", "-q", str(origin), str(place)], check=True)
    monkeypatch.chdir(place)
    found = state.read()[VARIANT].holder("production")
    return found and found.version


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize(
    ("tag", "commit"),
    [
        ("production#3", "fails"),
        ("production!#3", "good-2"),
        ("Production#3", "fails"),
        ("production", "fails"),
    ],
)
def test_what_a_refused_tag_did_is_undone(
    root: Path,
    commits: Mapping[str, str],
    origin: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kept: bool,
    tag: str,
    commit: str,
):
    tag = f"{VARIANT}#{tag}"
    pushed(root, tag, commits[commit])
    if kept:
        protect(origin)
    output = undo(tag)
    assert (tag in git(origin, "tag").splitlines()) == kept
    assert (f"{tag} is removed" in output) != kept
    assert holder(origin, tmp_path / "fresh", monkeypatch) == "v1.1.0"
    for one in tags.read(VARIANT):
        if one.counter > 3:
            verification.verify(one.name)  # the reversing tag is not refused
    variant, _ = verification.accepted(state.read()[VARIANT])
    assert variant.versions["v1.1.0"].roles == ("production",)


def test_a_version_that_was_archived_without_force_is_restored(
    root: Path, commits: Mapping[str, str], origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    tag = f"{VARIANT}#archived#3"
    pushed(root, tag, commits["good-2"])
    protect(origin)
    assert f"{tag} stays" in undo(tag)
    assert holder(origin, tmp_path / "fresh", monkeypatch) == "v1.1.0"
    assert state.read()[VARIANT].versions["v1.1.0"].roles == ("production",)


def test_a_later_promotion_is_not_changed(
    root: Path, commits: Mapping[str, str], origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    tag = f"{VARIANT}#production!#3"
    pushed(root, tag, commits["good-2"])
    promotion.promote(f"{VARIANT}@v1.1.0", "production", push=True)
    protect(origin)
    assert f"{tag} stays" in undo(tag) and "it has no effect" in undo(tag)
    assert holder(origin, tmp_path / "fresh", monkeypatch) == "v1.1.0"


def test_what_is_not_refused_is_not_undone(root: Path, origin: Path):
    before = git(origin, "for-each-ref")
    assert CliRunner().invoke(app, ["registry", "verify", "--undo", f"{VARIANT}#production#2"]).exit_code == 0
    assert CliRunner().invoke(app, ["registry", "verify", "--undo", "nothing"]).exit_code == 5
    assert git(origin, "for-each-ref") == before
