"""The workflows of GitHub: they are valid and safe, and their own steps take a change to production and back."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from mlflow import MlflowClient

import servers
from actions import Ran, Runner
from conftest import ROOT
from slipway.gitops.promotion import RefusedError
from smoke import sh

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
VARIANT = "demand-predictor"
FASTER = ("learning_rate: 0.05", "learning_rate: 0.06")
LAZIER = ("register:", "model:\n  iterations: 1\n\nregister:")


def test_the_workflows_keep_to_the_schema_of_github() -> None:
    actions = sorted((ROOT / ".github" / "actions").glob("*/action.yml"))
    for kind, files in (("workflows", WORKFLOWS), ("actions", actions)):
        subprocess.run(["check-jsonschema", "--builtin-schema", f"vendor.github-{kind}", *files], check=True)


def test_zizmor_finds_nothing_unsafe() -> None:
    done = subprocess.run(
        ["zizmor", "--offline", "--no-progress", ROOT / ".github"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_may_do_nothing_that_it_does_not_say_and_does_not_run_twice_at_once(path: Path) -> None:
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"] == {}
    assert workflow["concurrency"]["group"]
    for job in workflow["jobs"].values():
        assert job["permissions"]
        assert job["timeout-minutes"]
        uses = [step["uses"] for step in job["steps"] if "uses" in step]
        assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}|\$/.*", one) for one in uses)


def test_the_tests_of_a_pull_request_are_those_of_the_readme() -> None:
    steps = yaml.safe_load((ROOT / ".github/workflows/pull-request.yml").read_text())["jobs"]["tests"]["steps"]
    assert [step["run"] for step in steps if "run" in step] == ["make test"]


@pytest.mark.parametrize(
    ("verified", "replayed", "code"),
    [(0, "0", 0), (6, "0", 6), (6, "5", 6), (5, "0", 5), (1, "1", 1), (0, "1", 6), (0, "5", 5), (0, "", 5)],
)
def test_a_tag_is_removed_where_it_is_refused_and_nowhere_else(
    tmp_path: Path, verified: int, replayed: str, code: int
) -> None:
    """Refused is what `verify` refuses, and what a replay came to another verdict of."""
    steps = yaml.safe_load((ROOT / ".github/workflows/promote.yml").read_text())["jobs"]["promote"]["steps"]
    script = next(step["run"] for step in steps if step.get("id") == "verify")
    for name, does in (("slipway", f"exit {verified}"), ("git", f"echo $* >> {tmp_path}/asked")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / name).chmod(0o755)
    files = {name: str(tmp_path / name) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    environment = {**os.environ, **files, "PATH": f"{tmp_path}:{os.environ['PATH']}", "TAG": "a#production#1"}
    environment["REPLAYED"] = replayed
    done = subprocess.run(["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script], env=environment)
    assert done.returncode == code
    assert (tmp_path / "asked").exists() == (code == RefusedError.exit_code)
    assert (tmp_path / "GITHUB_OUTPUT").exists() == (code == 0)


def test_the_code_of_a_tag_runs_where_nothing_can_be_written_and_nothing_is_published_before() -> None:
    jobs = yaml.safe_load((ROOT / ".github/workflows/promote.yml").read_text())["jobs"]
    (running,) = (name for name, job in jobs.items() if "slipway replay" in str(job["steps"]))
    assert jobs[running]["permissions"] == {"contents": "read"}
    publishing = [job for job in jobs.values() if "registry fetch" in str(job["steps"])]
    assert [job["needs"] for job in publishing] == [running]


@pytest.mark.parametrize(
    ("tag", "runs"), [("a#production#1", True), ("a#production!#2", False), ("a#archived#3", False)]
)
def test_what_a_replay_came_to_is_told_to_who_verifies(tmp_path: Path, tag: str, runs: bool) -> None:
    steps = yaml.safe_load((ROOT / ".github/workflows/promote.yml").read_text())["jobs"]["replay"]["steps"]
    script = next(step["run"] for step in steps if step.get("id") == "replay")
    (tmp_path / "slipway").write_text("#!/bin/sh\necho '# differs'\nexit 1\n")
    (tmp_path / "slipway").chmod(0o755)
    files = {name: str(tmp_path / name) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "RUNNER_TEMP")}
    (tmp_path / "RUNNER_TEMP").mkdir()
    environment = {**os.environ, **files, "PATH": f"{tmp_path}:{os.environ['PATH']}", "TAG": tag}
    subprocess.run(["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script], env=environment, check=True)
    assert (tmp_path / "GITHUB_OUTPUT").read_text() == f"code={int(runs)}\n"
    assert (tmp_path / "GITHUB_STEP_SUMMARY").exists() == runs


def test_each_tag_is_verified_and_mlflow_told_by_one_at_a_time() -> None:
    """GitHub keeps one waiting run of a group: a second tag that waits would take the place of the first."""
    workflow = yaml.safe_load((ROOT / ".github/workflows/promote.yml").read_text())
    assert "github.ref_name" in workflow["concurrency"]["group"]
    telling = [job for job in workflow["jobs"].values() if any("registry sync" in str(step) for step in job["steps"])]
    assert [job["concurrency"] for job in telling] == [{"group": "mirror", "cancel-in-progress": False}]


class Team:
    """A bare repository as origin, a folder as DVC remote, someone's clone, and the runner of the workflows."""

    def __init__(self, copy: Path, place: Path, server: str) -> None:
        self.clone, self.origin, self.remote = copy, place / "origin.git", place / "remote"
        self.runner = Runner(
            self.origin,
            place / "actions",
            {
                "github.token": "",
                "github.server_url": "https://git.example",
                "github.repository": "team/models",
                "vars.MLFLOW_TRACKING_URI": server,
            },
        )
        lines = (copy / "params.yaml").read_text().splitlines()
        others = [name for name in _variants(copy) if name != VARIANT]
        lines = [line for line in lines if not line.strip().startswith(tuple(f"{name}:" for name in others))]
        lines = ["transfers: &transfers {}" if line == "transfers: &transfers" else line for line in lines]
        (copy / "params.yaml").write_text("\n".join(lines) + "\n")
        lock = yaml.safe_load((copy / "dvc.lock").read_text())
        lock["stages"] = {name: one for name, one in lock["stages"].items() if name.partition("@")[2] == VARIANT}
        (copy / "dvc.lock").write_text(yaml.safe_dump(lock, sort_keys=False))
        sh(f"dvc remote modify local url {self.remote} && dvc push -q", copy)
        path = copy / "conf" / "gate" / "demand.yaml"
        old = "max: ${by_profile:{smoke:1,demo:1,full:0.85}}"
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, "max: 0.77\n    decide_on: point"))
        self.commit("One variant, with a bar")
        sh(f"git init -q --bare -b main {self.origin}", copy)
        sh(f"git remote add origin {self.origin} && git push -q -u origin main", copy)

    def commit(self, message: str) -> str:
        """What is in the clone, as a commit."""
        return sh(f"git add -A && git commit -q -m '{message}' && git rev-parse HEAD", self.clone).strip()

    def change(self, branch: str, old: str, new: str) -> tuple[str, str]:
        """A branch with another text in the variant's file, pushed and not built: its head, and its merge into main."""
        sh(f"git checkout -q main && git pull -q && git checkout -q -b {branch}", self.clone)
        path = self.clone / "conf" / "variant" / f"{VARIANT}.yaml"
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))
        head = self.commit(branch)
        sh("git checkout -q -b merge main", self.clone)
        sh(f"git merge -q --no-ff {branch} -m 'Merge {branch}'", self.clone)
        merge = sh("git rev-parse HEAD", self.clone).strip()
        sh(f"git push -q origin {branch} merge:refs/pull/{branch}/merge", self.clone)
        sh("git checkout -q main && git branch -q -D merge", self.clone)
        return head, merge

    def pull_request(self, head: str, merge: str, repository: str = "team/models") -> Ran:
        """The job `gate` on a pull request."""
        base = sh("git rev-parse origin/main", self.clone).strip()
        return self.runner.run(
            "pull-request",
            "gate",
            merge,
            {
                "github.event.pull_request.base.sha": base,
                "github.event.pull_request.head.sha": head,
                "github.event.pull_request.head.repo.full_name": repository,
            },
        )

    def merge(self, merge: str) -> Ran:
        """The merge becomes main, and main.yml runs."""
        sh(f"git push -q origin {merge}:main", self.clone)
        ran = self.runner.run("main", "release", "main", {})
        sh("git checkout -q main && git pull -q --tags", self.clone)
        return ran

    def tagged(self, tag: str) -> Ran:
        """promote.yml runs for a tag that was pushed."""
        context = {"github.ref_name": tag, "github.event.repository.default_branch": "main"}
        context["needs.replay.outputs.code"] = "0"  # tests/commands/test_replay.py replays
        ran = self.runner.run("promote", "promote", "main", context)
        if ran.failed is None:
            mirrored = self.runner.run("promote", "mirror", "main", context)
            assert mirrored.failed is None, mirrored.output
        sh("git fetch -q --prune --prune-tags --force", self.clone)
        return ran


