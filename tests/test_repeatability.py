"""Repeatable builds: after a kill, and in another clone."""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from smoke import PICTURES, SOUNDS, TABLE, VARIANTS, outputs, sh


@pytest.fixture
def killing(copy: Path) -> Iterator[Callable[[str], None]]:
    """Return a function that removes a trained model and kills its next training with SIGKILL after a checkpoint."""
    processes: list[subprocess.Popen[Any]] = []

    def kill(variant: str) -> None:
        shutil.rmtree(copy / "models" / variant / "native")
        shutil.rmtree(copy / ".dvc/cache")
        process = subprocess.Popen(["dvc", "repro", f"train@{variant}"], cwd=copy, start_new_session=True)
        processes.append(process)
        journal, epoch = (copy / ".checkpoints" / name for name in (f"{variant}.jsonl", f"{variant}/epoch.npz"))
        deadline = time.monotonic() + 300
        while not (
            epoch.exists() if variant == PICTURES else journal.exists() and journal.read_text().count("\n") >= 2
        ):
            assert process.poll() is None and time.monotonic() < deadline, "training ended before it could be killed"
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    yield kill
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.parametrize("variant", [PICTURES, TABLE])
def test_training_killed_with_sigkill_finishes_with_the_same_hashes(
    built: Path, copy: Path, killing: Callable[[str], None], variant: str
) -> None:
    killing(variant)
    assert not (copy / "models" / variant / "native").exists()
    printed = sh(f"dvc repro evaluate@{variant}", copy)
    assert "epoch 1/" not in printed, "training resumes in the epoch in which it was killed"
    ours = {path: md5 for path, md5 in outputs(copy).items() if variant in path}
    assert ours == {path: md5 for path, md5 in outputs(built).items() if variant in path}
    assert not list((copy / ".checkpoints").glob(f"{variant}*"))


def test_a_second_build_elsewhere_gives_the_same_hashes(built: Path, tmp_path: Path) -> None:
    """Builds one model of each framework; `benchmarks/clones.py` compares all outputs in profile demo."""
    clone = tmp_path / "another" / "clone"
    clone.parent.mkdir()
    sh(f"git clone -q {built} {clone}", tmp_path)
    sh(f"dvc repro convert-tflite@{SOUNDS} convert-tflite@{TABLE}", clone)
    assert outputs(clone) == outputs(built)
    changed = {line[3:] for line in sh("git status --porcelain", clone).splitlines()}
    assert changed <= {"dvc.lock", *(f"reports/{variant}/benchmark.json" for variant in VARIANTS)}


def test_a_comment_in_a_task_and_a_newer_tool_change_no_record(copy: Path) -> None:
    """Git shows only the edits and dvc.lock, so there is no new version to register."""
    module = copy / "src/slipway/tasks/tabular_regression/__init__.py"
    module.write_text(module.read_text() + "\n# A comment.\n")
    tools = copy / "requirements/dev.lock"
    tools.write_text(tools.read_text() + "# A newer tool.\n")
    printed = sh(f"dvc repro register@{TABLE}", copy)
    assert re.findall("Running stage '(.*)'", printed) == ["code"]
    changed = sh("git status --porcelain", copy).split()[1::2]
    assert changed == ["dvc.lock", "requirements/dev.lock", "src/slipway/tasks/tabular_regression/__init__.py"]


def test_a_code_change_with_the_same_results_changes_no_record(copy: Path) -> None:
    """The affected stages run again, but no training."""
    module = copy / "src/slipway/tasks/tabular_regression/__init__.py"
    module.write_text(module.read_text() + "\nUNUSED = 1\n")
    printed = sh(f"dvc repro register@{TABLE}", copy)
    assert f"Running stage 'prepare@{TABLE}'" in printed and f"Running stage 'train@{TABLE}'" not in printed
    changed = sh("git status --porcelain", copy).split()[1::2]
    assert changed == ["dvc.lock", "params/code.yaml", "src/slipway/tasks/tabular_regression/__init__.py"]
