"""The same again: after a kill, in another clone, in experiments, without registration."""

import csv
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from smoke import PICTURES, TABLE, VARIANTS, outputs, sh


@pytest.fixture
def killing(copy: Path) -> Iterator[Callable[[str], None]]:
    """Removes a variant's trained model, and kills the next training of it with SIGKILL after its first epochs."""
    processes: list[subprocess.Popen[Any]] = []

    def kill(variant: str) -> None:
        shutil.rmtree(copy / "models" / variant / "native")
        shutil.rmtree(copy / ".dvc/cache")
        process = subprocess.Popen(["dvc", "repro", f"train@{variant}"], cwd=copy, start_new_session=True)
        processes.append(process)
        journal = copy / ".checkpoints" / f"{variant}.jsonl"
        deadline = time.monotonic() + 300
        while not (journal.exists() and len(journal.read_text().splitlines()) >= 2):
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
    sh(f"dvc repro evaluate@{variant}", copy)
    ours = {path: md5 for path, md5 in outputs(copy).items() if variant in path}
    assert ours == {path: md5 for path, md5 in outputs(built).items() if variant in path}
    assert not list((copy / ".checkpoints").glob(f"{variant}*"))


def test_a_second_build_elsewhere_gives_the_same_hashes(built: Path, tmp_path: Path) -> None:
    """A model of each framework; `benchmarks/clones.py` compares all outputs, in profile demo."""
    clone = tmp_path / "another" / "clone"
    clone.parent.mkdir()
    sh(f"git clone -q {built} {clone}", tmp_path)
    sh(f"dvc repro convert-tflite@{PICTURES} convert-tflite@{TABLE}", clone)
    assert outputs(clone) == outputs(built)
    changed = {line[3:] for line in sh("git status --porcelain", clone).splitlines()}
    assert changed <= {"dvc.lock", *(f"reports/{variant}/benchmark.json" for variant in VARIANTS)}


def test_an_experiment_changes_one_parameter(copy: Path) -> None:
    sh(f"dvc exp run -n slower -S 'conf/variant/{TABLE}.yaml:train.learning_rate=0.02' evaluate@{TABLE}", copy)
    table = json.loads(sh("dvc exp show --json --no-pager", copy).splitlines()[-1])
    names = [one["name"] for base in table for one in base["experiments"] or [] for one in one["revs"]]
    assert "slower" in names
    assert "train.learning_rate" in sh("dvc params diff HEAD slower", copy)


def test_a_queued_grid_runs_every_combination(copy: Path) -> None:
    """The guide's grid over learning rate, batch size and optimizer, here with one choice each and two optimizers."""
    file = f"conf/variant/{PICTURES}.yaml:train"
    sh(
        f"dvc exp run --queue -S '{file}.learning_rate=0.001' -S '{file}.batch_size=24' "
        f"-S '{file}.optimizer=choice(adam,sgd)' evaluate@{PICTURES}",
        copy,
    )
    sh("dvc exp run --run-all", copy)
    table = sh("dvc exp show --csv --no-pager", copy)
    rows = list(csv.DictReader(table[table.index("Experiment,") :].splitlines()))
    column = next(name for name in rows[0] if name.endswith("train.optimizer"))
    assert {"adam", "sgd"} <= {row[column] for row in rows}


def test_a_dry_run_records_and_registers_nothing(copy: Path) -> None:
    path = copy / f"conf/variant/{TABLE}.yaml"
    path.write_text(path.read_text().replace("register:\n", "register:\n  dry_run: true\n"))
    for left in copy.glob("mlflow.db*"):
        left.unlink()
    sh(f"dvc repro --single-item compose@{TABLE}", copy)
    assert "recorded and not registered" in sh(f"dvc repro --single-item --force register@{TABLE}", copy)
    assert not list(copy.glob("mlflow.db*"))
