"""Syncing MLflow with Git on a real server: from nothing, repeatedly, and after interruptions."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from typer.testing import CliRunner

from registry import agreement, walks
from registry.house import VARIANTS, git
from slipway.cli.app import app
from slipway.registry import mirror, owner, promoters, promotion, registration, state
from slipway.registry.mirror import Synced
from slipway.registry.owner import OwnedError
from slipway.tracking import mlflow_store

VARIANT, MODEL = "base-ad-detector", "base_ad_detector"


@pytest.fixture
def client(server: str, monkeypatch: pytest.MonkeyPatch):
    """A client of a server without registered models and runs."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    client = mlflow_store.connect(server)
    for model in client.search_registered_models():
        client.delete_registered_model(model.name)
    for run in client.search_runs([one.experiment_id for one in client.search_experiments()]):
        client.delete_run(run.info.run_id)
    return client


def sync() -> Synced:
    return mirror.sync(state.read(), VARIANTS)


def test_an_empty_server_becomes_equal_to_git_and_a_second_sync_changes_nothing(
    versions: Mapping[str, str], root: Path, client
):
    promotion.promote(f"{VARIANT}@{versions['good-1']}", "production")
    promotion.promote(f"{VARIANT}@{versions['good-2']}", "staging")
    done = sync()
    agreement.check(root)
    assert done.versions == len(versions)
    assert any("alias production is version" in line for line in done.changes)
    assert sync().changes == []
    version = client.get_model_version_by_alias(MODEL, "production")
    commit = git(root, "rev-parse", f"{VARIANT}@v1.0.0^{{commit}}")
    assert version.tags["git_commit"] == commit
    assert (version.tags["roles"], version.tags["lifecycle"], version.tags["verdict"]) == (
        "production",
        "deployed",
        "pass",
    )


def test_a_version_has_files_parameters_and_metrics_and_a_warning_names_lost_bytes(
    versions: Mapping[str, str], client, tmp_path: Path
):
    done = sync()
    by_git = {version.tags["git_version"]: version for version in client.search_model_versions(f"name = '{MODEL}'")}
    run = client.get_run(by_git["v1.0.0"].run_id)
    assert run.data.metrics["accuracy"] == 0.9
    assert run.data.params["train.learning_rate"] == "0.001"
    folder = Path(client.download_artifacts(run.info.run_id, "release", str(tmp_path)))
    assert (folder / "model.tflite").read_bytes() == b"model of base-ad-detector, good-1"
    assert (folder / "release.json").exists()
    lost = (
        f"{VARIANT}@{versions['lost']}: model.tflite is neither in DVC's cache nor in the remote; mirrored without it"
    )
    assert done.warnings == [lost]


def test_aliases_follow_the_roles_and_go_with_them(versions: Mapping[str, str], root: Path, client):
    promotion.promote(f"{VARIANT}@{versions['good-1']}", "canary")
    sync()
    promotion.promote(f"{VARIANT}@{versions['good-2']}", "canary")
    assert [line for line in sync().changes if "alias" in line] == [f"{MODEL}: alias canary is version 2, was 1"]
    promotion.retire(f"{VARIANT}@{versions['good-2']}")
    assert [line for line in sync().changes if "alias" in line] == [f"{MODEL}: alias canary removed from version 2"]
    agreement.check(root)


def test_an_unclaimed_model_version_with_the_same_bytes_becomes_the_version(
    root: Path, commits: Mapping[str, str], client
):
    registration.register(VARIANT, revision=commits["good-1"])
    sync()
    (made,) = client.search_model_versions(f"name = '{MODEL}'")
    for key in mirror.OURS:
        if key in made.tags:
            client.delete_model_version_tag(MODEL, made.version, key)
    sync()
    (again,) = client.search_model_versions(f"name = '{MODEL}'")
    assert again.tags["git_version"] == "v1.0.0"