def _variants(root: Path) -> list[str]:
    return list(yaml.safe_load((root / "params.yaml").read_text())["all"])


def test_a_change_goes_from_a_pull_request_to_production_and_back(copy: Path, tmp_path: Path) -> None:
    """Pull request, merge, version, staging, production; a bad model is refused; rollback."""
    with servers.mlflow(tmp_path / "mlflow") as address:
        walk(Team(copy, tmp_path, address), MlflowClient(address))


def walk(team: Team, client: MlflowClient) -> None:
    first = team.runner.run("main", "release", "main", {})
    assert first.failed is None, first.output
    tags = sh("git fetch -q --tags && git tag", team.clone).split()
    assert tags == [f"{VARIANT}@v1.0.0"]
    assert_production(team, client, f"{VARIANT}@v1.0.0", number=1)

    head, merge = team.change("better", *FASTER)
    judged = team.pull_request(head, merge)
    assert judged.failed is None, judged.output
    assert team.runner.asked == ["comment update --target=pr report.md"], "one comment, which is updated"
    comment = (team.runner.place / "comment.md").read_text()
    assert comment == judged.summary
    assert VARIANT in comment

    merged = team.merge(merge)
    assert merged.failed is None, merged.output
    assert "[skip ci]" in sh("git log -1 --format=%s", team.clone)
    assert sh("git tag --points-at HEAD", team.clone).split() == [f"{VARIANT}@v1.1.0"]
    staged = sh(f"slipway promote {VARIANT}@v1.1.0 --to staging --push --json", team.clone)
    assert team.tagged(json.loads(staged)["tags"][0]).failed is None
    assert_production(team, client, f"{VARIANT}@v1.1.0", number=3)
    assert client.get_model_version_by_alias("demand_predictor", "staging").tags["git_tag"] == f"{VARIANT}@v1.1.0"

    head, merge = team.change("worse", *LAZIER)
    judged = team.pull_request(head, merge)
    assert judged.failed == "Gate"
    assert "fail" in judged.summary
    team.merge(merge)
    assert sh("git tag --points-at HEAD", team.clone).split() == [], "what did not pass is no version"
    sh(f"git tag -a {VARIANT}@v1.2.0 -m v1.2.0 && git tag -a '{VARIANT}#production#4' -m 'ship it'", team.clone)
    sh("git push -q origin --tags", team.clone)
    refused = team.tagged(f"{VARIANT}#production#4")
    assert refused.failed == "Verify"
    assert "may not hold production: the gate says fail" in refused.summary
    assert f"{VARIANT}#production#4" not in sh("git tag", team.clone)
    assert_agree(team, client, f"{VARIANT}@v1.1.0")

    back = sh(f"slipway rollback {VARIANT} --reason 'too many on Sundays' --push --json", team.clone)
    assert team.tagged(json.loads(back)["tags"][0]).failed is None
    assert_agree(team, client, f"{VARIANT}@v1.0.0")

    idle = team.runner.run("retrain", "retrain", "main", {})
    assert (idle.failed, idle.summary) == (None, "Nothing has changed.\n")
    _, merge = team.change("renamed", "Forecasts", "Foresees")
    sh(f"git push -q origin {merge}:main", team.clone)
    retrained = team.runner.run("retrain", "retrain", "main", {})
    assert retrained.failed is None, retrained.output
    asked = f"pr create --title Retrain --message Retrain --body {retrained.summary.splitlines()[0]}"
    assert asked in team.runner.asked


