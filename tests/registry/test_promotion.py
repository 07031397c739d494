"""Promotion, rollback and retirement in a repository that DVC built, and their listings."""

import json
import math
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from registry.house import PASSING, REFUSED, dvc, git
from slipway.cli.app import app
from slipway.core.errors import RegistryError
from slipway.records.release import digest
from slipway.registry import eligibility, grammar, promotion, registration, releases, state, tags, verification
from slipway.registry.eligibility import RefusedError

VARIANT = "base-ad-detector"


def holder(role: str = "production") -> str | None:
    found = state.read()[VARIANT].holder(role)
    return found.version if found else None


def command(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, list(arguments))
    return done.exit_code, done.output


def test_dvcs_own_commands_find_the_bytes_of_a_role_and_of_a_version(
    root: Path, versions: Mapping[str, str], tmp_path: Path
):
    from dvc.api import artifacts_show

    promotion.promote(f"{VARIANT}@{versions['good-1']}", "production")
    record = releases.of(state.find(state.read(), f"{VARIANT}#production")).record
    assert record is not None
    for number, which in enumerate((["--stage", "production"], ["--rev", versions["good-1"]])):
        out = tmp_path / f"{number}.tflite"
        dvc(root, f"artifacts get -q . {VARIANT} {' '.join(which)} --out {out}")
        assert digest(out) == record.model.sha256
    shown = artifacts_show(VARIANT, stage="production", repo=str(root))
    assert shown["path"] == f"models/{VARIANT}/model.tflite"
    assert git(root, "rev-parse", f"{shown['rev']}^{{commit}}") == git(
        root, "rev-parse", f"{VARIANT}@v1.0.0^{{commit}}"
    )


def test_a_version_that_passed_gets_the_role_and_the_tag_records_its_hash(versions: Mapping[str, str]):
    done = promotion.promote(f"{VARIANT}@{versions['good-1']}", "canary", reason="quiet week")
    assert done.tags == (f"{VARIANT}#canary#1",)
    (tag,) = [tag for tag in tags.read() if tag.role]
    record = releases.of(state.find(state.read(), f"{VARIANT}#canary")).record
    assert record is not None
    sha256 = record.model.sha256
    assert tag.why == f"Promote {VARIANT}@v1.0.0 to canary\n\nquiet week\n\nVerdict: pass\nSHA-256: {sha256}"
    assert (tag.who, tag.email) == ("Tester", "tester@example.org")


@pytest.mark.parametrize("role", grammar.LIVE)
@pytest.mark.parametrize("name", REFUSED)
def test_a_version_that_may_not_have_a_role_is_refused_with_its_reason(
    versions: Mapping[str, str], name: str, role: str
):
    with pytest.raises(RefusedError, match=REFUSED[name]):
        promotion.promote(f"{VARIANT}@{versions[name]}", role)
    assert holder(role) is None


def test_rules_that_were_taken_out_of_the_parameters_too_are_missed(versions: Mapping[str, str], root: Path):
    version = state.find(state.read(), f"{VARIANT}@{versions['emptied']}")
    params = root / "params" / f"{VARIANT}.yaml"
    for content, message in (
        ("gate: {rules: {}}", "is not of the parameters in"),
        ("[]", "is not of the parameters in"),
    ):
        params.write_text(content)
        git(root, "commit", "-qam", "No rules")
        later = replace(version, commit=git(root, "rev-parse", "HEAD"))
        assert any(message in wrong for wrong in eligibility.refusals(later, releases.of(later)))


def test_bytes_that_are_not_those_of_the_record_are_refused(
    versions: Mapping[str, str], root: Path, built: Path, tmp_path: Path
):
    shutil.copytree(built / "remote", tmp_path / "remote")
    config = root / ".dvc" / "config"
    config.write_text(config.read_text().replace(str(built / "remote"), str(tmp_path / "remote")))
    for path in (tmp_path / "remote" / "files").rglob("*"):
        if path.is_file():
            path.chmod(0o644)
            path.write_bytes(b"other bytes")
    with pytest.raises(RegistryError, match=r"in the remote has SHA-256 .*, and the record says"):
        promotion.promote(f"{VARIANT}@{versions['good-1']}", "staging")


