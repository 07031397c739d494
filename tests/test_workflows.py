"""The GitHub workflows: they are valid and safe, and their steps take a change to production and back."""

import json
import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from mlflow import MlflowClient

import servers
from actions import JobResult, Runner
from conftest import ROOT
from slipway.registry.eligibility import RefusedError
from smoke import sh

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
NAMES = [path.stem for path in WORKFLOWS]
CREDENTIAL = re.compile(r"\b(secrets|github\.token)\b")
VARIANT = "demand-predictor"
FASTER = ("learning_rate: 0.05", "learning_rate: 0.06")
LAZIER = ("register:", "model:\n  iterations: 1\n\nregister:")


def test_the_workflows_match_the_schema_of_github() -> None:
    actions = sorted((ROOT / ".github" / "actions").glob("*/action.yml"))
    for kind, files in (("workflows", WORKFLOWS), ("actions", actions)):
        subprocess.run(["check-jsonschema", "--builtin-schema", f"vendor.github-{kind}", *files], check=True)


def test_zizmor_finds_nothing_unsafe() -> None:
    done = subprocess.run(
        ["zizmor", "--offline", "--no-progress", ROOT / ".github"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_declares_its_permissions_and_does_not_run_twice_at_once(path: Path) -> None:
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"] == {}
    assert workflow["concurrency"]["group"]
    for job in workflow["jobs"].values():
        assert job["permissions"]
        assert job["timeout-minutes"]
        uses = [step["uses"] for step in job["steps"] if "uses" in step]
        assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}|\$/.*", one) for one in uses)


def _read(name: str) -> dict[Any, Any]:
    found: dict[Any, Any] = yaml.safe_load((ROOT / f".github/workflows/{name}.yml").read_text())
    return found


def _jobs() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield workflow, name and content of every job."""
    for workflow in NAMES:
        for name, job in _read(workflow)["jobs"].items():
            yield workflow, name, job


def _uses(steps: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the third-party actions of steps, also those used inside the repository's own actions."""
    for step in steps:
        if (uses := step.get("uses", "")).startswith("$/"):
            action = yaml.safe_load((ROOT / uses.removeprefix("$/") / "action.yml").read_text())
            yield from _uses(action["runs"]["steps"])
        elif uses:
            yield uses


def _secrets(job: Mapping[str, Any]) -> set[str]:
    return set(re.findall(r"\bsecrets\.(\w+)", str(job)))


def test_a_credential_is_given_to_the_step_that_needs_it_and_to_nothing_that_others_wrote() -> None:
    for workflow, name, job in _jobs():
        without_steps = {key: value for key, value in job.items() if key != "steps"}
        assert not CREDENTIAL.search(str(without_steps)), (workflow, name)
        for step in job["steps"]:
            without_env = {key: value for key, value in step.items() if key != "env" or "run" not in step}
            assert not CREDENTIAL.search(str(without_env)), (workflow, name, step)
            if CREDENTIAL.search(str(step.get("env"))):
                assert "run" in step, (workflow, name, step)
        assert "env" not in _read(workflow), workflow


def test_nothing_of_a_third_party_runs_beside_a_credential_or_a_right_to_write() -> None:
    for workflow, name, job in _jobs():
        if CREDENTIAL.search(str(job)) or "write" in job["permissions"].values():
            assert all(uses.startswith("actions/") for uses in _uses(job["steps"])), (workflow, name)


def test_each_secret_is_of_an_environment_and_only_what_is_on_main_gets_one_that_writes() -> None:
    for workflow, name, job in _jobs():
        secrets = _secrets(job)
        assert not secrets or job["environment"] in ("pull-request", "promote", "main"), (workflow, name)
        if not secrets <= {"DVC_READ_KEY_ID", "DVC_READ_KEY"}:
            assert job["environment"] == "main", (workflow, name)
        if job.get("environment") == "main":
            started = _read(workflow)[True]  # YAML 1.1 parses the key `on` as true
            assert started.keys() <= {"push", "schedule", "workflow_dispatch"}, workflow
            assert started.get("push") in (None, {"branches": ["main"]}), workflow


def test_what_a_pull_request_runs_can_only_read() -> None:
    workflow = _read("pull-request")
    assert list(workflow[True]) == ["pull_request"]  # it runs the code of the change, so no event with more rights
    for job in workflow["jobs"].values():
        assert _secrets(job) <= {"DVC_READ_KEY_ID", "DVC_READ_KEY"}
        writes = "write" in job["permissions"].values()
        runs = [step for step in job["steps"] if str(step.get("uses", "")).startswith(("actions/checkout@", "$/"))]
        assert not (writes and runs), "a job with write permission must not check out the change"


def test_the_page_lists_each_secret_with_its_environment() -> None:
    page = (ROOT / "docs" / "workflows.md").read_text()
    rows = dict(re.findall(r"^ *\| `([\w-]+)` \| (.*) \|$", page, re.MULTILINE))
    for workflow, name, job in _jobs():
        for secret in _secrets(job):
            assert f"`{secret}`" in rows[job["environment"]], (workflow, name, secret)


def test_a_pull_request_runs_the_test_command_of_the_readme() -> None:
    steps = _read("pull-request")["jobs"]["tests"]["steps"]
    assert [step["run"] for step in steps if "run" in step] == ["make test"]


def test_a_job_without_stages_installs_only_the_requirements_of_the_registry() -> None:
    action = yaml.safe_load((ROOT / ".github/actions/environment/action.yml").read_text())
    default = action["inputs"]["purposes"]["default"]
    installed = {
        (workflow, name): step.get("with", {}).get("purposes", default).split()
        for workflow, name, job in _jobs()
        for step in job["steps"]
        if step.get("uses") == "$/.github/actions/environment"
    }
    runs = {(workflow, name): str(job["steps"]) for workflow, name, job in _jobs()}
    building = {job for job in installed if "dvc repro" in runs[job] or "slipway replay" in runs[job]}
    assert {job: purposes for job, purposes in installed.items() if job not in building} == {
        ("pull-request", "tests"): ["dev"],
        ("promote", "promote"): ["registry", "s3"],
        ("mirror", "mirror"): ["registry", "s3"],
        ("watch", "examine"): ["registry", "s3"],
    }
    assert {tuple(installed[job]) for job in building} == {("build", "s3")}
    named = {one for purposes in installed.values() for one in purposes}
    assert all((ROOT / f"requirements/{one}.lock").is_file() for one in named)


def test_records_are_built_with_a_python_that_the_tests_run_on() -> None:
    action = yaml.safe_load((ROOT / ".github/actions/environment/action.yml").read_text())
    tested = _read("pull-request")["jobs"]["tests"]["strategy"]["matrix"]["python"]
    assert action["inputs"]["python-version"]["default"] == tested[0]


def test_the_output_of_a_command_is_plain_text_in_a_summary() -> None:
    for workflow, name, job in _jobs():
        for step in job["steps"]:
            for command in re.findall(r"slipway (?:[^\n|]|\|\s*)*", step.get("run", "")):
                assert "SUMMARY" not in command or "sed 's/^/    /'" in command, (workflow, name)


def step(workflow: str, job: str, name: str) -> str:
    """Return the script of a step."""
    steps = yaml.safe_load((ROOT / f".github/workflows/{workflow}.yml").read_text())["jobs"][job]["steps"]
    return next(one["run"] for one in steps if one.get("name") == name)


def scripted(script: str, place: Path, **stand_ins: str) -> subprocess.CompletedProcess[str]:
    """Run a step with some commands replaced by shell scripts."""
    for name, body in stand_ins.items():
        (place / name).write_text(f"#!/bin/bash\n{body}\n")
        (place / name).chmod(0o755)
    files = {name: str(place / name) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    found = {"PATH": f"{place}:{os.environ['PATH']}", "RUNNER_TEMP": str(place), "TAG": "a#production#1", **files}
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    return subprocess.run(command, env=os.environ | found, capture_output=True, text=True)


@pytest.mark.parametrize("code", [0, RefusedError.exit_code, 5, 1])
@pytest.mark.parametrize(("replayed", "option"), [("0", "0"), ("1", "1"), ("", "5")])
def test_the_published_version_is_the_one_that_verify_returned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, replayed: str, option: str
) -> None:
    monkeypatch.setenv("REPLAYED", replayed)
    given = json.dumps({"tag": "a#production#1", "version": "a@v1.0.0" if code == 0 else None})
    script = f"echo \"$*\" >> {tmp_path}/calls; echo '| <b>said</b>' >&2; echo '{given}'; exit {code}"
    done = scripted(step("promote", "promote", "Verify"), tmp_path, slipway=script)
    assert done.returncode == code
    assert (tmp_path / "calls").read_text() == f"registry verify a#production#1 --replayed {option} --undo --json\n", (
        "once"
    )
    assert "    | <b>said</b>\n" in (tmp_path / "GITHUB_STEP_SUMMARY").read_text(), "as it is"
    assert ("run this job again" in (tmp_path / "GITHUB_STEP_SUMMARY").read_text()) == (code in (1, 5))
    output = tmp_path / "GITHUB_OUTPUT"
    assert (output.read_text() if output.exists() else "") == ("version=a@v1.0.0\n" if code == 0 else "")
    steps = yaml.safe_load((ROOT / ".github/workflows/promote.yml").read_text())["jobs"]["promote"]["steps"]
    after = steps[[one.get("id") for one in steps].index("verify") + 1 :]
    assert all("steps.verify.outputs.version" in one["if"] and "TAG" not in one.get("run", "") for one in after)


def test_a_tag_that_assigns_no_role_publishes_nothing(tmp_path: Path) -> None:
    done = scripted(step("promote", "promote", "Verify"), tmp_path, slipway="""echo '{"version": null}'""")
    assert done.returncode == 0
    assert (tmp_path / "GITHUB_OUTPUT").read_text() == "version=\n"


HOSTILE = '- **tags**: $(touch owned) `touch owned` "; touch owned; "'


@pytest.mark.parametrize(
    ("findings", "number", "expected"),
    [
        (HOSTILE, "", ["issue create --title The registry has what it should not have --body-file {}/findings.md"]),
        (HOSTILE, "7", ["issue edit 7 --body-file {}/findings.md"]),
        ("", "7", ["issue close 7 --comment There are no findings any more."]),
        ("", "", []),
    ],
)
def test_what_is_found_becomes_one_issue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, findings: str, number: str, expected: list[str]
) -> None:
    (tmp_path / "found").write_text(findings)
    examined = scripted(
        step("watch", "examine", "Examine"), tmp_path, slipway=f"cat {tmp_path}/found; [ ! -s {tmp_path}/found ]"
    )
    assert examined.returncode == 0, examined.stderr
    output = (tmp_path / "GITHUB_OUTPUT").read_text()
    assert output.startswith("findings=") and len(output.splitlines()) == 1
    monkeypatch.setenv("FINDINGS", output.removeprefix("findings=").strip())
    monkeypatch.setenv("TITLE", "The registry has what it should not have")
    monkeypatch.chdir(tmp_path)
    gh = f'if [ "$2" = list ]; then echo "{number}"; else echo "$*" >> {tmp_path}/calls; fi'
    done = scripted(step("watch", "report", "Report"), tmp_path, gh=gh)
    assert done.returncode == 0, done.stderr
    calls = (tmp_path / "calls").read_text().splitlines() if (tmp_path / "calls").exists() else []
    assert calls == [one.format(tmp_path) for one in expected]
    assert (tmp_path / "findings.md").read_text() == findings
    assert not (tmp_path / "owned").exists()


