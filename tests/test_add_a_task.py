"""docs/add-a-task.md, followed step by step: a seventh task needs only new files."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ROOT, fingerprints
from smoke import sh, stale

PAGE = (ROOT / "docs" / "add-a-task.md").read_text()
FILE = re.compile(
    r"```(?:python|yaml|md)\n(?:# |<!-- )([\w./-]+\.(?:py|yaml|md))(?: -->)?\n(.*?)^```", re.DOTALL | re.MULTILINE
)
CHANGED = {"dvc.lock", "dvc.yaml", "params.yaml", "params/code.yaml"}
"""Existing files that change; commands write all of them."""


def write_files(root: Path) -> dict[str, str]:
    """Write the files of the page, and return the environment for its commands."""
    for name, text in FILE.findall(PAGE):
        path = root / name
        assert not path.exists(), "a task needs only new files"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return {"PYTHONPATH": f"{root}/src:{root}/edge/src:{os.environ['PYTHONPATH']}"}


def test_the_page_leads_from_nothing_to_a_version_in_production(copy: Path) -> None:
    records = {path: digest for path, digest in fingerprints(copy / "models").items() if path.endswith("release.json")}
    environment = write_files(copy)
    build, commit = re.findall("```sh\n(.*?)```", PAGE, re.DOTALL)
    sh(f"set -e\n{build}", copy, **environment)
    assert stale(copy) == []
    changed = {line[3:] for line in sh("git status --porcelain", copy).splitlines() if line[:2] not in ("??", "A ")}
    assert changed == CHANGED
    assert records.items() <= fingerprints(copy / "models").items()
    sh("slipway report desk-router", copy, **environment)
    assert "desk-router" in (copy / "report.md").read_text()
    sh(f"set -e\n{commit}", copy, **environment)
    sh("slipway promote desk-router@v1.0.0 --to production", copy, **environment)
    sh("slipway registry verify desk-router@v1.0.0", copy, **environment)
    card = (copy / "models/desk-router/card.md").read_text()
    (code,) = re.findall("```python\n(.*?)```", card, re.DOTALL)
    (command,) = re.findall("```sh\n(.*?)```", card, re.DOTALL)
    (copy.parent / "message.txt").write_text("my screen shows an error again")
    command = command.replace("message.txt", str(copy.parent / "message.txt"))
    shown = sh(f"{sys.executable} - <<'END'\n{code}\nEND", copy, PYTHONPATH=f"{copy}/edge/src")
    assert json.loads(sh(command, copy, **environment))["prediction"] == eval(shown)
    (row,) = json.loads(sh("slipway registry list desk-router --json", copy, **environment))
    assert (row["version"], row["roles"]) == ("v1.0.0", ["production"])
    (use,) = [block for block in re.findall("```python\n(.*?)```", PAGE, re.DOTALL) if "Predictor.load" in block]
    *lines, last = use.splitlines()
    call, comment = last.split("  # ")
    code = "\n".join([*lines, f"print({call})"])
    (answer,) = eval(sh(f"{sys.executable} - <<'END'\n{code}\nEND", copy, PYTHONPATH=f"{copy}/edge/src"))
    (shown,) = eval(comment)
    assert max(answer, key=answer.get) == max(shown, key=shown.get)
    assert "| `accuracy` |" in (copy / "docs/tasks/text_classification.md").read_text()


@pytest.mark.parametrize("command", ["ruff format --check --diff .", "ruff check .", "lint-imports"])
def test_its_code_passes_format_lint_and_import_checks(repository: Path, command: str) -> None:
    environment = {**os.environ, **write_files(repository)}
    Path("messages.py").unlink()
    done = subprocess.run(command.split(), capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_site_lists_its_page(repository: Path, tmp_path: Path) -> None:
    write_files(repository)
    command = [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(tmp_path / "site")]
    subprocess.run(command, check=True, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True)
    assert "Text classification" in (tmp_path / "site" / "docs" / "guide" / "index.html").read_text()
