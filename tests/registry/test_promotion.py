"""Registering, promoting, rolling back, retiring, in a repository that DVC built."""

import json
import math
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from registry.house import PASSING, REFUSED, dvc, git
from slipway.cli.app import app
from slipway.core.errors import RegistryError
from slipway.records.release import digest
from slipway.registry import promotion, provenance, releases, state, tags
from slipway.registry.promotion import RefusedError

VARIANT = "base-ad-detector"


def holder(role: str = "production") -> str | None:
    found = state.read()[VARIANT].holder(role)
    return found.version if found else None


def command(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, list(arguments))
    return done.exit_code, done.output


def test_versions_go_up_from_the_first_by_the_part_that_is_named(root: Path, commits: Mapping[str, str]):
    first, second, third = (commits[name] for name in PASSING)
    assert promotion.register(VARIANT, revision=first).version == "v1.0.0"
    assert promotion.register(VARIANT, revision=second).version == "v1.1.0"
    assert promotion.register(VARIANT, revision=third, bump="major").version == "v2.0.0"


def test_a_commit_without_a_record_is_no_version(root: Path):
    with pytest.raises(
        RegistryError, match=r"models/unknown/release.json: not in commit .* run `dvc repro register@unk"
    ):
        promotion.register("unknown")


def test_what_is_not_committed_is_no_version(root: Path):
    path = root / releases.record_path(VARIANT)
    path.write_text(path.read_text() + " ")
    with pytest.raises(RegistryError, match="differs from commit"):
        promotion.register(VARIANT)


def test_a_commit_or_a_record_is_registered_once(root: Path, commits: Mapping[str, str]):
    promotion.register(VARIANT, revision=commits["good-1"])
    with pytest.raises(RegistryError, match=r"@v1.0.0 is commit .* already"):
        promotion.register(VARIANT, revision=commits["good-1"], version="v7.0.0")
    git(root, "checkout", "-q", commits["good-1"])
    git(root, "commit", "-q", "--allow-empty", "-m", "Nothing new")
    with pytest.raises(RegistryError, match=f"{VARIANT}@v1.0.0 is this model already, .* nothing new to register"):
        promotion.register(VARIANT)


def test_code_tools_and_wording_make_no_version_and_a_threshold_does(root: Path, commits: Mapping[str, str]):
    promotion.register(VARIANT, revision=commits["good-1"])
    git(root, "checkout", "-q", commits["good-1"])
    before = provenance.of(VARIANT, commits["good-1"])
    lock = yaml.safe_load((root / "dvc.lock").read_text())
    module = {"path": "src/slipway/tasks/mine.py", "md5": "0" * 32}
    lock["stages"][f"convert-tflite@{VARIANT}"].setdefault("deps", []).append(module)
    (root / "dvc.lock").write_text(yaml.safe_dump(lock))
    (root / "requirements").mkdir()
    (root / "requirements" / "build.lock").write_text("keras==99\n")
    path = root / releases.record_path(VARIANT)
    record = json.loads(path.read_text())
    record["gate"]["rules"][0]["reason"] = "in other words"
    path.write_text(json.dumps(record))
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "A comment, a tool, other words")
    after = provenance.of(VARIANT, git(root, "rev-parse", "HEAD"))
    assert after.code != before.code and after.environment != before.environment
    with pytest.raises(RegistryError, match="nothing new to register"):
        promotion.register(VARIANT)
    assert VARIANT not in promotion.unregistered()
    record["gate"]["rules"][0]["min"] = 0.1
    path.write_text(json.dumps(record))
    git(root, "commit", "-q", "-am", "A threshold")
    assert VARIANT in promotion.unregistered()
    assert promotion.register(VARIANT).version == "v1.1.0"


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


@pytest.mark.parametrize("version", ["1.2.0", "v1.2", "v01.2.0", "latest"])
def test_a_version_is_three_numbers_after_a_v(root: Path, version: str):
    with pytest.raises(RegistryError, match="is no version"):
        promotion.register(VARIANT, version=version)


def test_a_version_is_never_moved(root: Path, commits: Mapping[str, str]):
    promotion.register(VARIANT, revision=commits["good-1"])
    with pytest.raises(RegistryError, match="a version is never moved"):
        promotion.register(VARIANT, revision=commits["good-2"], version="v1.0.0")


def test_a_version_that_passed_gets_the_role_and_the_tag_says_of_which_bytes(versions: Mapping[str, str]):
    done = promotion.promote(f"{VARIANT}@{versions['good-1']}", "canary", reason="quiet week")
    assert done.tags == (f"{VARIANT}#canary#1",)
    (tag,) = [tag for tag in tags.read() if tag.role]
    record = releases.of(state.find(state.read(), f"{VARIANT}#canary")).record
    assert record is not None
    sha256 = record.model.sha256
    assert tag.why == f"Promote {VARIANT}@v1.0.0 to canary\n\nquiet week\n\nVerdict: pass\nSHA-256: {sha256}"
    assert (tag.who, tag.email) == ("Tester", "tester@example.org")