def test_a_failed_check_is_not_reported_as_no_findings(tmp_path: Path) -> None:
    done = scripted(step("watch", "examine", "Examine"), tmp_path, slipway="exit 1")
    assert done.returncode == 1
    assert not (tmp_path / "GITHUB_OUTPUT").exists()


def test_the_job_that_writes_issues_has_no_other_credential() -> None:
    jobs = yaml.safe_load((ROOT / ".github/workflows/watch.yml").read_text())["jobs"]
    assert jobs["report"]["permissions"] == {"issues": "write"}
    assert "secrets." not in str(jobs["report"])
    assert all("uses" not in one for one in jobs["report"]["steps"])
    assert jobs["examine"]["permissions"] == {"contents": "read"}


def test_the_code_of_a_tag_runs_where_nothing_can_be_written_and_nothing_is_published_before() -> None:
    jobs = yaml.safe_load((ROOT / ".github/workflows/promote.yml").read_text())["jobs"]
    (running,) = (name for name, job in jobs.items() if "slipway replay" in str(job["steps"]))
    assert jobs[running]["permissions"] == {"contents": "read"}
    publishing = [job for job in jobs.values() if "registry fetch" in str(job["steps"])]
    assert [job["needs"] for job in publishing] == [running]


@pytest.mark.parametrize(
    ("tag", "runs"), [("a#production#1", True), ("a#production!#2", False), ("a#archived#3", False)]
)
def test_the_exit_code_of_a_replay_is_passed_to_verify(tmp_path: Path, tag: str, runs: bool) -> None:
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


