"""Tags and the remote: one of two concurrent pushes wins, deleted tags stay deleted, and the choice of remote."""

import contextlib
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from registry.house import git
from slipway.cli.app import app
from slipway.core.errors import RegistryError
from slipway.registry import promotion, registration, sharing, tags, transaction
from slipway.registry.git import remote
from slipway.registry.transaction import New

VARIANT = "base-ad-detector"


@pytest.fixture
def clones(root: Path, tmp_path: Path, commits: Mapping[str, str]) -> tuple[Path, Path]:
    """Two clones of one remote, with three versions registered."""
    for name in ("good-1", "good-2", "good-3"):
        registration.register(VARIANT, revision=commits[name])
    subprocess.run(["git", "clone", "-q", "--bare", str(root), str(tmp_path / "origin")], check=True)
    for name in ("ann", "ben"):
        subprocess.run(["git", "clone", "-q", str(tmp_path / "origin"), str(tmp_path / name)], check=True)
    return tmp_path / "ann", tmp_path / "ben"


def test_the_next_push_sees_earlier_pushes(clones: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch):
    ann, ben = clones
    monkeypatch.chdir(ann)
    promotion.promote(f"{VARIANT}@v1.0.0", "production", push=True)
    monkeypatch.chdir(ben)
    with pytest.raises(RegistryError, match="already holds production"):
        promotion.promote(f"{VARIANT}@v1.0.0", "production", push=True)
    assert promotion.promote(f"{VARIANT}@v1.1.0", "production", push=True).tags == (f"{VARIANT}#production#2",)


@pytest.mark.parametrize("role", ["production", "staging"])
def test_one_of_two_concurrent_pushes_wins_and_the_other_keeps_nothing(
    clones: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, role: str
):
    ann, ben = clones
    monkeypatch.chdir(ben)
    snapshot = transaction.snapshot(VARIANT, push=True)
    commit = git(ben, "rev-parse", f"{VARIANT}@v1.1.0^{{commit}}")
    monkeypatch.chdir(ann)
    promotion.promote(f"{VARIANT}@v1.0.0", "production", push=True)
    monkeypatch.chdir(ben)
    before = git(ben, "for-each-ref")
    with pytest.raises(RegistryError, match="changed at origin at the same time"):
        transaction.write(snapshot, [New(f"{VARIANT}#{role}#1", commit, "why")], push=True)
    assert git(ben, "for-each-ref") == before


