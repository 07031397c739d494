"""`slipway gate` on repositories with a version in production: its output and its exit code."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import released
from slipway import tasks
from slipway.cli import gate
from slipway.cli.app import app
from slipway.core.errors import ModelError
from slipway.gate.contributions import Scored
from slipway.gate.result import Result, Status, Version, exit_code
from slipway.records import release

BASELINE = {"overall": {"accuracy": {"most": 0.05}}}


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with the variant `mine` in its first commit, whose version is in production."""
    root = tmp_path_factory.mktemp("first")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        released.shipped("mine")
    return root


@pytest.fixture
def root(first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that repository, which is the working directory of the test."""
    root = tmp_path / "repository"
    shutil.copytree(first, root)
    monkeypatch.chdir(root)
    return root


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["gate", *arguments])
    return result.exit_code, result.output


def judged(*arguments: str) -> dict[str, Any]:
    (one,) = json.loads(CliRunner().invoke(app, ["gate", "mine", "--json", *arguments]).stdout)
    return one


def baseline_rule(*arguments: str) -> dict[str, Any]:
    return next(rule for rule in judged(*arguments)["rules"] if rule["kind"] == "baseline")


def test_the_model_in_production_passes_against_itself(root: Path) -> None:
    code, output = run()
    assert code == 0
    assert "mine@v1.0.0" in output
    rule = baseline_rule()
    assert (rule["value"], rule["low"], rule["high"], rule["verdict"]) == (0, 0, 0, "pass")


def test_a_model_that_is_much_worse_fails_with_the_examples_that_flipped(root: Path) -> None:
    released.build("mine", offset=3.0)
    assert run()[0] == 1
    result = judged()
    assert result["verdict"] == "fail"
    compared = result["comparison"]
    assert compared["worse"] > compared["better"]
    assert compared["p"] < 0.001
    flip = compared["flips"][0]
    assert (flip["actual"], flip["old"], flip["new"], flip["better"]) == ("not ball", "not ball", "ball", False)


def test_a_model_that_may_be_worse_holds(root: Path) -> None:
    released.build("mine", offset=1.2)
    assert run()[0] == 2
    assert "straddles" in baseline_rule()["reason"]


def test_decided_on_the_point_it_does_not_hold(root: Path) -> None:
    rules = released.DEFAULT_GATE | {"baseline": {"overall": {"accuracy": {"most": 0.05, "decide_on": "point"}}}}
    released.build("mine", offset=1.2, gate=rules)
    assert run()[0] == 0


def test_a_better_model_passes(root: Path) -> None:
    released.build("mine", offset=3.0)
    released.commit("worse")
    released.ship("mine", "v1.1.0", number=2)
    released.build("mine")
    assert run()[0] == 0
    assert baseline_rule()["value"] < 0


def test_the_holder_of_production_is_the_baseline_also_after_an_unassignment(root: Path) -> None:
    assert judged()["baseline"]["name"] == "mine@v1.0.0"
    released.build("mine", offset=0.5)
    released.commit("second")
    released.ship("mine", "v1.1.0", number=10)
    assert judged()["baseline"]["name"] == "mine@v1.1.0"
    released.git("tag", "-a", "mine#production!#11", "-m", "take it back")
    assert judged()["baseline"]["name"] == "mine@v1.0.0"
    released.git("tag", "-a", "mine#production!#12", "-m", "that one too", "mine@v1.0.0^{}")
    assert judged()["baseline"] is None


def test_any_revision_can_be_the_baseline(root: Path) -> None:
    first = released.git("rev-parse", "HEAD")
    assert judged("--baseline", "HEAD")["baseline"] == {"name": "HEAD", "commit": first}
    code, output = run("--baseline", "no-such-thing")
    assert code == 3
    assert "no-such-thing: no such commit" in output


def test_without_a_version_in_production_a_rule_holds_unless_it_says_first_release_pass(root: Path) -> None:
    released.git("tag", "-d", "mine#production#1", "mine@v1.0.0")
    assert run()[0] == 2
    assert "no version holds production yet" in baseline_rule()["reason"]
    released.build("mine", gate=released.DEFAULT_GATE | {"baseline": BASELINE | {"first_release": "pass"}})
    assert run()[0] == 0
    first = {"overall": {"accuracy": {"most": 0.05, "first_release": "pass"}}}
    released.build("mine", gate=released.DEFAULT_GATE | {"baseline": first})
    assert run()[0] == 0


def test_a_version_in_production_without_a_record_is_not_a_first_release(root: Path) -> None:
    released.git("rm", "-q", "--cached", "models/mine/release.json")
    released.git("commit", "-q", "-m", "without its record")
    released.ship("mine", "v1.1.0", number=2)
    released.build("mine", gate=released.DEFAULT_GATE | {"baseline": BASELINE | {"first_release": "pass"}})
    assert run()[0] == 2
    assert baseline_rule()["reason"].endswith("models/mine/release.json does not exist in mine@v1.1.0")
    assert run("--baseline", "HEAD")[0] == 0
    assert baseline_rule("--baseline", "HEAD")["reason"] == "HEAD has no release of mine yet"


def test_a_class_with_another_name_does_not_lose_its_rule(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = released.DEFAULT_GATE | {"baseline": {"first_release": "pass", "per_class": {"recall": {"most": 0.1}}}}
    monkeypatch.setitem(released.DATA, "name", "football")
    released.build("mine", gate=rules)
    assert run()[0] == 1
    found = {rule["of"]: rule["verdict"] for rule in judged()["rules"] if rule["kind"] == "baseline"}
    assert found == {"football": "hold", "not football": "hold", "ball": "fail", "not ball": "fail"}


def test_a_baseline_with_damaged_predictions_is_run_and_holds_if_it_cannot_be(root: Path) -> None:
    whole = Path("reports/mine/shipped.parquet").read_bytes()
    Path("reports/mine/shipped.parquet").write_bytes(whole[:-100])
    released.commit("damaged")
    released.ship("mine", "v1.1.0", number=2)
    released.build("mine")
    assert baseline_rule()["verdict"] == "pass"
    shutil.rmtree("data/prepared")
    assert run()[0] == 2
    assert "data/prepared/mine/test is not here" in baseline_rule()["reason"]


def test_a_baseline_with_an_incompatible_data_section_holds(root: Path) -> None:
    record = Path("models/mine/release.json")
    values = json.loads(record.read_text())
    values["data"]["forgotten"] = 1
    record.write_text(json.dumps(values))
    released.commit("incompatible")
    released.ship("mine", "v1.1.0", number=2)
    released.build("mine")
    assert run()[0] == 2
    assert "its data section is not one that this version of slipway reads" in baseline_rule()["reason"]


def test_a_baseline_is_not_run_on_classes_that_it_has_no_output_for(root: Path) -> None:
    spec = {"objective": "multiclass", "outputs": ["a", "c"], "classes": ["a", "c"]}
    own = {"task": "image_classification", "data": {"height": 8, "width": 8}}
    of_mine = release.read(Path("models/mine/release.json").read_bytes(), "release.json", "mine")
    record = of_mine.model_copy(update={**own, "spec": spec})
    old_record = of_mine.model_copy(update={**own, "spec": {**spec, "outputs": ["a", "b"], "classes": ["a", "b"]}})
    examples = pd.DataFrame({"example": ["one", "two"], "group": ["one", "two"]})
    new = Scored(tasks.load(record.task, record.data), spec, examples, np.arange(2), np.eye(2))
    with pytest.raises(ModelError, match="it does not know the classes c of the test examples"):
        gate._of_baseline("yours", Version("HEAD", released.git("rev-parse", "HEAD")), old_record, record, new)


def test_a_baseline_tested_on_other_rows_is_fetched_and_run_on_the_current_rows(root: Path) -> None:
    released.build("mine", test=slice(100, 300))
    rule = baseline_rule()
    assert (rule["value"], rule["verdict"]) == (0, "pass")
    assert judged()["comparison"]["examples"] == 200


def test_a_baseline_of_other_raw_data_is_run_on_the_current_data(root: Path) -> None:
    released.rows("mine", seed=1)
    released.build("mine")
    assert baseline_rule()["value"] == 0
    assert judged()["comparison"]["examples"] == 400


def test_a_baseline_with_another_threshold_decides_by_its_own(root: Path) -> None:
    record = Path("models/mine/release.json")
    values = json.loads(record.read_text())
    values["spec"]["threshold"] = 0.99
    record.write_text(json.dumps(values))
    released.git("add", ".")
    released.git("commit", "-q", "-m", "a stricter one")
    released.ship("mine", "v1.1.0", number=2)
    released.build("mine", test=slice(0, 300))
    assert judged()["comparison"]["better"] > judged()["comparison"]["worse"]


def test_predictions_that_are_only_on_the_remote_are_fetched(root: Path) -> None:
    shutil.move(".dvc/cache", "../store")
    released.build("mine", offset=3.0)
    assert baseline_rule()["verdict"] == "fail"


def test_a_damaged_object_of_the_cache_is_not_accepted(root: Path) -> None:
    shutil.copytree(".dvc/cache", "../store")
    for path in Path(".dvc/cache").rglob("*"):
        if path.is_file():
            path.chmod(0o644)
            path.write_bytes(path.read_bytes()[:-1])
    released.build("mine", offset=3.0)
    assert baseline_rule()["verdict"] == "fail"
    shutil.rmtree("../store")
    assert baseline_rule()["verdict"] == "hold"


def test_a_baseline_that_cannot_be_fetched_holds_and_says_why(root: Path) -> None:
    shutil.rmtree(".dvc/cache")
    code, _ = run()
    assert code == 2
    rule = baseline_rule()
    assert rule["verdict"] == "hold"
    assert "mine@v1.0.0: models/mine/model.tflite of commit" in rule["reason"]


def test_size_is_compared_and_latency_only_on_one_machine(root: Path) -> None:
    overall = {"latency_p95_ms": {"most": 0.2, "relative": True}, "size_bytes": {"most": 0}}
    rules = released.DEFAULT_GATE | {"baseline": {"overall": overall}}
    released.build("mine", gate=rules, latency=1.1)
    assert run()[0] == 0
    released.build("mine", gate=rules, latency=1.3)
    assert run()[0] == 1
    released.build("mine", gate=rules, machine="another")
    assert run()[0] == 2


@pytest.mark.parametrize(
    ("path", "content", "message"),
    [
        ("models/mine/release.json", None, "no such file; run `dvc repro register@mine`"),
        ("models/mine/release.json", "{", "not JSON"),
        ("models/mine/release.json", "[]", "not a JSON object"),
        ("models/mine/release.json", '{"schema": 9}', "schema 9 is not 1 or 2"),
        ("models/mine/release.json", '{"schema": 1}', "release.json: variant: Field required"),
        ("reports/mine/benchmark.json", None, "no such file"),
        ("reports/mine/benchmark.json", "{}", "benchmark.json: machine: Field required"),
        ("params/mine.yaml", "{gate: {rules: {}}, evaluate: {}, seed: 7}", "is not of the parameters"),
        ("params/mine.yaml", "gate: {rules: {}}", "no section 'evaluate'; run `dvc repro compose@mine`"),
        ("reports/mine/shipped.parquet", "PAR1", "is not what dvc.lock says that a stage wrote"),
        ("dvc.lock", "{", "dvc.lock:2: not YAML"),
        ("dvc.lock", "", "models/mine/release.json is not there, or not in dvc.lock; run `dvc repro register@mine`"),
        ("params/mine.yaml", "gate: {rules: {accuracy: {}}}", "a rule needs min, max or both"),
    ],
)
def test_an_unreadable_file_is_not_judged_and_never_passes(
    root: Path, path: str, content: str | None, message: str
) -> None:
    Path(path).unlink()
    if content is not None:
        Path(path).write_text(content)
    assert run()[0] == 3
    assert judged()["verdict"] == "unjudged"
    assert message in judged()["why"]


def test_predictions_of_another_model_than_the_records_are_not_judged(root: Path) -> None:
    kept = Path("reports/mine/shipped.parquet").read_bytes()
    released.build("mine", offset=3.0)
    Path("reports/mine/shipped.parquet").write_bytes(kept)
    released.lock()
    assert run()[0] == 3
    assert "release.json: accuracy is 0." in judged()["why"]
    assert "; run `dvc repro register@mine`" in judged()["why"]


def test_damaged_predictions_that_dvc_locked_are_not_judged(root: Path) -> None:
    Path("reports/mine/shipped.parquet").write_text("PAR1")
    released.lock()
    assert run()[0] == 3
    assert "shipped.parquet: the predictions cannot be read" in judged()["why"]


def test_a_verdict_edited_by_hand_is_not_accepted(root: Path) -> None:
    released.build("mine", gate={"rules": {"accuracy": {"min": 0.999}}})
    record = Path("models/mine/release.json")
    values = json.loads(record.read_text())
    assert values["gate"]["verdict"] == "fail"
    values["gate"]["verdict"] = "pass"
    record.write_text(json.dumps(values))
    released.lock()
    assert run()[0] == 3
    assert "the verdict does not follow from its rules" in judged()["why"]


def edit(path: str, change: Callable[[Any], object]) -> None:
    """Edit a file of the build by hand, and update dvc.lock as `dvc commit -f` does."""
    values = json.loads(Path(path).read_text())
    change(values)
    Path(path).write_text(json.dumps(values))
    released.lock()


RECORD, BENCHMARK = "models/mine/release.json", "reports/mine/benchmark.json"
STRICT = {"rules": {"accuracy": {"min": 0.99}, "latency_p95_ms": {"max": 100}}}
SLICES = {
    "rules": {},
    "per_class": {"recall": {"min": 0.99}},
    "conversion": {"accuracy": {"most": 0.01}, "log_loss": {"most": 0.01, "relative": True}},
}


def make_pass(rule: dict[str, Any]) -> None:
    """Change the values of a rule so that it passes, and its verdict."""
    best = 1.0 if rule["min"] is not None else 0.0
    rule |= {"value": best, "low": best, "high": best, "verdict": "pass"}


def test_an_edited_value_of_a_rule_is_not_reproduced_from_the_predictions(root: Path) -> None:
    released.build("mine", gate=STRICT)

    def change(record: dict[str, Any]) -> None:
        make_pass(record["gate"]["rules"][0])
        record["gate"]["verdict"] = "pass"

    edit(RECORD, change)
    assert run()[0] == 3
    assert "the rule accuracy ≥ 0.99 has 1 (1 to 1), but recomputing gives 0." in judged()["why"]


def test_edited_metrics_are_not_reproduced_either(root: Path) -> None:
    released.build("mine", gate=STRICT)

    def change(record: dict[str, Any]) -> None:
        make_pass(record["gate"]["rules"][0])
        record["gate"]["verdict"] = "pass"
        record["metrics"]["accuracy"] = {"value": 1.0, "low": 1.0, "high": 1.0}

    edit(RECORD, change)
    assert run()[0] == 3
    assert "release.json: accuracy is 1 (1 to 1), but recomputing gives 0." in judged()["why"]


@pytest.mark.parametrize("end", ["value", "low", "high"])
def test_an_interval_that_was_narrowed_does_not_come_out(root: Path, end: str) -> None:
    edit(RECORD, lambda record: record["metrics"]["log_loss"].update({end: 0.2}))
    assert "release.json: log_loss is " in judged()["why"]


def test_rules_by_class_and_on_the_conversion_are_reproduced(root: Path) -> None:
    released.build("mine", gate=SLICES, converted=0.02)
    honest = json.loads(Path(RECORD).read_text())
    assert judged()["verdict"] == "fail"  # not unjudged
    assert [rule["kind"] for rule in honest["gate"]["rules"]] == ["conversion", "conversion", "bound", "bound"]
    for number in range(4):
        Path(RECORD).write_text(json.dumps(honest))
        edit(RECORD, lambda record, at=number: record["gate"]["rules"][at].update(value=0.995, low=0.994, high=0.996))
        assert judged()["verdict"] == "unjudged"


def test_without_the_native_predictions_the_conversion_loss_is_not_accepted(root: Path) -> None:
    released.build("mine", gate=SLICES, converted=0.02)
    Path("reports/mine/predictions.parquet").unlink()
    assert run()[0] == 3
    assert "reports/mine/predictions.parquet" in judged()["why"]


@pytest.mark.parametrize(
    ("path", "change", "message"),
    [
        (RECORD, lambda one: one.update(variant="yours"), "is the record of yours, not of mine"),
        (RECORD, lambda one: one.update(examples=4000), "it has 4000 examples, but the predictions have 400"),
        (RECORD, lambda one: one["data"].update(name="goal"), "data differs from the parameters"),
        (RECORD, lambda one: one["gate"]["rules"].append(one["gate"]["rules"][0]), None),
        (RECORD, lambda one: one["gate"]["rules"].append({**one["gate"]["rules"][0], "metric": "f1"}), "not a rule of"),
        (BENCHMARK, lambda one: one["models"]["model.tflite"].update(size_bytes=1), "belongs to another model.tflite"),
        (
            BENCHMARK,
            lambda one: one["models"]["model.tflite"].update(sha256="0" * 64),
            "belongs to another model.tflite",
        ),
        (BENCHMARK, lambda one: one["metrics"]["latency_p95_ms"].update(value=0.5), "is not the time of model.tflite"),
        (BENCHMARK, lambda one: one["gate"]["rules"][0].update(value=0.5), "has 0.5, but recomputing gives 1"),
    ],
)
def test_values_of_another_build_are_not_accepted(
    root: Path, path: str, change: Callable[[Any], object], message: str | None
) -> None:
    edit(path, change)
    if message is None:
        assert judged()["verdict"] == "pass"  # the same rule twice has the same result
    else:
        assert message in judged()["why"]


@pytest.mark.parametrize("path", ["models/mine/release.json", "reports/mine/benchmark.json"])
def test_bytes_that_no_stage_wrote_are_not_accepted(root: Path, path: str) -> None:
    written = Path(path)
    written.write_text(written.read_text() + "\n")
    assert run()[0] == 3
    assert f"{path} is not what the " in judged()["why"]
    assert "of dvc.lock wrote; run `dvc repro register@mine`" in judged()["why"]


@pytest.mark.parametrize(
    ("path", "rule"),
    [("models/mine/release.json", "accuracy ≥ 0.5"), ("reports/mine/benchmark.json", "latency_p95_ms ≤ 100")],
)
def test_a_removed_rule_is_detected_although_dvc_locked_the_file(root: Path, path: str, rule: str) -> None:
    values = json.loads(Path(path).read_text())
    values["gate"] = {"verdict": "pass", "rules": []}
    Path(path).write_text(json.dumps(values))
    released.lock()
    assert run()[0] == 3
    assert judged()["why"] == f"{path}: the rule {rule} was not judged; run `dvc repro register@mine`"


def test_usage_errors_are_not_a_hold(root: Path) -> None:
    assert run("--nonsense")[0] == 3
    code, output = run("yours")
    assert code == 3
    assert "yours: no such variant in params.yaml; it has mine" in output
    assert run("--help")[0] == 0


@pytest.mark.parametrize("content", [b"{", b"[]", b"", b"variants: {}", b"all: mine", b"\xff"])
def test_a_damaged_params_yaml_gives_an_error_of_one_line_and_no_verdict(root: Path, content: bytes) -> None:
    Path("params.yaml").write_bytes(content)
    code, output = run()
    assert code == 3
    assert output.startswith("error: params.yaml:")
    assert output.count("\n") == 1


def test_an_unexpected_error_is_not_a_verdict(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("slipway.cli.gate.judge", broken)
    code, output = run()
    assert code == 3
    assert "ZeroDivisionError" in output


def test_the_exit_code_is_that_of_the_worst_variant() -> None:
    def ended(*verdicts: Status) -> int:
        return exit_code([Result("mine", verdict, None) for verdict in verdicts])

    assert ended() == 0
    assert ended("pass", "hold") == 2
    assert ended("hold", "unjudged", "pass") == 3
    assert ended("unjudged", "fail", "hold") == 1


@pytest.mark.parametrize("option", ["--depth=1", "--no-tags"])
def test_a_clone_without_the_tags_of_its_remote_judges_nothing_beside_production(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    released.build("mine", offset=3.0)
    released.commit("worse")
    released.git("clone", "-q", "--bare", ".", str(tmp_path / "hub"))
    released.git("remote", "add", "origin", str(tmp_path / "hub"))
    assert run()[0] == 1, "a full clone"
    part = tmp_path / "part"
    released.git("clone", "-q", option, f"file://{tmp_path}/hub", str(part))
    shutil.copytree(root, part, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".git"))
    monkeypatch.chdir(part)
    result = judged()
    assert result["verdict"] == "unjudged" and "--tags" in result["why"]
    assert run()[0] == 3
    assert CliRunner().invoke(app, ["report"]).exit_code == 3
    assert CliRunner().invoke(app, ["register"]).exit_code == 3
    if option == "--no-tags":
        assert run("--baseline", "HEAD~1")[0] == 1, "needs no tag"
    unshallow = ["--unshallow"] if option == "--depth=1" else []
    released.git("fetch", "-q", *unshallow, "--tags")
    assert run()[0] == 1


@pytest.mark.parametrize("schema", [1, 2])
def test_a_version_that_an_earlier_slipway_wrote_stays_a_baseline(root: Path, schema: int) -> None:
    path = Path("models/mine/release.json")
    path.write_text(json.dumps(released.older(json.loads(path.read_text()), schema)))
    released.commit(f"as schema {schema}")
    released.ship("mine", "v1.1.0", number=2)
    released.build("mine")
    assert run()[0] == 0
    assert judged()["baseline"]["name"] == "mine@v1.1.0"
    assert baseline_rule()["verdict"] == "pass"