def test_every_tag_is_verified_and_only_one_run_at_a_time_updates_mlflow() -> None:
    """GitHub keeps only one waiting run per concurrency group: a second waiting tag would replace the first."""
    assert "github.ref_name" in _read("promote")["concurrency"]["group"]
    syncing = [one for one in map(_read, NAMES) if "registry sync" in str(one)]
    assert [one["concurrency"] for one in syncing] == [{"group": "mirror", "cancel-in-progress": False}]


class Team:
    """A bare repository as origin, a folder as DVC remote, a developer's clone, and the runner of the workflows."""

    def __init__(self, copy: Path, place: Path, server: str, variants: Sequence[str] = (VARIANT,)) -> None:
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
        others = [name for name in _variants(copy) if name not in variants]
        lines = [line for line in lines if not line.strip().startswith(tuple(f"{name}:" for name in others))]
        lines = ["transfers: &transfers {}" if line == "transfers: &transfers" else line for line in lines]
        (copy / "params.yaml").write_text("\n".join(lines) + "\n")
        lock = yaml.safe_load((copy / "dvc.lock").read_text())
        lock["stages"] = {
            name: one for name, one in lock["stages"].items() if name.partition("@")[2] in ("", *variants)
        }
        (copy / "dvc.lock").write_text(yaml.safe_dump(lock, sort_keys=False))
        sh(f"dvc remote modify local url {self.remote} && dvc push -q", copy)
        path = copy / "conf" / "gate" / "demand.yaml"
        old = "max: ${by_profile:{smoke:1,demo:1,full:0.85}}"
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, "max: 0.77\n    decide_on: point"))
        self.commit("Few variants, one with a ceiling")
        sh(f"git init -q --bare -b main {self.origin}", copy)
        sh(f"git remote add origin {self.origin} && git push -q -u origin main", copy)

    def commit(self, message: str) -> str:
        """Commit all changes in the clone."""
        return sh(f"git add -A && git commit -q -m '{message}' && git rev-parse HEAD", self.clone).strip()

    def change(self, branch: str, old: str, new: str) -> tuple[str, str]:
        """Push a branch that changes the variant's file, not built; return its head and its merge into main."""
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

    def pull_request(self, head: str, merge: str, repository: str = "team/models") -> JobResult:
        """Run the jobs `gate` and `comment` of a pull request without separate build jobs."""
        context = {
            "needs.changes.result": "success",
            "needs.build.result": "skipped",
            "github.event.pull_request.base.sha": sh("git rev-parse origin/main", self.clone).strip(),
            "github.event.pull_request.head.sha": head,
            "github.event.pull_request.head.repo.full_name": repository,
            "github.event.pull_request.number": "7",
        }
        context |= self.runner.run("pull-request", "changes", merge, context).needs
        ran = self.runner.run("pull-request", "gate", merge, context)
        commented = self.runner.run("pull-request", "comment", merge, context | ran.needs)
        assert commented.failed is None, commented.output
        return ran

    def merge(self, merge: str) -> JobResult:
        """Push the merge as main, and run main.yml."""
        sh(f"git push -q origin {merge}:main", self.clone)
        ran = self.release()
        sh("git checkout -q main && git pull -q --tags", self.clone)
        return ran

    def release(self) -> JobResult:
        """Run the job `release` on main, which builds all variants that no separate job has built."""
        return self.runner.run("main", "release", "main", {"needs.changes.result": "success"})

    def tagged(self, tag: str) -> JobResult:
        """Run promote.yml for a pushed tag."""
        context = {"github.ref_name": tag, "github.event.repository.default_branch": "main"}
        context["needs.replay.outputs.code"] = "0"  # tests/cli/test_replay.py tests the replay
        ran = self.runner.run("promote", "promote", "main", context)
        if ran.failed is None:
            started = self.runner.run("promote", "mirror", "main", context)
            assert (started.failed, self.runner.gh_calls[-1]) == (None, "workflow run mirror.yml --ref main"), (
                started.output
            )
            mirrored = self.runner.run("mirror", "mirror", "main", {})
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
    first = team.release()
    assert first.failed is None, first.output
    tags = sh("git fetch -q --tags && git tag", team.clone).split()
    assert tags == [f"{VARIANT}@v1.0.0"]
    assert_production(team, client, f"{VARIANT}@v1.0.0", number=1)

    head, merge = team.change("better", *FASTER)
    judged = team.pull_request(head, merge)
    assert judged.failed is None, judged.output
    comments = [one for one in team.runner.gh_calls if one.startswith("pr ")]
    assert comments == ["pr comment 7 --edit-last --create-if-none --body-file report.md"], (
        "a single comment, which is updated"
    )
    comment = (team.runner.place / "body.md").read_text()
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
    assert sh("git tag --points-at HEAD", team.clone).split() == [], "a build that did not pass is not registered"
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
    assert re.match("pr create --head retrain-[0-9a-f]+ --title Retrain --body-file ", team.runner.gh_calls[-1])
    assert (team.runner.place / "body.md").read_text() == retrained.summary