@pytest.mark.parametrize("role", tags.LIVE)
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
    for content, said in (("gate: {rules: {}}", "is not of the parameters in"), ("[]", "is not of the parameters in")):
        params.write_text(content)
        git(root, "commit", "-qam", "Nothing is asked")
        later = replace(version, commit=git(root, "rev-parse", "HEAD"))
        assert any(said in wrong for wrong in promotion.refusals(later, releases.of(later)))


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


@pytest.mark.parametrize("name", REFUSED)
def test_a_tag_that_someone_wrote_by_hand_is_held_to_the_same(
    versions: Mapping[str, str], commits: Mapping[str, str], name: str
):
    good, bad = f"{VARIANT}#production#1", f"{VARIANT}#production#2"
    git(Path(), "tag", "-a", "-m", "ship it", good, commits["good-1"])
    git(Path(), "tag", "-a", "-m", "ship it", bad, commits[name])
    assert command("registry", "verify", good) == (0, f"{VARIANT}@v1.0.0 may hold production\n")
    code, said = command("registry", "verify", bad)
    assert code == RefusedError.exit_code
    assert f"{bad} is refused: {VARIANT}@{versions[name]} may not hold production: " in said and REFUSED[name] in said


def test_a_promotion_by_force_and_a_role_that_is_taken_are_verified(versions: Mapping[str, str]):
    forced = promotion.promote(f"{VARIANT}@{versions['holds']}", "staging", force=True, reason="for a look")
    warning = "warning: by force, although the gate says hold (accuracy: 0.94: hold)"
    may = f"{VARIANT}@{versions['holds']} may hold staging"
    assert command("registry", "verify", *forced.tags) == (0, f"{warning}\n{may}\n")
    taken, archived = promotion.retire(f"{VARIANT}@{versions['holds']}").tags
    for tag in (taken, archived):
        assert command("registry", "verify", tag) == (0, f"{tag} gives no role that is relied on\n")


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
def test_force_counts_with_a_reason_and_where_the_facts_are(
    versions: Mapping[str, str], commits: Mapping[str, str], message: str, counts: bool
):
    tag = f"{VARIANT}#production#1"
    git(Path(), "tag", "-a", "-m", message, tag, commits["fails"])
    code, said = command("registry", "verify", tag)
    assert code == (0 if counts else RefusedError.exit_code)
    assert "the gate says fail (accuracy: 0.5: fail)" in said


@pytest.mark.parametrize(
    "remote", ["[core]\n", "['remote \"local\"']\n    url = /nowhere\n[core]\n    remote = local\n"]
)
def test_what_cannot_be_looked_at_is_not_refused(versions: Mapping[str, str], root: Path, remote: str):
    tag = promotion.promote(f"{VARIANT}@v1.0.0", "production").tags[0]
    (root / ".dvc" / "config").write_text(remote)
    code, said = command("registry", "verify", tag)
    assert code == RegistryError.exit_code != RefusedError.exit_code
    assert "DVC cannot say what can be fetched" in said or "the DVC remote cannot be reached" in said


@pytest.mark.parametrize("tag", ["nonsense", f"{VARIANT}#production#7", "issue#12", "other@1.0.0"])
def test_what_is_no_tag_of_the_registry_is_not_verified(versions: Mapping[str, str], tag: str):
    for name in ("issue#12", "other@1.0.0"):
        git(Path(), "tag", "-a", "-m", "nothing of ours", name)
    code, said = command("registry", "verify", tag)
    assert code == RegistryError.exit_code and "no annotated tag of the registry" in said


def test_a_role_of_a_commit_that_is_no_version_is_refused(root: Path):
    git(root, "tag", "-a", "-m", "ship it", f"{VARIANT}#production#1")
    with pytest.raises(RefusedError, match="is no version of"):
        promotion.verify(f"{VARIANT}#production#1")


def test_variants_whose_record_passed_and_is_of_no_version_are_known(root: Path, commits: Mapping[str, str]):
    git(root, "checkout", "-q", commits["fails"])
    assert promotion.unregistered() == []
    git(root, "checkout", "-q", commits["good-1"])
    promotion.register(VARIANT)
    assert promotion.unregistered() == ["demand-predictor"]
    promotion.register("demand-predictor")
    git(root, "commit", "-q", "--allow-empty", "-m", "Nothing new")
    assert promotion.unregistered() == []


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
    code, said = command("registry", "fetch", f"{VARIANT}@{versions['lost']}", "--out", str(tmp_path / "lost"))
    assert code == RegistryError.exit_code
    assert "model.tflite cannot be fetched whole" in said and not list((tmp_path / "lost").iterdir())


