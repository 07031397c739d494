"""Clones that lack tags: decisions are refused, listings report it, and offline work still succeeds."""

import os
import re
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from typer.testing import CliRunner

from registry.house import git
from slipway.cli.app import app
from slipway.core.errors import RegistryError
from slipway.registry import clone, promotion, sharing, transaction
from slipway.registry.clone import IncompleteError

VARIANT = "base-ad-detector"
LACKING = {
    "shallow": ["--depth", "1"],
    "without tags": ["--no-tags"],
    "one branch": ["--single-branch", "--branch", "old"],
    "partial": ["--filter=blob:none", "--no-tags"],
}
COMMANDS = [
    ["register", VARIANT],
    ["register"],
    ["promote", f"{VARIANT}@v1.0.0", "--to", "staging"],
    ["rollback", VARIANT],
    ["retire", f"{VARIANT}@v1.1.0"],
    ["registry", "list"],
    ["registry", "list", "--json"],
    ["registry", "show", f"{VARIANT}#production"],
    ["registry", "fetch", f"{VARIANT}@latest", "--out", "out"],
    ["registry", "sync"],
    ["gate", VARIANT],
]


@pytest.fixture
def hub(versions: Mapping[str, str], root: Path, tmp_path: Path, commits: Mapping[str, str]) -> Path:
    """A remote with ten versions, the second one in production; the branch `old` ends at the first."""
    promotion.promote(f"{VARIANT}@v1.0.0", "production")
    promotion.promote(f"{VARIANT}@v1.1.0", "production")
    git(root, "branch", "old", commits["good-1"])
    subprocess.run(["git", "clone", "-q", "--bare", str(root), str(tmp_path / "hub")], check=True)
    git(tmp_path / "hub", "config", "uploadpack.allowFilter", "true")
    return tmp_path / "hub"


def cloned(hub: Path, name: str, *options: str) -> Path:
    folder = hub.parent / name
    subprocess.run(["git", "clone", "-q", *options, f"file://{hub}", str(folder)], check=True)
    os.chdir(folder)
    return folder


def command(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, list(arguments))
    return done.exit_code, done.output


@pytest.mark.parametrize("options", LACKING.values(), ids=LACKING)
def test_a_clone_that_lacks_tags_decides_nothing_until_it_has_them(hub: Path, options: list[str]):
    folder = cloned(hub, "part", *options)
    before = git(folder, "for-each-ref")
    for arguments in COMMANDS:
        code, output = command(*arguments)
        assert code == IncompleteError.exit_code == 3, (arguments, output)
        assert "--tags" in output and ("shallow" in output or "not fetched from origin" in output), (arguments, output)
    assert git(folder, "for-each-ref") == before
    remedy = re.findall("`(git fetch [^`]*)`", command("rollback", VARIANT)[1])[0]
    subprocess.run(shlex.split(remedy), check=True, capture_output=True)
    assert clone.look().lacking() == []
    assert command("registry", "list")[0] == 0


def test_the_list_shows_the_local_tags_and_an_error_that_names_the_missing_ones(hub: Path):
    folder = cloned(hub, "behind")
    git(folder, "tag", "-d", f"{VARIANT}#production#2")
    code, output = command("registry", "list", VARIANT)
    assert code == 3 and "v1.9.0" in output
    assert f"not fetched from origin: {VARIANT}#production#2: run `git fetch --tags origin`" in output
    assert command("registry", "list", "demand-predictor")[0] == 0, "no tag of the other variant is missing"
    assert command("registry", "show", f"{VARIANT}@v1.0.0")[0] == 0, "a version does not depend on later tags"


def test_a_tag_that_was_deleted_or_differs_at_the_remote_blocks_decisions(hub: Path):
    folder = cloned(hub, "other")
    promotion.promote(f"{VARIANT}@v1.2.0", "canary", push=True)
    git(hub, "tag", "-d", f"{VARIANT}#canary#3")
    with pytest.raises(IncompleteError, match=rf"deleted at origin: {VARIANT}#canary#3: run `git tag -d '{VARIANT}#c"):
        promotion.promote(f"{VARIANT}@v1.0.0", "staging")
    git(folder, "tag", "-d", f"{VARIANT}#canary#3")
    git(folder, "tag", "-f", "-a", "-m", "mine", f"{VARIANT}@v1.0.0", "HEAD")
    with pytest.raises(IncompleteError, match=rf"different here and at origin: {VARIANT}@v1.0.0"):
        promotion.promote(f"{VARIANT}@v1.1.0", "staging")


def test_offline_work_continues_with_the_local_tags_and_a_warning(hub: Path, caplog: pytest.LogCaptureFixture):
    cloned(hub, "offline")
    hub.rename(hub.parent / "away")
    promotion.promote(f"{VARIANT}@v1.2.0", "staging")
    assert "origin cannot be reached" in caplog.text and "not compared" in caplog.text
    assert command("registry", "list")[0] == 0
    with pytest.raises(RegistryError, match="does not appear to be a git repository"):
        promotion.promote(f"{VARIANT}@v1.1.0", "canary", push=True)


def test_offline_a_clone_without_tags_is_refused(hub: Path):
    cloned(hub, "bare", "--no-tags")
    hub.rename(hub.parent / "away")
    with pytest.raises(
        IncompleteError, match=r"cannot be reached .* it is unknown which versions hold a role: run `git fetch"
    ):
        promotion.promote(f"{VARIANT}@v1.0.0", "staging")