def assert_production(team: Team, client: MlflowClient, version: str, number: int) -> None:
    """Promote to production; the workflow publishes the files of the version."""
    sh(f"slipway promote {version} --to production --push", team.clone)
    ran = team.tagged(f"{VARIANT}#production#{number}")
    assert ran.failed is None, ran.output
    assert f"{version} may hold production" in ran.summary
    *_, promote, _mirror = sorted(team.runner.place.glob("run*"), key=lambda path: int(path.name[3:]))
    published = promote / "checkout" / "release"
    assert {"model.tflite", "release.json"} <= {path.name for path in published.iterdir()}
    assert_agree(team, client, version)


def assert_agree(team: Team, client: MlflowClient, version: str) -> None:
    """Slipway, GTO and MLflow say the same of who is in production."""
    (row,) = json.loads(sh(f"slipway registry list {VARIANT} --role production --json", team.clone))
    assert f"{VARIANT}@{row['version']}" == version
    shown = json.loads(sh(f"gto show '{VARIANT}#production' --json", team.clone))
    assert [one["version"] for one in shown] == [row["version"]]
    assert client.get_model_version_by_alias("demand_predictor", "production").tags["git_tag"] == version


def test_a_fork_without_secrets_gets_a_full_gate(copy: Path, tmp_path: Path) -> None:
    """The remote cannot be reached, so base and change are built in profile smoke and compared."""
    team = Team(copy, tmp_path, "")
    team.remote.rename(tmp_path / "out of reach")
    head, merge = team.change("fork", *FASTER)
    ran = team.pull_request(head, merge, repository="somebody/models")
    assert ran.failed is None, ran.output
    assert "profile smoke" in ran.summary
    assert re.search(r"mae: baseline, ≤ 25 % lost .*✅ pass", ran.summary), "compared with its base"
    assert team.runner.asked == [], "its token may not write a comment"