def test_a_model_version_that_is_not_in_git_stays_but_loses_its_tags(root: Path, commits: Mapping[str, str], client):
    registration.register(VARIANT, revision=commits["good-1"])
    promotion.promote(f"{VARIANT}@v1.0.0", "production")
    sync()
    git(root, "tag", "-d", f"{VARIANT}@v1.0.0", f"{VARIANT}#production#1")
    sync()
    (left,) = client.search_model_versions(f"name = '{MODEL}'")
    assert set(left.tags).isdisjoint(mirror.OURS)
    assert client.get_registered_model(MODEL).aliases == {}
    agreement.check(root)


def test_two_versions_of_the_same_bytes_are_two_in_mlflow_on_one_run(root: Path, commits: Mapping[str, str], client):
    registration.register(VARIANT, revision=commits["good-1"])
    git(root, "checkout", "-q", commits["good-1"])
    record = root / "models" / VARIANT / "release.json"
    record.write_text(record.read_text().replace('"min": 0.8', '"min": 0.7'))
    git(root, "commit", "-q", "-a", "-m", "Judged again")
    registration.register(VARIANT)
    sync()
    first, second = client.search_model_versions(f"name = '{MODEL}'")
    assert first.run_id == second.run_id
    agreement.check(root)


def test_what_verify_refuses_is_not_shown(versions: Mapping[str, str], commits: Mapping[str, str], root: Path, client):
    promotion.promote(f"{VARIANT}@{versions['good-1']}", "production")
    promotion.promote(f"{VARIANT}@{versions['good-2']}", "production")
    promotion.rollback(VARIANT)
    for tag, commit in (("#production#4", "fails"), ("#production!#5", "good-1"), ("#canary#6", "slow")):
        git(root, "tag", "-a", "-m", "ship it", f"{VARIANT}{tag}", commits[commit])
    done = sync()
    assert [line.partition(" is refused")[0] for line in done.warnings if "is refused" in line] == [
        f"{VARIANT}{tag}" for tag in ("#production!#5", "#canary#6", "#production#4")
    ]
    assert client.get_registered_model(MODEL).aliases.keys() == {"production"}
    shown = client.get_model_version_by_alias(MODEL, "production").tags
    assert (shown["git_version"], shown["roles"]) == (versions["good-1"], "production"), (
        "not the version that was rolled back"
    )
    by_git = {one.tags["git_version"]: one.tags for one in client.search_model_versions(f"name = '{MODEL}'")}
    assert "roles" not in by_git[versions["fails"]] and "roles" not in by_git[versions["slow"]]
    assert sync().changes == []


def test_a_variant_that_cannot_be_verified_is_left_unchanged_and_the_others_are_synced(
    versions: Mapping[str, str], commits: Mapping[str, str], root: Path, client
):
    promotion.promote(f"{VARIANT}@{versions['good-1']}", "production")
    registration.register("demand-predictor", revision=commits["good-1"])
    sync()
    promotion.promote(f"{VARIANT}@{versions['holds']}", "production", force=True, reason="for a look")
    promotion.promote("demand-predictor@v1.0.0", "production")
    (root / promoters.FILE).write_text("who is that\n")
    git(root, "commit", "-qam", "Broken")
    done = CliRunner().invoke(app, ["registry", "sync", "--strict"])
    assert done.exit_code == 5 and f"{VARIANT} is left unchanged: its tags cannot be verified" in done.output
    assert client.get_model_version_by_alias(MODEL, "production").tags["git_version"] == versions["good-1"]
    assert client.get_model_version_by_alias("demand_predictor", "production").tags["git_version"] == "v1.0.0"
    assert CliRunner().invoke(app, ["registry", "sync"]).exit_code == 0


