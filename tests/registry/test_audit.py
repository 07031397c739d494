"""A release that was edited, copied or damaged is refused by promotion and verification, even if DVC locked it."""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from registry import malformed
from registry.house import dvc, git
from slipway.cli import doctor, gate
from slipway.cli.app import app
from slipway.registry import eligibility, promotion, releases, state
from slipway.registry.eligibility import RefusedError
from slipway.registry.state import Version

VARIANT, OTHER = "base-ad-detector", "demand-predictor"
RECORD, BENCHMARK = releases.record_path(VARIANT), releases.benchmark_path(VARIANT)
PARAMS, LOCK = f"params/{VARIANT}.yaml", "dvc.lock"
WRITTEN = {RECORD: "register", BENCHMARK: "benchmark", f"models/{VARIANT}/model.tflite": "convert-tflite"}
Change = Callable[[Any], object]


def edit(path: str, change: Change) -> None:
    """Edit a file by hand."""
    values = json.loads(Path(path).read_text())
    change(values)
    Path(path).write_text(json.dumps(values))


def lock(change: Change = lambda stages: None) -> None:
    """Write the hashes of the current files into dvc.lock, as `dvc commit -f` does."""
    values = yaml.safe_load(Path(LOCK).read_text())
    for path in (RECORD, BENCHMARK):
        for out in values["stages"][f"{WRITTEN[path]}@{VARIANT}"]["outs"]:
            out["md5"] = hashlib.md5(Path(out["path"]).read_bytes()).hexdigest()
    change(values["stages"])
    Path(LOCK).write_text(yaml.safe_dump(values))


def ship(message: str = "edited") -> Version:
    """Commit everything as a version that someone gave production with Git alone."""
    git(Path(), "commit", "-qam", message)
    git(Path(), "tag", "-a", "-m", message, f"{VARIANT}@v9.0.0")
    git(Path(), "tag", "-a", "-m", message, f"{VARIANT}#production#90")
    return state.find(state.read(), f"{VARIANT}@v9.0.0")


def refused(message: str) -> None:
    """Check that `promote`, `registry verify` and `gate` all refuse, with this reason."""
    version = ship()
    wrong = eligibility.refusals(version, releases.of(version))
    assert any(message in one for one in wrong), wrong
    with pytest.raises(RefusedError, match="is refused canary"):
        promotion.promote(version.name, "canary")
    done = CliRunner().invoke(app, ["registry", "verify", f"{VARIANT}#production#90"])
    assert done.exit_code == RefusedError.exit_code and done.output.startswith("error: ")
    judged = gate.judge(VARIANT)
    assert judged.verdict == "unjudged" and message in (judged.why or ""), judged.why


@pytest.fixture
def at(root: Path, commits: Mapping[str, str]) -> Callable[[str], None]:
    """A function that checks out a commit by name, without DVC's outputs of another one."""

    def check_out(name: str) -> None:
        git(root, "checkout", "-q", commits[name])
        for path in (*root.glob("reports/*/shipped.parquet"), *root.glob("models/*/model.tflite")):
            path.unlink()

    return check_out


def test_an_untouched_release_is_accepted(at: Callable[[str], None]):
    at("good-2")
    git(Path(), "commit", "-q", "--allow-empty", "-m", "as it is")
    version = ship_untouched()
    assert eligibility.refusals(version, releases.of(version)) == []
    assert gate.judge(VARIANT).verdict == "pass"


def ship_untouched() -> Version:
    git(Path(), "tag", "-a", "-m", "as it is", f"{VARIANT}@v9.0.0")
    return state.find(state.read(), f"{VARIANT}@v9.0.0")


def flatter(record: dict[str, Any]) -> None:
    record["gate"]["rules"][0].update(value=0.9, low=0.85, high=0.95, verdict="pass")
    record["gate"]["verdict"] = "pass"


def test_a_rules_figure_that_was_edited_is_refused(at: Callable[[str], None]):
    at("fails")
    edit(RECORD, flatter)
    lock()
    refused("the rule accuracy ≥ 0.8 has 0.9 (0.85 to 0.95), but recomputing gives 0.5 (")