def test_without_a_remote_nothing_can_be_promoted(versions: Mapping[str, str], root: Path):
    (root / ".dvc" / "config").write_text("")
    with pytest.raises(RegistryError, match=r"DVC cannot say what can be fetched: .*no remote specified"):
        promotion.promote(f"{VARIANT}@{versions['good-1']}", "staging")


def test_force_needs_a_reason_and_the_tag_keeps_it_with_what_was_overruled(versions: Mapping[str, str]):
    name = f"{VARIANT}@{versions['holds']}"
    with pytest.raises(RegistryError, match="--force needs --reason"):
        promotion.promote(name, "staging", force=True)
    promotion.promote(name, "staging", force=True, reason="for a look")
    assert holder("staging") == versions["holds"]
    why = tags.read()[-1].why
    assert "for a look" in why and "Forced: the gate says hold (accuracy: 0.94: hold)" in why


def test_the_files_of_a_version_are_fetched_by_its_name_its_role_or_its_tag(
    versions: Mapping[str, str], commits: Mapping[str, str], tmp_path: Path
):
    tag = promotion.promote(f"{VARIANT}@v1.0.0", "canary").tags[0]
    promotion.promote(f"{VARIANT}@{versions['good-2']}", "canary")
    record = git(Path(), "show", f"{commits['good-1']}:models/{VARIANT}/release.json")
    for name in (f"{VARIANT}@v1.0.0", tag):
        assert command("registry", "fetch", name, "--out", str(tmp_path / name))[0] == 0
        assert (tmp_path / name / "model.tflite").read_bytes() == f"model of {VARIANT}, good-1".encode()
        assert (tmp_path / name / "release.json").read_text().strip() == record
    assert command("registry", "fetch", f"{VARIANT}#canary", "--out", str(tmp_path / "now"))[0] == 0
    assert (tmp_path / "now" / "model.tflite").read_bytes() == f"model of {VARIANT}, good-2".encode()
    code, output = command("registry", "fetch", f"{VARIANT}@{versions['lost']}", "--out", str(tmp_path / "lost"))
    assert code == RegistryError.exit_code
    assert "model.tflite cannot be fetched completely" in output and not list((tmp_path / "lost").iterdir())


def test_rolling_back_goes_to_the_version_before_and_again_to_the_one_before_that(versions: Mapping[str, str]):
    for name in PASSING:
        promotion.promote(f"{VARIANT}@{versions[name]}", "production")
    assert promotion.rollback(VARIANT).version == versions["good-2"]
    assert promotion.rollback(VARIANT).version == versions["good-1"]
    with pytest.raises(RegistryError, match="no version held production before"):
        promotion.rollback(VARIANT)
    promotion.promote(f"{VARIANT}@{versions['good-3']}", "production")
    assert promotion.rollback(VARIANT).version == versions["good-1"]


def test_rolling_back_skips_forced_and_archived_versions(versions: Mapping[str, str]):
    promotion.promote(f"{VARIANT}@{versions['good-1']}", "production")
    promotion.promote(f"{VARIANT}@{versions['fails']}", "production", force=True, reason="we must")
    promotion.promote(f"{VARIANT}@{versions['good-2']}", "production")
    promotion.promote(f"{VARIANT}@{versions['good-3']}", "production")
    promotion.retire(f"{VARIANT}@{versions['good-2']}")
    assert promotion.rollback(VARIANT).version == versions["good-1"]


def test_rolling_back_to_a_version_checks_that_it_held_the_role_and_can_be_fetched(versions: Mapping[str, str]):
    promotion.promote(f"{VARIANT}@{versions['lost']}", "production", force=True, reason="on the shelf")
    promotion.promote(f"{VARIANT}@{versions['good-1']}", "production")
    with pytest.raises(RegistryError, match="not in the DVC remote"):
        promotion.rollback(VARIANT, versions["lost"])
    with pytest.raises(RegistryError, match="never held production: promote it instead"):
        promotion.rollback(VARIANT, versions["good-2"])