def removed(clones: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> str:
    """Push a promotion from the first clone and delete it at the remote, as promote.yml does; return its tag."""
    ann, _ = clones
    monkeypatch.chdir(ann)
    (tag,) = promotion.promote(f"{VARIANT}@v1.0.0", "production", push=True).tags
    git(ann, "push", "-q", "origin", "--delete", f"refs/tags/{tag}")
    return tag


def test_after_a_tag_was_deleted_at_the_remote_a_fresh_clone_promotes(
    clones: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    removed(clones, monkeypatch)
    git(tmp_path, "clone", "-q", f"file://{tmp_path}/origin", "fresh")
    monkeypatch.chdir(tmp_path / "fresh")
    assert promotion.promote(f"{VARIANT}@v1.1.0", "production", push=True).tags == (f"{VARIANT}#production#1",)
    assert f"{VARIANT}#production#1" in git(tmp_path / "origin", "tag")


def test_a_tag_that_was_deleted_at_the_remote_is_not_pushed_again(
    clones: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    tag = removed(clones, monkeypatch)
    remedy = f"{tag} was deleted at origin.*`git tag -d '{tag}'`"
    with pytest.raises(RegistryError, match=remedy):
        promotion.promote(f"{VARIANT}@v1.0.0", "canary", push=True)
    with pytest.raises(RegistryError, match=remedy):
        sharing.share(VARIANT)
    monkeypatch.chdir(clones[1])
    promotion.promote(f"{VARIANT}@v1.1.0", "canary", push=True)
    monkeypatch.chdir(clones[0])
    with pytest.raises(RegistryError, match=f"was changed at origin after this clone wrote {tag}"):
        sharing.share(VARIANT)
    assert tag not in git(tmp_path / "origin", "tag")
    git(clones[0], "tag", "-d", tag)
    assert promotion.promote(f"{VARIANT}@v1.0.0", "production", push=True).tags == (f"{VARIANT}#production#2",)


def test_a_decision_with_push_is_based_on_the_tags_of_the_remote(
    clones: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(clones[0])
    promotion.promote(f"{VARIANT}@v1.0.0", "staging")
    with pytest.raises(
        RegistryError, match=f"not at origin: .*; share them with `slipway registry push {VARIANT}`, or delete"
    ):
        promotion.promote(f"{VARIANT}@v1.0.0", "production", push=True)
    assert sharing.share(VARIANT) == [f"{VARIANT}#staging#1"]
    promotion.promote(f"{VARIANT}@v1.0.0", "production", push=True)


@pytest.mark.parametrize("fetched", [False, True])
@pytest.mark.parametrize("push", [False, True])
def test_one_of_two_who_share_local_tags_wins(
    clones: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, push: bool, fetched: bool
):
    """One retires the version that the other promotes; both run the printed commands."""
    ann, ben = clones
    monkeypatch.chdir(ann)
    printed = CliRunner().invoke(app, ["retire", f"{VARIANT}@v1.0.0"]).output.splitlines()[-1]
    monkeypatch.chdir(ben)
    theirs = CliRunner().invoke(app, ["promote", f"{VARIANT}@v1.0.0", "--to", "production", *["--push"] * push]).output
    if not push:
        subprocess.run(theirs.splitlines()[-1].removeprefix("to share it: "), shell=True, check=True)
    there = git(tmp_path / "origin", "for-each-ref")
    assert f"{VARIANT}#production#1" in there
    monkeypatch.chdir(ann)
    if fetched:
        git(ann, "fetch", "-q", "--tags")
    done = subprocess.run(printed.removeprefix("to share it: "), shell=True, capture_output=True, text=True)
    assert done.returncode == RegistryError.exit_code
    assert f"after this clone wrote {VARIANT}#archived#1: delete your tags with `git tag -d" in done.stderr
    assert git(tmp_path / "origin", "for-each-ref") == there
    git(ann, "tag", "-d", f"{VARIANT}#archived#1")
    with pytest.raises(RegistryError, match="holds production: promote another or roll back first"):
        promotion.retire(f"{VARIANT}@v1.0.0", push=True)


def test_sharing_at_the_same_time_as_another_push_is_refused(
    clones: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    ann, ben = clones
    monkeypatch.chdir(ann)
    promotion.promote(f"{VARIANT}@v1.0.0", "staging")
    send = sharing.send

    def later(*arguments: Any) -> None:
        with contextlib.chdir(ben), monkeypatch.context() as context:
            context.setattr(sharing, "send", send)
            promotion.promote(f"{VARIANT}@v1.1.0", "production", push=True)
        send(*arguments)

    monkeypatch.setattr(sharing, "send", later)
    with pytest.raises(RegistryError, match="was changed at origin at the same time"):
        sharing.share(VARIANT)
    assert "#staging#" not in git(tmp_path / "origin", "tag")


@pytest.mark.parametrize(
    ("remotes", "configuration", "expected"),
    [
        ("", {}, None),
        ("team", {}, "team"),
        ("fork team", {}, None),
        ("fork origin", {}, "origin"),
        ("fork origin", {"branch.main.remote": "fork"}, "fork"),
        ("fork origin team", {"branch.main.remote": "fork", "remote.pushDefault": "team"}, "team"),
        ("fork origin team", {"branch.main.pushRemote": "fork", "remote.pushDefault": "team"}, "fork"),
        ("fork origin", {"branch.other.pushRemote": "fork"}, "origin"),
        ("fork origin", {"branch.main.remote": "."}, "origin"),
    ],
)
def test_the_remote_is_the_one_that_git_pushes_to(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    remotes: str,
    configuration: Mapping[str, str],
    expected: str | None,
):
    monkeypatch.chdir(tmp_path)
    git(tmp_path, "init", "-q", "-b", "main")
    for name in remotes.split():
        git(tmp_path, "remote", "add", name, f"../{name}")
    for key, value in configuration.items():
        git(tmp_path, "config", key, value)
    assert remote() == expected


def test_a_detached_head_pushes_by_default_too(root: Path):
    git(root, "checkout", "-q", "--detach")
    for name in ("origin", "team"):
        git(root, "remote", "add", name, f"../{name}")
    assert remote() == "origin"
    git(root, "config", "remote.pushDefault", "team")
    assert remote() == "team"


def test_tags_are_pushed_where_git_pushes_to(
    clones: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    ann, _ = clones
    git(tmp_path, "clone", "-q", "--bare", str(tmp_path / "origin"), str(tmp_path / "team"))
    git(ann, "remote", "add", "team", str(tmp_path / "team"))
    git(ann, "config", "remote.pushDefault", "team")
    monkeypatch.chdir(ann)
    promotion.promote(f"{VARIANT}@v1.0.0", "production", push=True)
    assert "#production#" in git(tmp_path / "team", "tag")
    assert "#production#" not in git(tmp_path / "origin", "tag")


def test_without_a_remote_a_push_is_refused_before_anything_is_written(root: Path, commits: Mapping[str, str]):
    with pytest.raises(RegistryError, match="there is no Git remote to push to: add one with `git remote add origin"):
        registration.register(VARIANT, revision=commits["good-1"], push=True)
    assert tags.read() == []