def test_a_server_that_is_down_costs_a_warning(root: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    done = CliRunner().invoke(app, ["registry", "sync"])
    assert done.exit_code == 0
    assert "warning: MLflow at http://127.0.0.1:9 does not match Git yet" in done.output
    strict = CliRunner().invoke(app, ["registry", "sync", "--strict"])
    assert strict.exit_code == 5


def test_random_walks_with_crashes_end_with_git_and_mlflow_agreeing(
    built: Path, commits: Mapping[str, str], server: str
):
    """benchmarks/registry_walks.py runs 1,000 of them."""
    run_state_machine_as_test(
        walks.walk(built, dict(commits), server),
        settings=settings(max_examples=8, stateful_step_count=10, suppress_health_check=list(HealthCheck)),
    )


@pytest.fixture
def theirs(client):
    """A registered model of another team with our name and our alias."""
    client.create_registered_model(MODEL, description="Theirs.")
    made = client.create_model_version(MODEL, "s3://theirs/model", tags={"lifecycle": "theirs", "roles": "theirs"})
    client.set_registered_model_alias(MODEL, "production", made.version)
    return lambda: (client.get_registered_model(MODEL), client.search_model_versions(f"name = '{MODEL}'"))


@pytest.mark.parametrize(
    ("tagged", "commit"),
    [(None, None), (40 * "2", None), ("ours", 40 * "1")],
    ids=["made by hand", "of another repository", "of a fork"],
)
def test_what_is_not_of_this_repository_is_not_touched_unless_it_is_adopted(
    versions: Mapping[str, str], root: Path, client, theirs, tagged: str | None, commit: str | None
):
    promotion.promote(f"{VARIANT}@v1.0.0", "production")
    registration.register("demand-predictor")
    if commit is not None:
        client.set_model_version_tag(MODEL, "1", owner.COMMIT, commit)
    if tagged is not None:
        mine = owner.tags()[owner.OWNER]
        assert mine == git(root, "rev-list", "--max-parents=0", "HEAD")
        client.set_registered_model_tag(MODEL, owner.OWNER, mine if tagged == "ours" else tagged)
    before = theirs()
    done = CliRunner().invoke(app, ["registry", "sync"])
    assert done.exit_code == OwnedError.exit_code == 6, done.output
    assert f"{MODEL} in MLflow does not belong to this repository" in done.output and f"--adopt {MODEL}" in done.output
    assert [vars(one) for one in theirs()[1]] == [vars(one) for one in before[1]]
    assert vars(theirs()[0]) == vars(before[0])
    assert client.search_model_versions("name = 'demand_predictor'"), "other models are synced"
    unequal, (refused,) = mirror.unequal(state.read(), VARIANTS)
    assert unequal == [] and refused in done.output
    assert CliRunner().invoke(app, ["registry", "sync", "--adopt", MODEL]).exit_code == 0
    assert client.get_model_version_by_alias(MODEL, "production").tags["git_version"] == "v1.0.0"
    assert sync().changes == []


def test_a_version_of_others_in_a_model_of_ours_keeps_its_tags(versions: Mapping[str, str], client, theirs):
    client.set_registered_model_tag(MODEL, owner.OWNER, owner.tags()[owner.OWNER])
    sync()
    assert theirs()[1][-1].tags == {"lifecycle": "theirs", "roles": "theirs"}


def test_a_model_from_before_the_owner_tag_is_recognized_by_its_commits(versions: Mapping[str, str], client):
    sync()
    client.delete_registered_model_tag(MODEL, owner.OWNER)
    assert f"{MODEL}: of this repository" in sync().changes
    assert sync().changes == []


def test_a_clone_that_is_behind_or_cannot_know_takes_nothing_away(
    versions: Mapping[str, str], root: Path, client, tmp_path: Path
):
    promotion.promote(f"{VARIANT}@v1.0.0", "production")
    sync()
    git(tmp_path, "clone", "-q", "--bare", str(root), "origin")
    git(root, "remote", "add", "origin", str(tmp_path / "origin"))
    git(root, "tag", "-d", f"{VARIANT}#production#1")
    assert CliRunner().invoke(app, ["registry", "sync"]).exit_code == 3
    git(root, "fetch", "-q", "--tags", "origin")
    (tmp_path / "origin").rename(tmp_path / "away")
    done = CliRunner().invoke(app, ["registry", "sync"])
    assert done.exit_code == 3 and "origin cannot be reached" in done.output
    assert client.get_model_version_by_alias(MODEL, "production").tags["git_version"] == "v1.0.0"
