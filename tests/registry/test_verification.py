"""Verification of tags from any author: accepted, accepted by force, refused, or impossible to determine."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from typer.testing import CliRunner

from registry.house import REFUSED, git
from slipway.cli.app import app
from slipway.core.errors import RegistryError
from slipway.registry import promotion, verification
from slipway.registry.eligibility import RefusedError

VARIANT = "base-ad-detector"


def command(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, list(arguments))
    return done.exit_code, done.output


@pytest.mark.parametrize("name", REFUSED)
def test_a_tag_written_by_hand_must_meet_the_same_conditions(
    versions: Mapping[str, str], commits: Mapping[str, str], name: str
):
    good, bad = f"{VARIANT}#production#1", f"{VARIANT}#production#2"
    git(Path(), "tag", "-a", "-m", "ship it", good, commits["good-1"])
    git(Path(), "tag", "-a", "-m", "ship it", bad, commits[name])
    assert command("registry", "verify", good) == (0, f"{VARIANT}@v1.0.0 may hold production\n")
    code, output = command("registry", "verify", bad)
    assert code == RefusedError.exit_code
    assert (
        f"{bad} is refused: {VARIANT}@{versions[name]} may not hold production: " in output and REFUSED[name] in output
    )


def test_a_promotion_by_force_and_a_role_that_is_taken_are_verified(versions: Mapping[str, str]):
    forced = promotion.promote(f"{VARIANT}@{versions['holds']}", "staging", force=True, reason="for a look")
    warning = "warning: forced, although the gate says hold (accuracy: 0.94: hold)"
    may = f"{VARIANT}@{versions['holds']} may hold staging"
    assert command("registry", "verify", *forced.tags) == (0, f"{warning}\n{may}\n")
    taken, archived = promotion.retire(f"{VARIANT}@{versions['holds']}").tags
    for tag in (taken, archived):
        assert command("registry", "verify", tag) == (0, f"{tag} assigns no role to verify\n")


@pytest.mark.parametrize(
    ("message", "counts"),
    [
        ("ship it\n\nwe must\n\nForced: the gate says fail", True),
        ("ship it\n\nwe must,\n\nall of us\n\nVerdict: fail\nForced: the gate says fail", True),
        ("ship it\n\nForced: the gate says fail", False),
        ("ship it\nForced: the gate says fail", False),
        ("Forced: the gate says fail", False),
        ("ship it\n\nwe must\n\nForced: ", False),
        ("ship it\n\nForced: the gate says fail\n\nVerdict: fail", False),
    ],
)
def test_force_counts_only_with_a_reason_and_in_the_facts(
    versions: Mapping[str, str], commits: Mapping[str, str], message: str, counts: bool
):
    tag = f"{VARIANT}#production#1"
    git(Path(), "tag", "-a", "-m", message, tag, commits["fails"])
    code, output = command("registry", "verify", tag)
    assert code == (0 if counts else RefusedError.exit_code)
    assert "the gate says fail (accuracy: 0.5: fail)" in output


@pytest.mark.parametrize(
    "remote", ["[core]\n", "['remote \"local\"']\n    url = /nowhere\n[core]\n    remote = local\n"]
)
def test_what_cannot_be_looked_at_is_not_refused(versions: Mapping[str, str], root: Path, remote: str):
    tag = promotion.promote(f"{VARIANT}@v1.0.0", "production").tags[0]
    (root / ".dvc" / "config").write_text(remote)
    code, output = command("registry", "verify", tag)
    assert code == RegistryError.exit_code != RefusedError.exit_code
    assert "DVC cannot say what can be fetched" in output or "the DVC remote cannot be reached" in output


@pytest.mark.parametrize("tag", ["nonsense", f"{VARIANT}#production#7", "issue#12", "other@1.0.0"])
def test_what_is_no_tag_of_the_registry_is_not_verified(versions: Mapping[str, str], tag: str):
    for name in ("issue#12", "other@1.0.0"):
        git(Path(), "tag", "-a", "-m", "nothing of ours", name)
    code, output = command("registry", "verify", tag)
    assert code == RegistryError.exit_code and "no annotated tag of the registry" in output


def test_a_role_on_a_commit_that_is_no_version_is_refused(root: Path):
    git(root, "tag", "-a", "-m", "ship it", f"{VARIANT}#production#1")
    with pytest.raises(RefusedError, match="is no version of"):
        verification.verify(f"{VARIANT}#production#1")
