"""Registration: what becomes a version, under which name, and what does not."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from registry.house import PASSING, git
from slipway.core.errors import RegistryError
from slipway.registry import provenance, registration, releases

VARIANT = "base-ad-detector"


def test_the_version_number_increases_by_the_chosen_part(root: Path, commits: Mapping[str, str]):
    first, second, third = (commits[name] for name in PASSING)
    assert registration.register(VARIANT, revision=first).version == "v1.0.0"
    assert registration.register(VARIANT, revision=second).version == "v1.1.0"
    assert registration.register(VARIANT, revision=third, bump="major").version == "v2.0.0"


def test_a_commit_without_a_record_is_no_version(root: Path):
    with pytest.raises(
        RegistryError, match=r"models/unknown/release.json: not in commit .* run `dvc repro register@unk"
    ):
        registration.register("unknown")


def test_what_is_not_committed_is_no_version(root: Path):
    path = root / releases.record_path(VARIANT)
    path.write_text(path.read_text() + " ")
    with pytest.raises(RegistryError, match="differs from commit"):
        registration.register(VARIANT)


def test_a_commit_or_a_record_is_registered_once(root: Path, commits: Mapping[str, str]):
    registration.register(VARIANT, revision=commits["good-1"])
    with pytest.raises(RegistryError, match=rf"commit .* is already {VARIANT}@v1.0.0"):
        registration.register(VARIANT, revision=commits["good-1"], version="v7.0.0")
    git(root, "checkout", "-q", commits["good-1"])
    git(root, "commit", "-q", "--allow-empty", "-m", "Nothing new")
    with pytest.raises(RegistryError, match=f"{VARIANT}@v1.0.0 is already this model, .* nothing new to register"):
        registration.register(VARIANT)


def test_changes_of_code_packages_and_prose_make_no_version_and_a_threshold_does(
    root: Path, commits: Mapping[str, str]
):
    registration.register(VARIANT, revision=commits["good-1"])
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
        registration.register(VARIANT)
    assert VARIANT not in registration.unregistered()
    record["gate"]["rules"][0]["min"] = 0.1
    path.write_text(json.dumps(record))
    git(root, "commit", "-q", "-am", "A threshold")
    assert VARIANT in registration.unregistered()
    assert registration.register(VARIANT).version == "v1.1.0"


@pytest.mark.parametrize("version", ["1.2.0", "v1.2", "v01.2.0", "latest"])
def test_a_version_is_three_numbers_after_a_v(root: Path, version: str):
    with pytest.raises(RegistryError, match="is not a version"):
        registration.register(VARIANT, version=version)


def test_a_version_is_never_moved(root: Path, commits: Mapping[str, str]):
    registration.register(VARIANT, revision=commits["good-1"])
    with pytest.raises(RegistryError, match="already exists; a version is never moved"):
        registration.register(VARIANT, revision=commits["good-2"], version="v1.0.0")


def test_variants_that_passed_and_are_not_registered_are_listed(root: Path, commits: Mapping[str, str]):
    git(root, "checkout", "-q", commits["fails"])
    assert registration.unregistered() == []
    git(root, "checkout", "-q", commits["good-1"])
    registration.register(VARIANT)
    assert registration.unregistered() == ["demand-predictor"]
    registration.register("demand-predictor")
    git(root, "commit", "-q", "--allow-empty", "-m", "Nothing new")
    assert registration.unregistered() == []


def test_a_version_holds_all_that_makes_the_variant(root: Path, commits: Mapping[str, str]) -> None:
    """`git commit --all` leaves out new files, so the commit would name a variant whose files it lacks."""
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
        registration.register("mine")
    git(root, "add", "--all")
    git(root, "commit", "-q", "-m", "All of it")
    assert registration.register("mine").version == "v1.0.0"
    lock = Path("dvc.lock").read_text()
    md5 = lock.partition("register@demand-predictor:")[2].partition("md5: ")[2][:32]
    Path("dvc.lock").write_text(lock.replace(md5, "0" * 32))
    with pytest.raises(RegistryError, match=r"demand-predictor differs from commit \w+ in dvc.lock: `git add --all"):
        registration.register("demand-predictor")
