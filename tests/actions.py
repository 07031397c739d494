"""Runs the jobs of .github/workflows as a GitHub runner does: a fresh clone, then each `run:` step in order.

Third-party actions (`uses:`) are not run, only their effects are reproduced: the clone, the environment, the DVC cache
of the last run, and the artifacts that a job passes to the next one. A stand-in for `gh` logs its calls. The
repository's own actions are run.
"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ENVIRONMENT = Path(sys.prefix)
GH = """#!/bin/sh
printf '%s\\n' "$*" >> {place}/gh.log
for last; do :; done
case "$1" in
  pr) cp "$last" {place}/body.md ;;
  api) exit 1 ;; # no release is published yet
esac
"""
EXPRESSION = re.compile(r"\$\{\{ *(.*?) *\}\}")


@dataclass
class JobResult:
    """The result of a job: the failed step, its summary, the output of its steps, and its outputs as `needs`."""

    failed: str | None = None
    summary: str = ""
    output: str = ""
    needs: dict[str, str] = field(default_factory=dict)


@dataclass
class Runner:
    """Runs jobs on clones of `origin`, in `place`; `context` has the values of the expressions that all jobs share."""

    origin: Path
    place: Path
    context: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("bin", "store", "artifacts"):
            (self.place / name).mkdir(parents=True)
        (self.place / "bin" / "gh").write_text(GH.format(place=shlex.quote(str(self.place))))
        (self.place / "bin" / "gh").chmod(0o755)

    @property
    def gh_calls(self) -> list[str]:
        """The arguments of each call of `gh`, oldest first."""
        log = self.place / "gh.log"
        return log.read_text().splitlines() if log.exists() else []

    def run(
        self, workflow: str, job: str, revision: str, context: Mapping[str, str], store: str | None = "store"
    ) -> JobResult:
        """Run a job with `revision` checked out; `context` has the values of the expressions of its event.

        `store`: the DVC cache of the last run, which is kept for the next run; None for a runner without one.
        """
        number = len(list(self.place.glob("run*")))
        folder = self.place / f"run{number}"
        checkout = self._checkout(folder, revision, folder / "store" if store is None else self.place / store)
        declared = yaml.safe_load((checkout / f".github/workflows/{workflow}.yml").read_text())
        assert declared["defaults"] == {"run": {"shell": "bash"}}
        files = {name: folder / name for name in ("GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_STEP_SUMMARY")}
        for path in files.values():
            path.touch()
        known = {"true": "true", "!cancelled()": "true", "runner.temp": str(folder), **self.context, **context}
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("GIT_CONFIG_COUNT")},
            **{name: str(path) for name, path in files.items()},
            "RUNNER_TEMP": str(folder),
            **_resolved(declared["jobs"][job].get("env"), known),
        }
        result = JobResult()
        if not _value(declared["jobs"][job].get("if", "true"), known):
            return result
        for step in self._steps(checkout, declared["jobs"][job]["steps"], known):
            if "if" in step and not _value(step["if"], known):
                continue
            added = files["GITHUB_PATH"].read_text().split()
            path = os.pathsep.join([str(self.place / "bin"), *reversed(added), os.environ["PATH"]])
            files["GITHUB_OUTPUT"].write_text("")
            done = subprocess.run(
                ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
                cwd=checkout,
                env={**environment, "PATH": path, **_resolved(step.get("env"), known)},
                capture_output=True,
                text=True,
            )
            result.output += done.stdout + done.stderr
            for line in files["GITHUB_OUTPUT"].read_text().splitlines():
                name, _, value = line.partition("=")
                known[f"steps.{step['id']}.outputs.{name}"] = value
            if done.returncode:
                result.failed = step["name"]
                break
        result.summary = files["GITHUB_STEP_SUMMARY"].read_text()
        outputs = _resolved(declared["jobs"][job].get("outputs"), known)
        result.needs = {f"needs.{job}.outputs.{name}": value for name, value in outputs.items()}
        return result

    def _checkout(self, folder: Path, revision: str, store: Path) -> Path:
        store.mkdir(parents=True, exist_ok=True)
        checkout = folder / "checkout"
        _git("clone", "--quiet", str(self.origin), str(checkout))
        _git("-C", str(checkout), "fetch", "--quiet", "origin", "+refs/pull/*:refs/remotes/pull/*")
        _git("-C", str(checkout), "checkout", "--quiet", revision)
        (checkout / ".git" / "info" / "exclude").write_text(".venv\n")
        (checkout / ".venv").mkdir()
        for name in ("bin", "include", "lib", "pyvenv.cfg"):
            (checkout / ".venv" / name).symlink_to(ENVIRONMENT / name)
        for lock in (checkout / "requirements").glob("*.lock"):
            (checkout / ".venv" / lock.stem).touch()  # as after an installation
        (checkout / ".dvc" / "cache").symlink_to(store)
        return checkout

    def _steps(self, checkout: Path, steps: list[dict[str, Any]], known: Mapping[str, str]) -> list[dict[str, Any]]:
        """Return the steps with commands, also of the repository's own actions; artifacts become copy commands."""
        found = []
        for step in steps:
            uses = step.get("uses", "")
            if uses.startswith("$/"):
                action = yaml.safe_load((checkout / uses.removeprefix("$/") / "action.yml").read_text())
                inputs = {name: one["default"] for name, one in action["inputs"].items()} | step.get("with", {})
                given = {f"inputs.{name}": value for name, value in inputs.items()}
                inner = self._steps(checkout, action["runs"]["steps"], known)
                found += [one | {"env": _resolved(one.get("env"), given)} for one in inner]
            elif uses.startswith(("actions/upload-artifact@", "actions/download-artifact@")):
                found.append({"name": uses, "run": self._copy_command(uses, _resolved(step["with"], known))})
            elif "run" in step:
                found.append(step)
        return found

    def _copy_command(self, uses: str, given: Mapping[str, str]) -> str:
        """Return the command that uploads or downloads an artifact by copying; of a folder, its content."""
        kept = shlex.quote(str(self.place / "artifacts")) + "/" + given.get("name", given.get("pattern", ""))
        paths = given.get("path", ".").split()
        if uses.startswith("actions/upload"):
            copies = [f"if [ -d {path} ]; then cp -r {path}/. {kept}; else cp {path} {kept}; fi" for path in paths]
            return "\n".join([f"mkdir -p {kept}", *copies])
        return f"for one in {kept}; do if [ -d $one ]; then cp -rf $one/. {paths[0]}; fi; done"


def _resolved(environment: Mapping[str, Any] | None, known: Mapping[str, str]) -> dict[str, str]:
    """Return environment variables with their expressions evaluated."""
    return {
        name: EXPRESSION.sub(lambda found: _value(found[1], known), str(value))
        for name, value in (environment or {}).items()
    }


def _value(expression: str, known: Mapping[str, str]) -> str:
    """Evaluate an expression of a workflow: a name, `'a text'`, `a && b`, `a == b`, `a != b` or `a || b`."""
    if (whole := EXPRESSION.fullmatch(expression)) is not None:
        expression = whole[1]
    if " && " in expression:
        values = [_value(part, known) for part in expression.split(" && ")]
        return values[-1] if all(values) else ""
    for compares, equal in ((" == ", True), (" != ", False)):
        if compares in expression:
            first, second = (_value(part, known) for part in expression.split(compares))
            return "true" if (first == second) == equal else ""
    if " || " in expression:
        return next((value for part in expression.split(" || ") if (value := _value(part, known))), "")
    if expression.startswith("'"):
        return expression.strip("'")
    if expression.startswith(("secrets.", "steps.", "needs.")):
        return known.get(expression, "")
    return known[expression]


def _git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], check=True)
