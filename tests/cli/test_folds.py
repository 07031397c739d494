"""`slipway folds`: the summary of experiments with one fold each."""

import json
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from slipway.cli.app import app
from slipway.cli.folds import Experiment, command, cross_validations, estimate

STAGES = '''
"""Stands in for a variant's stages: resolves its file, then scores."""
import json, sys
from pathlib import Path
import yaml

own = yaml.safe_load(Path("conf/variant/mine.yaml").read_text())
if sys.argv[1] == "compose":
    split = {"by": "group", "folds": None, "fold": None, **own.get("split", {})}
    Path("params").mkdir(exist_ok=True)
    Path("params/mine.yaml").write_text(yaml.safe_dump({"split": split, "seed": 7}))
else:
    fold = yaml.safe_load(Path("params/mine.yaml").read_text())["split"]["fold"]
    if fold == 3:
        sys.exit("this fold has too few groups")
    Path("reports/mine").mkdir(parents=True, exist_ok=True)
    Path("reports/mine/metrics.json").write_text(json.dumps({"accuracy": 0.9 + 0.01 * (fold or 0)}))
'''
GRAPH = """
stages:
  compose:
    foreach: ${variants}
    do:
      cmd: python stages.py compose
      deps:
      - conf/variant/${key}.yaml
      outs:
      - params/${key}.yaml: {cache: false, persist: true}
  evaluate:
    foreach: ${variants}
    do:
      cmd: python stages.py evaluate
      params:
      - params/${key}.yaml: [split, seed]
      metrics:
      - reports/${key}/metrics.json: {cache: false}
"""
VARIANT = "# @package _global_\n# What it is for.\ndefaults:\n  - override /data: pictures\n"


def fold(number: int, accuracy: float, made: str = "2026-01-01", **params: object) -> Experiment:
    name = f"fold-{number}-{made}"
    return Experiment(name, made, {"split.folds": 3, "split.fold": number, **params}, {"accuracy": accuracy})


def test_the_interval_is_students_t_over_folds() -> None:
    """Three folds: t(0.975, 2) = 4.302653, standard error 0.01 / sqrt(3)."""
    found = estimate("accuracy", {1: 0.91, 2: 0.92, 3: 0.93})
    assert found.mean == pytest.approx(0.92)
    assert found.high is not None and found.low is not None
    assert found.high - found.mean == pytest.approx(4.302653 * 0.01 / 3**0.5, rel=1e-6)
    assert found.mean - found.low == pytest.approx(found.high - found.mean)


def test_folds_with_equal_values_give_no_interval() -> None:
    found = estimate("accuracy", {1: 0.9, 2: 0.9, 3: 0.9})
    assert (found.mean, found.low, found.high) == (pytest.approx(0.9), None, None)


def test_one_fold_has_no_interval() -> None:
    found = estimate("accuracy", {2: 0.9})
    assert (found.mean, found.low, found.high) == (0.9, None, None)


def test_a_sweep_over_folds_has_a_row_for_each_combination() -> None:
    grid = [fold(n, rate, **{"train.learning_rate": rate, "seed": 7}) for rate in (0.1, 0.2) for n in (1, 2, 3)]
    small, large = cross_validations(grid)
    assert (small.params, large.params) == ({"train.learning_rate": 0.1}, {"train.learning_rate": 0.2})
    assert small.estimates[0].mean == pytest.approx(0.1)
    assert not small.missing and not large.missing


def test_of_a_fold_that_was_run_again_only_the_latest_counts() -> None:
    (found,) = cross_validations([fold(1, 0.5), fold(1, 0.7, made="2026-02-01"), fold(3, 0.9)])
    assert found.estimates[0].values == {1: 0.7, 3: 0.9}
    assert found.experiments == {1: "fold-1-2026-02-01", 3: "fold-3-2026-01-01"}
    assert found.missing == (2,)


def test_experiments_that_are_not_folds_are_left_out() -> None:
    plain = Experiment("plain", "", {"split.folds": None, "split.fold": None}, {"accuracy": 0.9})
    unscored = Experiment("unscored", "", {"split.folds": 3, "split.fold": 2}, {})
    assert cross_validations([plain, unscored]) == []


def test_the_command_for_missing_folds_sets_the_parameters_of_the_combination() -> None:
    text = command("mine", 3, [2], {"train.optimizer": "sgd", "seed": 8, "split.folds": 3})
    file = "conf/variant/mine.yaml:++"
    assert text.splitlines()[0] == (
        f"dvc exp run --queue -S '{file}split.folds=3' -S '{file}split.fold=2' "
        f"-S '{file}train.optimizer=\"sgd\"' -S 'seed=8' evaluate@mine"
    )


def sh(command: str) -> None:
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A repository with one variant whose stages take no time."""
    monkeypatch.chdir(tmp_path)
    Path("conf/variant").mkdir(parents=True)
    Path("conf/variant/mine.yaml").write_text(VARIANT)
    Path("stages.py").write_text(STAGES)
    Path("dvc.yaml").write_text(GRAPH)
    Path("params.yaml").write_text("variants: &all {mine: {}}\nall: *all\n")
    sh("git init -q -b main && dvc init -q && dvc repro && git add -A && git commit -q -m start")


@pytest.mark.build
def test_the_shown_command_runs_the_folds_and_a_failed_one_is_reported(scratch: None) -> None:
    runner = CliRunner()
    before = runner.invoke(app, ["folds", "mine"])
    assert before.exit_code == 3
    assert "no experiment of this commit is a fold" in before.stderr
    queue = next(line for line in before.stderr.splitlines() if line.startswith("dvc exp run --queue"))
    assert queue == command("mine").splitlines()[0]

    sh(queue.replace("=5'", "=3'").replace("=1,2,3,4,5'", "=1,3'"))
    subprocess.run(["dvc", "exp", "run", "--run-all"], capture_output=True)
    (found,) = json.loads(runner.invoke(app, ["folds", "mine", "--json"]).stdout)
    assert found["missing"] == [2, 3]
    (accuracy,) = found["estimates"]
    assert accuracy["values"] == {"1": pytest.approx(0.91)}

    output = runner.invoke(app, ["folds", "mine"]).output
    assert "0.91" in output
    assert "missing: fold 2, 3 of 3" in output
    assert "1 experiments of this commit failed or are not finished" in output


def test_an_unknown_variant_is_refused(scratch: None) -> None:
    result = CliRunner().invoke(app, ["folds", "yours"])
    assert result.exit_code == 2
    assert result.stderr == "error: yours: no such variant in params.yaml; it has mine\n"