def test_a_retired_version_has_no_role_and_no_earlier_holder_returns(versions: Mapping[str, str]):
    for name in ("good-1", "good-2"):
        promotion.promote(f"{VARIANT}@{versions[name]}", "canary")
    promotion.retire(f"{VARIANT}@{versions['good-2']}", reason="flickers")
    assert holder("canary") is None
    assert state.find(state.read(), f"{VARIANT}@{versions['good-2']}").roles == ("archived",)
    with pytest.raises(RegistryError, match="it is archived"):
        promotion.promote(f"{VARIANT}@{versions['good-2']}", "canary")
    promotion.promote(f"{VARIANT}@{versions['good-2']}", "canary", force=True, reason="fixed")
    assert state.find(state.read(), f"{VARIANT}@{versions['good-2']}").roles == ("canary",)


def test_production_is_left_empty_only_by_force(versions: Mapping[str, str]):
    promotion.promote(f"{VARIANT}@{versions['good-1']}", "production")
    with pytest.raises(RegistryError, match="promote another or roll back first"):
        promotion.retire(f"{VARIANT}@{versions['good-1']}")
    promotion.retire(f"{VARIANT}@{versions['good-1']}", force=True, reason="the product ends")
    assert holder() is None


def test_gto_shows_what_the_list_shows(versions: Mapping[str, str], root: Path):
    promotion.promote(f"{VARIANT}@{versions['good-1']}", "production")
    promotion.promote(f"{VARIANT}@{versions['good-2']}", "production")
    promotion.promote(f"{VARIANT}@{versions['good-3']}", "staging")
    promotion.rollback(VARIANT)
    promotion.retire(f"{VARIANT}@{versions['fails']}")
    rows = json.loads(command("registry", "list", VARIANT, "--json")[1])
    shown = json.loads(subprocess.run(["gto", "show", "--json"], capture_output=True, check=True).stdout)[VARIANT]
    assert shown["version"] == rows[0]["version"]
    assert shown["stage"] == {role: row["version"] for row in rows for role in row["roles"]}
    theirs = json.loads(subprocess.run(["gto", "history", "--json"], capture_output=True, check=True).stdout)
    ours = json.loads(command("registry", "history", "--json")[1])
    assert [(one["ref"], one["event"], one["version"], one["stage"], one["message"]) for one in theirs] == [
        (one["tag"], one["what"], one["version"], one["role"], one["why"]) for one in ours
    ]


def test_the_list_shows_the_lifecycle_of_each_version_and_can_be_filtered(versions: Mapping[str, str]):
    promotion.promote(f"{VARIANT}@{versions['good-1']}", "production")
    promotion.promote(f"{VARIANT}@{versions['good-2']}", "production")
    promotion.promote(f"{VARIANT}@{versions['good-3']}", "staging")
    rows = json.loads(command("registry", "list", "--json")[1])
    stands = {row["version"]: row["lifecycle"] for row in rows}
    assert {name: stands[versions[name]] for name in ("good-1", "good-2", "good-3", "fails", "holds")} == {
        "good-1": "retired",
        "good-2": "deployed",
        "good-3": "testing",
        "fails": "failed",
        "holds": "validation",
    }
    assert [row["variant"] for row in rows if row["version"] is None] == ["demand-predictor"]
    assert [row["version"] for row in json.loads(command("registry", "list", "--role", "staging", "--json")[1])] == [
        versions["good-3"]
    ]
    code, output = command("registry", "list", "--lifecycle", "deployed")
    assert code == 0 and versions["good-2"] in output and versions["good-1"] not in output


