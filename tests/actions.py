"""Runs the jobs of .github/workflows as a runner of GitHub does: a fresh clone, then each `run:` step in order.

What others wrote (`uses:`) is left out, but for the effect of it: the clone, the environment, DVC's store of the last
run, what a job hands to the next one, and `gh`, of which a stand-in records what it is asked. The repository's own
actions are run.
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
  api) exit 1 ;; # nothing is published yet
esac
"""
EXPRESSION = re.compile(r"\$\{\{ *(.*?) *\}\}")


@dataclass
class Ran:
    """What became of a job: the step that failed, its summary, what its steps printed, and its outputs as `needs`."""

    failed: str | None = None
    summary: str = ""
    output: str = ""
    needs: dict[str, str] = field(default_factory=dict)


@dataclass
class Runner:
    """Runs jobs on clones of `origin`, in `place`; `context` has the values of expressions that all jobs know."""

    origin: Path
    place: Path
    context: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("bin", "store", "artifacts"):
            (self.place / name).mkdir(parents=True)
        (self.place / "bin" / "gh").write_text(GH.format(place=shlex.quote(str(self.place))))
        (self.place / "bin" / "gh").chmod(0o755)

    @property
    def asked(self) -> list[str]:
        """What `gh` was asked, oldest first."""
        log = self.place / "gh.log"
        return log.read_text().splitlines() if log.exists() else []

    def run(
        self, workflow: str, job: str, revision: str, context: Mapping[str, str], store: str | None = "store"
    ) -> Ran:
        """Run a job with `revision` checked out; `context` has the values of expressions of its event.

        `store`: the DVC store of the last run, which is kept for the next; None for a runner that has none.
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
        ran = Ran()
        if not _value(declared["jobs"][job].get("if", "true"), known):
            return ran
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
            ran.output += done.stdout + done.stderr
            for line in files["GITHUB_OUTPUT"].read_text().splitlines():
                name, _, value = line.partition("=")
                known[f"steps.{step['id']}.outputs.{name}"] = value
            if done.returncode:
                ran.failed = step["name"]
                break
        ran.summary = files["GITHUB_STEP_SUMMARY"].read_text()
        outputs = _resolved(declared["jobs"][job].get("outputs"), known)
        ran.needs = {f"needs.{job}.outputs.{name}": value for name, value in outputs.items()}
        return ran

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

    def _steps(self, checkout: Path, asked: list[dict[str, Any]], known: Mapping[str, str]) -> list[dict[str, Any]]:
        """What runs something, the repository's own actions among it, and copies for what is handed on."""
        found = []
        for step in asked:
            uses = step.get("uses", "")
            if uses.startswith("$/"):
                action = yaml.safe_load((checkout / uses.removeprefix("$/") / "action.yml").read_text())
                inputs = {name: one["default"] for name, one in action["inputs"].items()} | step.get("with", {})
                given = {f"inputs.{name}": value for name, value in inputs.items()}
                steps = self._steps(checkout, action["runs"]["steps"], known)
                found += [one | {"env": _resolved(one.get("env"), given)} for one in steps]
            elif uses.startswith(("actions/upload-artifact@", "actions/download-artifact@")):
                found.append({"name": uses, "run": self._handed_on(uses, _resolved(step["with"], known))})
            elif "run" in step:
                found.append(step)
        return found

    def _handed_on(self, uses: str, given: Mapping[str, str]) -> str:
        """What copies files to where the next job finds them, or from there; a folder is its content."""
        kept = shlex.quote(str(self.place / "artifacts")) + "/" + given.get("name", given.get("pattern", ""))
        paths = given.get("path", ".").split()
        if uses.startswith("actions/upload"):
            copies = [f"if [ -d {path} ]; then cp -r {path}/. {kept}; else cp {path} {kept}; fi" for path in paths]
            return "\n".join([f"mkdir -p {kept}", *copies])
        return f"for one in {kept}; do if [ -d $one ]; then cp -rf $one/. {paths[0]}; fi; done"


def _resolved(environment: Mapping[str, Any] | None, known: Mapping[str, str]) -> dict[str, str]:
    """Variables with their expressions replaced."""
    return {
        name: EXPRESSION.sub(lambda found: _value(found[1], known), str(value))
        for name, value in (environment or {}).items()
    }


def _value(expression: str, known: Mapping[str, str]) -> str:
    """Of the expressions that the workflows use: a name, `'a text'`, `a && b`, `a == b`, `a != b`, `a || b`."""
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