def test_the_wait_for_a_remote_that_does_not_answer_is_limited(hub: Path, monkeypatch: pytest.MonkeyPatch):
    folder = cloned(hub, "waiting")
    git(folder, "config", "protocol.ext.allow", "always")
    git(folder, "remote", "set-url", "origin", "ext::sleep 60")
    monkeypatch.setattr(clone, "SECONDS", 0.5)
    assert clone.look().unknown == "origin cannot be reached (git ls-remote: no answer within 0.5 s)"


def test_a_clone_with_several_remotes_and_no_configured_one_is_not_compared(hub: Path):
    folder = cloned(hub, "several", "--no-tags")
    git(folder, "remote", "rename", "origin", "team")
    git(folder, "remote", "add", "fork", "../fork")
    git(folder, "config", "--unset", "branch.main.remote")
    with pytest.raises(IncompleteError, match="it is not set which of fork, team has the registry"):
        promotion.promote(f"{VARIANT}@v1.0.0", "staging")


def test_an_odd_tag_that_was_fetched_is_no_difference(hub: Path):
    git(hub, "tag", f"{VARIANT}#staging#9", "main")  # lightweight
    head = git(hub, "rev-parse", "main")
    text = f"object {head}\ntype commit\ntag {VARIANT}#staging#8\n\nno tagger\n"
    made = subprocess.run(["git", "hash-object", "-t", "tag", "-w", "--stdin"], cwd=hub, input=text.encode(),
                          capture_output=True, check=True).stdout.decode().strip()  # fmt: skip
    git(hub, "update-ref", f"refs/tags/{VARIANT}#staging#8", made)
    cloned(hub, "odd")
    assert clone.look().lacking() == []


def test_a_role_on_a_version_whose_tag_is_missing_is_unknown_and_not_refused(hub: Path):
    folder = cloned(hub, "part", "--no-tags")
    tag = f"{VARIANT}#production#2"
    git(folder, "fetch", "-q", "--no-tags", "origin", f"refs/tags/{tag}:refs/tags/{tag}")
    assert command("registry", "verify", tag)[0] == 3


def two(hub: Path) -> tuple[Path, Path]:
    """Two clones that registered the same version independently; the first one has pushed it."""
    commit = git(hub, "rev-parse", "main")
    ann, ben = cloned(hub, "ann"), cloned(hub, "ben")
    for folder, who in ((ann, "Ann"), (ben, "Ben")):
        tag = ["tag", "-a", "-m", who, f"{VARIANT}@v9.0.0", commit]
        subprocess.run(["git", "-c", f"user.name={who}", *tag], cwd=folder, check=True,
                       env=os.environ | {"GIT_COMMITTER_NAME": who})  # fmt: skip
    git(ann, "push", "-q", "origin", f"{VARIANT}@v9.0.0")
    return ann, ben


def test_the_second_push_of_a_version_names_the_first_author_and_the_remedy(hub: Path):
    _, ben = two(hub)
    for arguments in (
        ["registry", "push", VARIANT],
        ["promote", f"{VARIANT}@v1.0.0", "--to", "staging", "--push"],
    ):
        code, output = command(*arguments)
        assert code == RegistryError.exit_code
        assert re.search(
            rf"different tags here and at origin: {VARIANT}@v9\.0\.0 by Ann, \d{{4}}-.*Z; delete yours", output
        )
        assert "exit code" not in output and "nothing to push" not in output
    for remedy in re.findall("`([^`]*)`", output):
        subprocess.run(remedy, shell=True, check=True, capture_output=True)
    assert git(ben, "for-each-ref", "--format=%(taggername)", f"refs/tags/{VARIANT}@v9.0.0") == "Ann"
    assert sharing.share(VARIANT) == []


def test_the_loser_of_a_race_learns_who_won_and_when(hub: Path):
    ann, ben = cloned(hub, "ann"), cloned(hub, "ben")
    snapshot = transaction.snapshot(VARIANT, push=True)
    commit = git(ben, "rev-parse", f"{VARIANT}@v1.2.0^{{commit}}")
    os.chdir(ann)
    promotion.promote(f"{VARIANT}@v1.0.0", "canary", push=True)
    os.chdir(ben)
    with pytest.raises(
        RegistryError, match=rf"at the same time \({VARIANT}#canary#3 by Tester, \d{{4}}-.*Z\); nothing"
    ):
        transaction.write(snapshot, [transaction.New(f"{VARIANT}#canary#3", commit, "why")], push=True)
    with pytest.raises(IncompleteError, match=rf"not fetched from origin: {VARIANT}#canary#3"):
        promotion.promote(f"{VARIANT}@v1.2.0", "staging")
    assert promotion.promote(f"{VARIANT}@v1.2.0", "staging", push=True).tags == (f"{VARIANT}#staging#4",)


def test_the_error_includes_the_reason_from_git(hub: Path):
    cloned(hub, "refused")
    hook = hub / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho tags are frozen >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(RegistryError, match=r"origin did not accept .*tags are frozen.*pre-receive hook declined"):
        promotion.promote(f"{VARIANT}@v1.2.0", "staging", push=True)