def test_show_compare_and_changelog_report_what_changed(versions: Mapping[str, str]):
    first, second = (f"{VARIANT}@{versions[name]}" for name in PASSING[:2])
    assert command("registry", "show", first)[0] == 0
    shown = json.loads(command("registry", "show", first, "--json")[1])
    records = [releases.of(state.find(state.read(), name)).record for name in (first, second)]
    before, now = (record.metrics["accuracy"] for record in records if record is not None)
    assert shown["metrics"]["accuracy"] == before and before["value"] == 0.9
    (accuracy,) = [
        one
        for one in json.loads(command("registry", "compare", first, second, "--json")[1])
        if one["metric"] == "accuracy"
    ]
    assert accuracy["absolute"] == pytest.approx(0.01) and accuracy["percent"] == pytest.approx(100 / 90)
    down = math.hypot(now["value"] - now["low"], before["high"] - before["value"])
    up = math.hypot(now["high"] - now["value"], before["value"] - before["low"])
    assert (accuracy["low"], accuracy["high"]) == pytest.approx((0.01 - down, 0.01 + up))
    assert f"+0.01 ({0.01 - down:+.4g} to {0.01 + up:+.4g})" in command("registry", "compare", first, second)[1]
    change = json.loads(command("registry", "changelog", VARIANT, "--json")[1])[-2]
    assert change["parameters"] == ["train.learning_rate 0.001 → 0.002"]
    assert change["data"] == ["raw data 0raw → 1raw", "prepared data 0prepar → 1prepar", "train examples 100 → 101"]
    assert "train.learning_rate 0.001 → 0.002" in command("registry", "changelog", VARIANT)[1]
    git(Path(), "checkout", "-q", f"{VARIANT}@v1.0.0")
    git(Path(), "tag", "-d", f"{VARIANT}@v1.0.0")
    registration.register(VARIANT, version="v1.0.0", reason="the first\n\nthat knows of holidays")
    output = command("registry", "changelog", VARIANT)[1]
    assert f"Register {VARIANT} v1.0.0\n  the first\n  that knows of holidays\n" in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["registry", "show", "base-ad-detector"], "write VARIANT@VERSION"),
        (["registry", "show", "base-ad-detector@v9.0.0"], "no such version; base-ad-detector has v1.9.0"),
        (["registry", "show", "base-ad-detector#canary"], "no version of base-ad-detector holds canary"),
        (["registry", "history", "unknown"], "unknown has no versions"),
        (["registry", "list", "--role", "prod"], "is not a role; choose from"),
        (["promote", "base-ad-detector@v1.0.0", "--to", "prod"], "is not a role to promote to"),
        (["rollback", "base-ad-detector"], "no version of base-ad-detector holds production; promote one"),
        (["register", "base-ad-detector", "--rev", "nowhere"], "nowhere: no such commit"),
    ],
)
def test_a_mistake_ends_with_one_line_and_the_exit_code_of_the_registry(
    versions: Mapping[str, str], arguments: list[str], message: str, capfd: pytest.CaptureFixture[str]
):
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == RegistryError.exit_code
    assert message in done.output and len(done.output.strip().splitlines()) == 1


def test_the_project_may_be_a_folder_of_a_larger_repository(
    root: Path, commits: Mapping[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(root, "checkout", "-q", commits["good-3"])
    whole = tmp_path / "whole"
    shutil.copytree(root, whole / "team" / "models", ignore=shutil.ignore_patterns(".git"))
    git(whole, "init", "-q", "-b", "main")
    git(whole, "add", "--all")
    git(whole, "commit", "-q", "-m", "Take the models in")
    monkeypatch.chdir(whole / "team" / "models")
    assert registration.register(VARIANT).version == "v1.0.0"
    promotion.promote(f"{VARIANT}@v1.0.0", "production")
    assert verification.verify(f"{VARIANT}#production#1") is not None
    code, output = command("registry", "list", "--json")
    assert code == 0
    assert json.loads(output)[0]["roles"] == ["production"]
    assert command("registry", "fetch", f"{VARIANT}#production", "--out", str(tmp_path / "got"))[0] == 0
