"""`dvc exp`: one changed parameter, and a queued grid of parameters."""

import csv
import json
from pathlib import Path

from smoke import SOUNDS, TABLE, sh

KEYS = ("optimizer", "learning_rate", "batch_size")


def test_an_experiment_changes_one_parameter(copy: Path) -> None:
    sh(f"dvc exp run -n slower -S 'conf/variant/{TABLE}.yaml:train.learning_rate=0.02' evaluate@{TABLE}", copy)
    table = json.loads(sh("dvc exp show --json --no-pager", copy).splitlines()[-1])
    names = [one["name"] for base in table for one in base["experiments"] or [] for one in one["revs"]]
    assert "slower" in names
    assert "train.learning_rate" in sh("dvc params diff HEAD slower", copy)


def test_a_queued_grid_runs_every_combination(copy: Path) -> None:
    """The guide's grid over learning rate, batch size and optimizer, here with one value each and two optimizers."""
    conf = copy / "conf" / "variant" / f"{SOUNDS}.yaml"
    settings = "train:\n  learning_rate: 0.002\n  batch_size: 16\n  optimizer: adamw\n"  # only what a file has can vary
    conf.write_text(f"{conf.read_text()}\n{settings}")
    sh("git commit -q -a -m 'Settings to vary'", copy)
    file = f"conf/variant/{SOUNDS}.yaml:train"
    sh(
        f"dvc exp run --queue -S '{file}.learning_rate=0.001' -S '{file}.batch_size=24' "
        f"-S '{file}.optimizer=choice(adam,sgd)' evaluate@{SOUNDS}",
        copy,
    )
    sh("dvc exp run --run-all", copy)
    table = sh("dvc exp show --csv --no-pager", copy)
    rows = list(csv.DictReader(table[table.index("Experiment,") :].splitlines()))
    columns = [next(name for name in rows[0] if name.endswith(f"{SOUNDS}.yaml:train.{key}")) for key in KEYS]
    ran = {tuple(row[column] for column in columns) for row in rows}
    assert {("adam", "0.001", "24"), ("sgd", "0.001", "24")} <= ran