def assert_production(team: Team, client: MlflowClient, version: str, number: int) -> None:
    """Promote to production, and check that the workflow publishes the files of the version."""
    sh(f"slipway promote {version} --to production --push", team.clone)
    ran = team.tagged(f"{VARIANT}#production#{number}")
    assert ran.failed is None, ran.output
    assert f"{version} may hold production" in ran.summary
    *_, promote, _started, _mirror = sorted(team.runner.place.glob("run*"), key=lambda path: int(path.name[3:]))
    published = promote / "checkout" / "release"
    assert {"model.tflite", "release.json"} <= {path.name for path in published.iterdir()}
    assert_agree(team, client, version)


def assert_agree(team: Team, client: MlflowClient, version: str) -> None:
    """Check that Slipway, GTO and MLflow agree on the version in production."""
    (row,) = json.loads(sh(f"slipway registry list {VARIANT} --role production --json", team.clone))
    assert f"{VARIANT}@{row['version']}" == version
    shown = json.loads(sh(f"gto show '{VARIANT}#production' --json", team.clone))
    assert [one["version"] for one in shown] == [row["version"]]
    assert client.get_model_version_by_alias("demand_predictor", "production").tags["git_tag"] == version


def run_builds(runner: Runner, workflow: str, revision: str, context: Mapping[str, str]) -> dict[str, str]:
    """Run the jobs before the last one, each on an empty runner, and return their outputs for it."""
    changes = runner.run(workflow, "changes", revision, context, store=None)
    assert changes.failed is None, changes.output
    groups = json.loads(changes.needs["needs.changes.outputs.variants"])
    for number, group in enumerate(groups):
        matrix = {"strategy.job-index": str(number), "join(matrix.variants, ' ')": " ".join(group)}
        ran = runner.run(workflow, "build", revision, {**context, **changes.needs, **matrix}, store=None)
        assert ran.failed is None, ran.output
        assert set(re.findall(r"Running stage 'train@(.*)'", ran.output)) == set(group)
    return {**changes.needs, "needs.changes.result": "success", "needs.build.result": "success"}


