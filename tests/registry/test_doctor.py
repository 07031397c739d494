"""`slipway doctor` in clones with a problem: what it reports, and that its command fixes the problem."""

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from typer.testing import CliRunner

from slipway.cli.app import app
from slipway.cli.doctor import Finding, examine
from slipway.registry import eligibility, promotion, registration, releases, sharing, tags
from slipway.registry.state import Version
from slipway.tracking import mlflow_store

MORE_STAGES = """
  compose:
    cmd: mkdir -p params && echo 1 > params/mine.yaml
    outs:
    - params/mine.yaml: {cache: false}
  simulate:
    cmd: mkdir -p data/raw/mine && echo a picture > data/raw/mine/one.jpg
    outs:
    - data/raw/mine
"""


@pytest.fixture(scope="module")
def healthy(built: Path, commits: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a healthy clone, `repository`, and its remotes `origin` and `store`."""
    folder = tmp_path_factory.mktemp("healthy")
    shutil.copytree(built / "repository", folder / "repository", symlinks=True)
    shutil.copytree(built / "remote", folder / "store")
    with contextlib.chdir(folder / "repository"):
        Path("requirements").mkdir()
        Path("requirements/build.lock").write_text(f"dvc=={metadata.version('dvc')} \\\n    --hash=sha256:00\n")
        with Path(".git/info/exclude").open("a") as file:
            file.write("/requirements/\n")
        run(f"git checkout -q {commits['good-3']}")
        run("dvc remote modify -q --local local url ../store")
        run("dvc pull -q")
        run("git init -q --bare ../origin")
    return folder


@pytest.fixture
def clone(healthy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A healthy clone with its own remotes, as the working folder."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr("sys.prefix", str(tmp_path / "environment"))
    shutil.copytree(healthy, tmp_path, symlinks=True, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path / "repository")
    run(f"git remote add origin {tmp_path / 'origin'}")
    return tmp_path / "repository"


def run(command: str) -> None:
    subprocess.run(command, shell=True, check=True, capture_output=True)


def fixed() -> Finding:
    """The only finding; check that its command fixes it."""
    (found,) = examine()
    run(found.fix)
    assert examine() == []
    return found


def test_nothing_is_wrong_with_a_healthy_clone(clone: Path) -> None:
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 0
    assert result.output.startswith("no problems found: environment, ")


def test_problems_are_reported_with_exit_code_1(clone: Path) -> None:
    Path("requirements/build.lock").write_text(
        "dvc==0.1\nnot-a-package==1.0 ; python_version > '3'\nnever==1 ; python_version < '3'\n"
    )
    result = CliRunner().invoke(app, ["doctor", "--json"])
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert [one["wrong"] for one in found] == [
        "not installed: not-a-package",
        f"installed in another version: dvc {metadata.version('dvc')} (pinned: ==0.1)",
    ]
    assert {one["fix"] for one in found} == {"touch requirements/build.lock && make .venv/build"}


def test_an_environment_is_checked_against_the_locks_of_its_purposes(clone: Path) -> None:
    """An environment for the registry alone does not need the packages of the build."""
    environment = clone.parent / "environment"
    environment.mkdir()
    (environment / "registry").touch()
    Path("requirements/build.lock").write_text("not-a-package==1.0\n")
    Path("requirements/registry.lock").write_text(f"dvc=={metadata.version('dvc')}\n")
    assert examine(["environment"]) == []
    Path("requirements/registry.lock").write_text("nor-this==1.0\n")
    (found,) = examine(["environment"])
    assert found.wrong == "not installed: nor-this"
    assert found.fix == "touch requirements/registry.lock && make .venv/registry"


def test_parameters_edited_by_hand(clone: Path) -> None:
    built_more()
    Path("params/mine.yaml").write_text("2\n")
    assert fixed().wrong == "params/mine.yaml was edited by hand; edit conf/ instead"
    assert Path("params/mine.yaml").read_text() == "1\n"


@pytest.mark.parametrize("gone", ["data/raw/mine", "data/raw/mine .dvc/cache ../store"])
def test_lost_raw_data(clone: Path, gone: str) -> None:
    built_more()
    run(f"dvc push -q && cp -r .dvc/cache ../kept && rm -r {gone}")
    if "cache" in gone:
        found = examine()[0]
        run(found.fix)
    else:
        found = fixed()
    assert found.wrong.startswith("data/raw/mine is ")
    assert Path("data/raw/mine/one.jpg").read_text() == "a picture\n"


def test_a_stage_that_is_not_as_built(clone: Path) -> None:
    model = Path("models/base-ad-detector/model.tflite")
    model.chmod(0o644)
    model.write_bytes(b"another")
    assert fixed().wrong.startswith("out of date: convert-tflite@base-ad-detector")


def test_a_damaged_object_of_the_cache(clone: Path) -> None:
    path = next(path for path in sorted(Path(".dvc/cache/files/md5").glob("*/*")) if b"good-3" in path.read_bytes())
    path.chmod(0o644)
    path.write_bytes(b"damaged")
    assert fixed().wrong == f"damaged: {path}"


def test_objects_that_only_this_clone_has(clone: Path) -> None:
    shutil.rmtree("../store/files")
    assert fixed() == Finding("remote", "3 objects are only in this clone's cache", "dvc push")


def test_raw_data_that_a_colleague_did_not_push(clone: Path) -> None:
    """Even the list of the folder's files is missing, although the credentials are valid."""
    Path("data/raw/mine").mkdir(parents=True)
    Path("data/raw/mine/one.jpg").write_text("a picture")
    run("dvc add -q data/raw/mine && git add --all && git commit -q -m 'Add mine'")
    for path in Path(".dvc/cache/files/md5").glob("*/*"):
        if path.name.endswith(".dir") or path.read_bytes() == b"a picture":
            path.unlink()
    shutil.rmtree("data/raw/mine")
    found = {one.check: one for one in examine()}
    assert found["remote"].wrong == (
        "data/raw/mine was added, by Tester, and never pushed: it is neither here nor in the remote"
    )
    assert found["remote"].fix == "dvc push, where that was done; then dvc pull here"
    assert found["parameters, data and stages"].fix == "dvc pull data/raw/mine"


def test_a_checkout_with_the_line_ends_of_windows(clone: Path) -> None:
    Path("params.yaml").write_bytes(Path("params.yaml").read_bytes().replace(b"\n", b"\r\n"))
    found = fixed()
    assert found.check == "line ends"
    assert found.wrong == "lines end in CRLF, which DVC reports as a change: params.yaml"


def test_a_remote_that_does_not_answer(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(key, "nobody")
    run("dvc remote add -q --local -f local s3://models/slipway")
    run("dvc remote modify -q --local local endpointurl http://127.0.0.1:9")
    (found,) = examine()
    assert found.check == "remote"
    assert found.wrong.startswith("could not be checked: ")


def test_a_version_in_use_whose_bytes_are_gone(clone: Path) -> None:
    registration.register("base-ad-detector")
    promotion.promote("base-ad-detector@v1.0.0", "production")
    run("git push -q --tags origin")
    assert examine() == []
    for path in Path("../store/files/md5").glob("*/*"):
        path.chmod(0o644)
        path.write_bytes(b"damaged")
    shown, found, other = examine()
    assert found.check == shown.check == "versions in use"
    assert "base-ad-detector@v1.0.0 holds production: models/base-ad-detector/model.tflite in the remote" in found.wrong
    assert "reports/base-ad-detector/shipped.parquet is damaged in the DVC remote" in shown.wrong
    assert "slipway rollback base-ad-detector --role production" in found.fix
    assert other == Finding("remote", "3 objects are only in this clone's cache", "dvc push")
    run(other.fix)
    assert examine() == []


def test_a_version_in_use_that_was_not_verified(clone: Path, commits: Mapping[str, str]) -> None:
    for name in ("good-1", "good-2", "fails"):
        registration.register("base-ad-detector", revision=commits[name])
    promotion.promote("base-ad-detector@v1.0.0", "production")
    promotion.promote("base-ad-detector@v1.1.0", "production")
    date = tags.read()[-1].when + 1
    tag = f"git tag -a -m 'ship it' base-ad-detector#production#3 {commits['fails']}"
    run(f"GIT_COMMITTER_DATE='@{date} +0000' {tag}")
    sharing.share("base-ad-detector")
    (found,) = examine()
    assert found == Finding(
        "versions in use",
        "base-ad-detector@v1.2.0 holds production: the gate says fail (accuracy: 0.5: fail)",
        "slipway rollback base-ad-detector --role production",
    )
    run(f"{found.fix} --push")
    assert examine() == []


def test_a_forced_version_is_reported_only_for_a_new_problem(clone: Path, commits: Mapping[str, str]) -> None:
    registration.register("base-ad-detector", revision=commits["holds"], push=True)
    promotion.promote("base-ad-detector@v1.0.0", "canary", force=True, reason="for a look", push=True)
    assert examine() == []
    content = b"model of base-ad-detector, holds"
    (path,) = (path for path in Path("../store/files/md5").glob("*/*") if path.read_bytes() == content)
    path.unlink()
    (found,) = examine()
    assert found.wrong.startswith(
        "base-ad-detector@v1.0.0 holds canary: models/base-ad-detector/model.tflite is not in"
    )
    assert found.fix.startswith(f"git checkout {commits['holds'][:7]} && dvc fetch && dvc push")


def test_force_that_does_not_count_is_reported(clone: Path, commits: Mapping[str, str]) -> None:
    registration.register("base-ad-detector", revision=commits["holds"], push=True)
    promotion.promote("base-ad-detector@v1.0.0", "canary", force=True, reason="for a look", push=True)
    Path(".slipway/promoters").write_text("ann@example.org\n")
    run("git commit -qam 'Ann alone'")
    (found,) = examine(["tags", "versions in use"])
    assert found.wrong.endswith(
        "holds canary: the gate says hold (accuracy: 0.94: hold); force does not count for tester@example.org: "
        "not named in .slipway/promoters"
    )


def test_one_version_that_cannot_be_checked_does_not_hide_what_is_wrong_with_another(
    clone: Path, commits: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for variant in ("base-ad-detector", "demand-predictor"):
        registration.register(variant, revision=commits["good-1"])
        run(f"git tag -a -m 'ship it' {variant}#production#1 {commits['good-1']}")
    refusals = eligibility.refusals

    def refusing(version: Version, release: releases.Release) -> list[str]:
        if version.variant == "base-ad-detector":
            raise TypeError("'list' object has no attribute 'get'")
        return ["the gate says fail", *refusals(version, release)]

    monkeypatch.setattr(eligibility, "refusals", refusing)
    assert [one.wrong for one in examine(["versions in use"])] == [
        "base-ad-detector@v1.0.0 could not be checked: 'list' object has no attribute 'get'",
        "demand-predictor@v1.0.0 holds production: the gate says fail",
    ]


def test_checks_can_be_chosen_and_printed_as_markdown(clone: Path, commits: Mapping[str, str]) -> None:
    assert CliRunner().invoke(app, ["doctor", "tags", "--markdown"]).output == ""
    registration.register("base-ad-detector")
    name = "base-ad-detector#<b>production"
    run(f"git tag -a -m 'ship it' '{name}'")
    done = CliRunner().invoke(app, ["doctor", "tags", "--markdown"])
    assert done.exit_code == 1
    assert done.output.startswith("- **tags**: `base-ad-detector#<b>production`")
    assert "html_inline" not in {
        part.type for token in MarkdownIt().parse(done.output) for part in token.children or ()
    }
    assert CliRunner().invoke(app, ["doctor", "nothing"]).exit_code == 2


def test_an_unused_version_whose_bytes_are_lost(clone: Path, commits: Mapping[str, str]) -> None:
    for name in ("good-1", "lost"):
        registration.register("base-ad-detector", revision=commits[name], push=True)
    (found,) = examine()
    assert found.wrong == "neither here nor in the remote: the files of base-ad-detector@v1.1.0"
    run(f"{found.fix.partition('or ')[2]} --push")
    assert examine() == []


def test_a_promotion_that_was_not_pushed_or_not_fetched(clone: Path) -> None:
    registration.register("base-ad-detector")
    promotion.promote("base-ad-detector@v1.0.0", "staging")
    assert fixed().wrong == "not at origin: base-ad-detector#staging#1, base-ad-detector@v1.0.0"
    run("git tag -d base-ad-detector#staging#1")
    assert fixed().wrong == "not fetched from origin: base-ad-detector#staging#1"
    run("git tag -f -a base-ad-detector#staging#1 -m 'not that one' HEAD~1")
    assert fixed().wrong == "different here and at origin: base-ad-detector#staging#1"


def test_a_promotion_that_was_removed_at_the_remote_is_not_pushed_again(clone: Path) -> None:
    registration.register("base-ad-detector", push=True)
    promotion.promote("base-ad-detector@v1.0.0", "staging", push=True)
    run("git push -q origin --delete refs/tags/base-ad-detector#staging#1")
    assert fixed() == Finding(
        "shared tags", "deleted at origin: base-ad-detector#staging#1", "git tag -d 'base-ad-detector#staging#1'"
    )


def test_tags_are_compared_with_the_remote_that_git_pushes_to(clone: Path) -> None:
    run("git remote rename origin team")
    registration.register("base-ad-detector")
    assert fixed().wrong == "not at team: base-ad-detector@v1.0.0"


def test_an_mlflow_that_does_not_answer(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://user:secret@127.0.0.1:9")
    (found,) = examine()
    assert found.wrong.startswith("http://127.0.0.1:9 cannot be used: ")
    assert "secret" not in found.wrong


def test_an_mlflow_that_is_behind_git(clone: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    client = mlflow_store.connect(server)
    registration.register("base-ad-detector", push=True)
    behind = Finding("mlflow", f"{server} differs from Git for base_ad_detector", "slipway registry sync")
    assert examine() == examine() == [behind]
    assert client.search_registered_models() == []
    assert fixed() == behind
    promotion.promote("base-ad-detector@v1.0.0", "production", push=True)
    assert examine() == [behind]
    assert client.get_registered_model("base_ad_detector").aliases == {}
    assert fixed() == behind
    assert client.get_registered_model("base_ad_detector").aliases == {"production": "1"}


def test_it_runs_only_in_the_root_of_the_repository(clone: Path) -> None:
    os.chdir("models")
    assert CliRunner().invoke(app, ["doctor"]).exit_code == 2


def built_more() -> None:
    """Add two stages, with one output in params/ and one in data/raw/, and run them."""
    with Path("dvc.yaml").open("a") as file:
        file.write(MORE_STAGES)
    run("dvc repro -q compose simulate && dvc push -q")