def test_rolling_back_goes_to_the_version_before_and_again_to_the_one_before_that(versions: Mapping[str, str]):
    for name in PASSING:
        promotion.promote(f"{VARIANT}@{versions[name]}", "production")
    assert promotion.rollback(VARIANT).version == versions["good-2"]
    assert promotion.rollback(VARIANT).version == versions["good-1"]
    with pytest.raises(RegistryError, match="no version held production before"):
        promotion.rollback(VARIANT)
    promotion.promote(f"{VARIANT}@{versions['good-3']}", "production")
    assert promotion.rollback(VARIANT).version == versions["good-1"]


def test_rolling_back_passes_over_what_was_forced_and_what_is_archived(versions: Mapping[str, str]):
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


def test_a_retired_version_has_no_role_and_none_comes_back_by_itself(versions: Mapping[str, str]):
    for name in ("good-1", "good-2"):
        promotion.promote(f"{VARIANT}@{versions[name]}", "canary")
    promotion.retire(f"{VARIANT}@{versions['good-2']}", reason="flickers")
    assert holder("canary") is None
    assert state.find(state.read(), f"{VARIANT}@{versions['good-2']}").roles == ("archived",)
    with pytest.raises(RegistryError, match="it is archived"):
        promotion.promote(f"{VARIANT}@{versions['good-2']}", "canary")
    promotion.promote(f"{VARIANT}@{versions['good-2']}", "canary", force=True, reason="mended")
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


def test_the_list_says_where_each_version_stands_and_can_be_filtered(versions: Mapping[str, str]):
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


def test_show_compare_and_changelog_tell_what_changed(versions: Mapping[str, str]):
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
    promotion.register(VARIANT, version="v1.0.0", reason="the first\n\nthat knows of holidays")
    told = command("registry", "changelog", VARIANT)[1]
    assert f"Register {VARIANT} v1.0.0\n  the first\n  that knows of holidays\n" in told


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["registry", "show", "base-ad-detector"], "write VARIANT@VERSION"),
        (["registry", "show", "base-ad-detector@v9.0.0"], "no such version; base-ad-detector has v1.9.0"),
        (["registry", "show", "base-ad-detector#canary"], "no version of base-ad-detector holds canary"),
        (["registry", "history", "unknown"], "unknown has no versions"),
        (["registry", "list", "--role", "prod"], "is no role"),
        (["promote", "base-ad-detector@v1.0.0", "--to", "prod"], "is no role to promote to"),
        (["rollback", "base-ad-detector"], "no version of base-ad-detector holds production; promote one"),
        (["register", "base-ad-detector", "--rev", "nowhere"], "nowhere: no such commit"),
    ],
)
def test_a_mistake_ends_with_one_line_and_the_exit_code_of_the_registry(
    versions: Mapping[str, str], arguments: list[str], said: str, capfd: pytest.CaptureFixture[str]
):
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == RegistryError.exit_code
    assert said in done.output and len(done.output.strip().splitlines()) == 1


def test_a_version_holds_all_that_makes_the_variant(root: Path, commits: Mapping[str, str]) -> None:
    """`git commit --all` leaves out what is new: the commit would name a variant that it does not hold."""
    git(root, "checkout", "-q", commits["good-3"])
    lines = Path("params.yaml").read_text()
    Path("params.yaml").write_text(lines + "  mine: {task: made_up}\n")
    for path in ("conf/variant/mine.yaml", "params/mine.yaml", "models/mine/release.json", "reports/mine/metrics.json"):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(
            Path("models/demand-predictor/release.json").read_text().replace("demand-predictor", "mine")
        )
    git(root, "commit", "-q", "--all", "-m", "Only what Git knows of")
    left = "conf/variant/mine.yaml, models/mine/release.json, params/mine.yaml, reports/mine/metrics.json: `git add"
    with pytest.raises(RegistryError, match=left):
        promotion.register("mine")
    git(root, "add", "--all")
    git(root, "commit", "-q", "-m", "All of it")
    assert promotion.register("mine").version == "v1.0.0"
    lock = Path("dvc.lock").read_text()
    md5 = lock.partition("register@demand-predictor:")[2].partition("md5: ")[2][:32]
    Path("dvc.lock").write_text(lock.replace(md5, "0" * 32))
    with pytest.raises(RegistryError, match=r"demand-predictor differs from commit \w+ in dvc.lock: `git add --all"):
        promotion.register("demand-predictor")


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
    assert promotion.register(VARIANT).version == "v1.0.0"
    promotion.promote(f"{VARIANT}@v1.0.0", "production")
    assert promotion.verify(f"{VARIANT}#production#1") is not None
    code, said = command("registry", "list", "--json")
    assert code == 0
    assert json.loads(said)[0]["roles"] == ["production"]
    assert command("registry", "fetch", f"{VARIANT}#production", "--out", str(tmp_path / "got"))[0] == 0