def test_each_changed_variant_is_built_in_its_own_job_and_the_last_job_trains_nothing(
    copy: Path, tmp_path: Path
) -> None:
    both = (VARIANT, "handball-context")
    team = Team(copy, tmp_path, "", both)
    conf = team.clone / "conf/variant/handball-context.yaml"
    conf.write_text(conf.read_text() + "\ntrain:\n  learning_rate: 0.07\n")
    team.commit("Another rate")
    sh("git push -q origin main", team.clone)
    _, merge = team.change("better", *FASTER)
    for workflow, last in (("pull-request", "gate"), ("main", "release")):
        if workflow == "main":
            sh(f"git push -q origin {merge}:main", team.clone)
        context = {"github.event.pull_request.base.sha": "", "github.event.pull_request.head.sha": ""}
        given = run_builds(team.runner, workflow, merge, context)
        assert json.loads(given["needs.changes.outputs.variants"]) == [[VARIANT], ["handball-context"]]
        ran = team.runner.run(
            workflow, last, merge if workflow == "pull-request" else "main", context | given, store=None
        )
        assert ran.failed in (None, "Gate"), ran.output
        assert not re.findall(r"Running stage '(?!code|compose)\S*'", ran.output)
        for variant in both:
            assert f"Stage 'train@{variant}' is cached - skipping run, checking out outputs" in ran.output
    assert "Build" in sh("git fetch -q && git log -1 --format=%s origin/main", team.clone)


def test_the_gate_fails_if_a_build_failed(repository: Path, tmp_path: Path) -> None:
    runner = Runner(repository, tmp_path / "actions")
    for result in ("failure", "cancelled"):
        given = {"needs.changes.result": "success", "needs.build.result": result}
        assert runner.run("pull-request", "gate", "main", given).failed == "Check builds"
    assert _read("pull-request")["jobs"]["gate"]["if"] == "${{ !cancelled() }}", "a skipped job counts as passed"


def test_a_fork_without_secrets_gets_a_full_gate(copy: Path, tmp_path: Path) -> None:
    """The remote cannot be reached, so base and change are built in profile smoke and compared."""
    team = Team(copy, tmp_path, "")
    team.remote.rename(tmp_path / "unreachable")
    head, merge = team.change("fork", *FASTER)
    ran = team.pull_request(head, merge, repository="somebody/models")
    assert ran.failed is None, ran.output
    assert "profile smoke" in ran.summary
    assert re.search(r"mae: baseline, ≤ 25 % lost .*✅ pass", ran.summary), "compared with its base"
    assert team.runner.gh_calls == [], "its token may not write a comment"