def test_metrics_that_were_edited_too_are_refused(at: Callable[[str], None]):
    at("fails")
    edit(RECORD, flatter)
    edit(RECORD, lambda record: record["metrics"]["accuracy"].update(value=0.9, low=0.85, high=0.95))
    lock()
    refused("accuracy is 0.9 (0.85 to 0.95), but recomputing gives 0.5 (")


def test_another_variants_release_under_this_name_is_refused(at: Callable[[str], None]):
    at("good-1")
    for path in (RECORD, BENCHMARK, PARAMS):
        shutil.copyfile(path.replace(VARIANT, OTHER), path)

    def borrow(stages: dict[str, Any]) -> None:
        for stage in ("register", "benchmark", "convert-tflite"):
            borrowed = json.dumps(stages[f"{stage}@{OTHER}"]).replace(OTHER, VARIANT)
            stages[f"{stage}@{VARIANT}"] = json.loads(borrowed)

    lock(borrow)
    refused(f"{RECORD} is the record of {OTHER}, not of {VARIANT}")


def test_another_builds_benchmark_is_refused(at: Callable[[str], None], commits: Mapping[str, str]):
    at("slow")
    Path(BENCHMARK).write_text(git(Path(), "show", f"{commits['good-1']}:{BENCHMARK}") + "\n")
    lock()
    refused("belongs to another model.tflite: its size_bytes is")


def test_another_builds_predictions_are_refused(at: Callable[[str], None], commits: Mapping[str, str]):
    theirs = yaml.safe_load(git(Path(), "show", f"{commits['good-1']}:{LOCK}"))["stages"][f"convert-tflite@{VARIANT}"]
    at("fails")
    shown = next(out for out in theirs["outs"] if out["path"].endswith("parquet"))

    def borrow(stages: dict[str, Any]) -> None:
        outs = stages[f"convert-tflite@{VARIANT}"]["outs"]
        outs[:] = [shown if out["path"] == shown["path"] else out for out in outs]

    lock(borrow)
    refused("accuracy is 0.5 (")


def test_predictions_that_nobody_can_fetch_are_no_evidence(at: Callable[[str], None]):
    at("good-1")

    def lose(stages: dict[str, Any]) -> None:
        for out in stages[f"convert-tflite@{VARIANT}"]["outs"]:
            if out["path"].endswith("parquet"):
                out["md5"] = "0" * 32

    lock(lose)
    refused("shipped.parquet ")


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("lineage", []),
        ("spec", ["classes"]),
        ("metrics", ...),
        ("metrics.accuracy.value", "0.99"),
        ("metrics.accuracy.value", float("nan")),
        ("artifacts.../../evil", {"sha256": "0" * 64, "bytes": 1}),
        ("task", "classification"),
        ("spec.classes", ["one", "two", "three"]),
        ("spec.classes", ["not seen", "seen"]),
        ("spec.threshold", None),
        ("spec.objective", "regression"),
        ("data.positive", {}),
        ("schema", 7),
    ],
)
def test_a_malformed_record_is_refused_and_not_an_error(at: Callable[[str], None], place: str, value: object):
    at("good-1")
    Path(RECORD).write_bytes(malformed.at(Path(RECORD).read_bytes(), place, value))
    lock()
    refused(RECORD if place.startswith(("artifacts", "schema", "lineage")) else "")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<<<<<<< HEAD\nschema: '2.0'\n=======\nschema: '2.1'\n>>>>>>> theirs\n", "a merge left 1 conflict here"),
        (b"[]", "not a mapping"),
        (b"stages: []", "stages is not a mapping"),
        (b"stages: {register@base-ad-detector: []}", "its outs are not a list"),
        (b"stages: {register@base-ad-detector: {outs: [{path: x, md5: ../../etc/passwd}]}}", "is not an MD5"),
        (b"a: !!timestamp 2024-99-99", "not YAML"),
        (b"a: !!bool maybe", "not YAML"),
        (b"\xff", "not YAML"),
        (b"[" * 5000, "not YAML"),
        (b"", "is not there, or not in dvc.lock"),
    ],
)
def test_a_malformed_lock_is_refused_and_not_an_error(at: Callable[[str], None], content: bytes, message: str):
    at("good-1")
    Path(LOCK).write_bytes(content)
    refused(message)


@pytest.mark.parametrize(
    "content",
    [
        "gate: [",
        "[]",
        "gate: {rules: {}}",
        "gate: {rules: {}}\nevaluate: {}\ntask: [x]\ndata: {}\nseed: 7",
        "seed: .nan",
    ],
)
def test_malformed_parameters_are_refused_and_not_an_error(at: Callable[[str], None], content: str):
    at("good-1")
    Path(PARAMS).write_text(content)
    edit(RECORD, lambda record: record["lineage"].update(params=hashlib.sha256(content.encode()).hexdigest()))
    lock()
    version = ship()
    assert any(PARAMS in one for one in eligibility.refusals(version, releases.of(version)))
    assert gate.judge(VARIANT).verdict == "unjudged"


def test_a_malformed_version_does_not_hide_what_is_wrong_with_the_others(
    versions: Mapping[str, str], root: Path, commits: Mapping[str, str]
):
    git(root, "tag", "-a", "-m", "ship it", f"{VARIANT}#staging#80", commits["fails"])
    git(root, "checkout", "-q", commits["good-1"])
    Path(LOCK).write_text("<<<<<<< HEAD\n")
    Path(RECORD).write_text("[]")
    ship()
    found = [one for one in doctor.examine() if one.check == "versions in use"]
    assert any("@v9.0.0 holds production" in one.wrong for one in found)
    assert any(f"{versions['fails']} holds staging: the gate says fail" in one.wrong for one in found)
    rows = json.loads(CliRunner().invoke(app, ["registry", "list", "--json"]).stdout)
    assert {row["version"]: row["verdict"] for row in rows if row["variant"] == VARIANT}["v9.0.0"] is None
    for command in ("show", "compare", "changelog"):
        names = [f"{VARIANT}@v9.0.0"] + ([f"{VARIANT}@v1.0.0"] if command == "compare" else [])
        done = CliRunner().invoke(app, ["registry", command, *(names if command != "changelog" else [VARIANT])])
        assert done.exit_code == 0, done.output


def test_names_that_no_release_has_are_never_written(at: Callable[[str], None], tmp_path: Path):
    at("good-1")
    target = tmp_path / "evil"
    content = Path(PARAMS).read_bytes()
    md5, sha256 = hashlib.md5(content).hexdigest(), hashlib.sha256(content).hexdigest()
    kept = Path(".dvc/cache/files/md5") / md5[:2] / md5[2:]
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_bytes(content)
    for name in (str(target), "../../evil"):
        artifact = {"sha256": sha256, "bytes": len(content)}
        edit(RECORD, lambda record, name=name, of=artifact: record["artifacts"].update({name: of}))

    def named(stages: dict[str, Any]) -> None:
        stages[f"convert-tflite@{VARIANT}"]["outs"] += [
            {"path": f"models/{VARIANT}/{name}", "md5": md5} for name in (str(target), "../../evil")
        ]

    lock(named)
    ship()
    done = CliRunner().invoke(app, ["registry", "fetch", f"{VARIANT}@v9.0.0", "--out", str(tmp_path / "a" / "b")])
    assert done.exit_code == RefusedError.exit_code
    assert not target.exists() and not (tmp_path / "a").exists()


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_edit_of_record_benchmark_or_lock_is_an_error_or_makes_a_pass(
    checked_out: None, data: st.DataObject
) -> None:
    malformed.check(VARIANT, data)


@pytest.fixture
def checked_out(at: Callable[[str], None]) -> None:
    """A build that passed, with all its DVC outputs."""
    at("good-1")
    dvc(Path(), f"pull -q convert-tflite@{VARIANT}")
