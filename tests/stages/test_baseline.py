"""Plain baselines: each script learns from a few prepared examples, and writes scores that its predictions support."""

import ast
import json
import math
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml
from PIL import Image

from conftest import ROOT
from slipway import tasks
from slipway.cli import suitable
from slipway.core import source
from slipway.core import spec as specs
from slipway.core.config import Checks, Split
from slipway.core.errors import ConfigError, DataError
from slipway.data import preparation
from slipway.gate.contributions import Scored
from slipway.records import plain_baseline, predictions
from slipway.stages import code
from stick_figures import NAMES, figures

SCRIPTS = ROOT / "benchmarks" / "baselines"
SIZE = {"height": 32, "width": 32}
TONES = {"high": 3000, "low": 300}
COLOURS = {"blue": (40, 40, 220), "red": (220, 40, 40)}


def _inside(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def pictures(folder: Path) -> dict[str, Any]:
    """Red and blue pictures, in a folder for each."""
    for number in range(30):
        for name, colour in COLOURS.items():
            shade = np.random.default_rng([number, len(name)]).integers(0, 30, (32, 32, 3)) + colour
            Image.fromarray(shade.clip(0, 255).astype(np.uint8)).save(_inside(folder / name / f"{number}.png"))
    return SIZE


def labels(folder: Path) -> dict[str, Any]:
    """Pictures with a red half, a blue half, both, or none."""
    rows = ["path,labels"]
    for number in range(80):
        shade = np.random.default_rng(number).integers(0, 60, (32, 32, 3))
        has = [name for at, name in enumerate(COLOURS) if number >> at & 1]
        for at, name in enumerate(COLOURS):
            shade[:, 16 * at : 16 * at + 16] += (np.array(COLOURS[name]) * (name in has)) // 2
        Image.fromarray(shade.astype(np.uint8)).save(_inside(folder / f"{number}.png"))
        rows.append(f"{number}.png,{'|'.join(has)}")
    (folder / "metadata.csv").write_text("\n".join(rows) + "\n")
    return SIZE | {"separator": "|"}


def _clip(number: int, names: list[str]) -> np.ndarray:
    noise = np.random.default_rng(number).normal(scale=0.01, size=4000)
    return noise + sum(0.2 * np.sin(2 * np.pi * TONES[name] * np.arange(4000) / 8000) for name in names)


SOUND = {"sample_rate": 8000, "window_seconds": 0.4, "n_fft": 512, "hop": 256, "mels": 16, "fmax": 4000.0}


def sounds(folder: Path) -> dict[str, Any]:
    """High and low tones, in a folder for each."""
    for number in range(30):
        for name in TONES:
            soundfile.write(_inside(folder / name / f"{number}.wav"), _clip(number, [name]), 8000)
    return SOUND


def chords(folder: Path) -> dict[str, Any]:
    """High tones, low tones, both, or none."""
    rows = ["path,labels"]
    for number in range(60):
        has = [name for at, name in enumerate(TONES) if number >> at & 1]
        soundfile.write(_inside(folder / f"{number}.wav"), _clip(number, has), 8000)
        rows.append(f"{number}.wav,{'|'.join(has)}")
    (folder / "metadata.csv").write_text("\n".join(rows) + "\n")
    return SOUND | {"separator": "|"}


def objects(folder: Path) -> dict[str, Any]:
    """A bright square on a dark picture, of one of two colours; a label of YOLO for each."""
    for number in range(48):
        random = np.random.default_rng(number)
        picture, kind = random.integers(0, 40, (64, 64, 3), np.uint8), number % 2
        left, top = random.integers(4, 44, 2).tolist()
        picture[top : top + 16, left : left + 16] = list(COLOURS.values())[kind]
        Image.fromarray(picture).save(_inside(folder / f"images/{number}.png"))
        label = f"{kind} {(left + 8) / 64} {(top + 8) / 64} 0.25 0.25\n"
        _inside(folder / f"labels/{number}.txt").write_text(label)
    return {"height": 64, "width": 64, "classes": ["blue", "red"]}


def persons(folder: Path) -> dict[str, Any]:
    """Stick figures."""
    figures(folder, pictures=40)
    return {"height": 64, "width": 48, "keypoints": NAMES}


def _table(folder: Path, target: Callable[[np.ndarray], Any]) -> dict[str, Any]:
    random = np.random.default_rng(5)
    size = random.normal(size=200)
    kind = np.array(["a", "b", None], dtype=object)[random.integers(0, 3, 200)]
    shown = pd.DataFrame({"size": size, "kind": kind, "answer": target(size + 2 * (kind == "a"))})
    shown.to_csv(_inside(folder / "rows.csv"), index=False)
    return {"target": "answer", "numeric": ["size"], "categorical": ["kind"], "rare": 1}


def rows(folder: Path) -> dict[str, Any]:
    """Rows that are positive where a number and a category make them large."""
    return _table(folder, lambda value: value > 0.5) | {"positive": "True", "name": "large", "threshold": "accuracy"}


def classes(folder: Path) -> dict[str, Any]:
    """Rows of three classes."""
    return _table(folder, lambda value: np.array(["x", "y", "z"])[np.digitize(value, [0, 1.5])])


def numbers(folder: Path) -> dict[str, Any]:
    """Rows with a number to predict."""
    return _table(folder, lambda value: 10 + value)


def series(folder: Path) -> dict[str, Any]:
    """The daily values of two places, which repeat every week."""
    days = pd.date_range("2023-01-01", periods=120)
    table = pd.concat(
        pd.DataFrame({"day": days.strftime("%Y-%m-%d"), "place": place, "visits": times * (5 + days.day_of_week)})
        for place, times in (("north", 1), ("south", 3))
    )
    table.to_csv(_inside(folder / "visits.csv"), index=False)
    return {"target": "visits", "time": "day", "place": "place", "step": "1d", "quantiles": [0.1, 0.5, 0.9]}


MADE: dict[str, tuple[Callable[[Path], dict[str, Any]], float]] = {
    "image_classification": (pictures, 0.9),
    "image_multilabel": (labels, 0.8),
    "audio_classification": (sounds, 0.9),
    "audio_multilabel": (chords, 0.9),
    "object_detection": (objects, 0.5),
    "keypoint_detection": (persons, 0.5),
    "tabular_classification": (rows, 0.9),
    "tabular_multiclass": (classes, 0.8),
    "row_regression": (numbers, 0.5),
    "tabular_regression": (series, 1.0),
}
"""A maker of raw data for each task, which returns its section `data`; and the worst value of the main metric."""


def run(task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a script as its command line does, without a new process."""
    known = set(sys.modules)
    monkeypatch.syspath_prepend(str(SCRIPTS))
    monkeypatch.setattr(sys, "argv", [f"{task}.py", "own"])
    runpy.run_path(str(SCRIPTS / f"{task}.py"), run_name="__main__")
    for name in {path.stem for path in SCRIPTS.glob("*.py")} - known:
        sys.modules.pop(name, None)


@pytest.mark.build
@pytest.mark.parametrize("task", MADE)
def test_the_plain_baseline_of_a_task_learns_and_keeps_what_supports_its_scores(
    task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    make, least = MADE[task]
    section = make(tmp_path / "data/raw/own")
    loaded, split = tasks.load(task, section), Split(by="time" if make is series else "group", calibration=10)
    prepared, reports = Path("data/prepared/own"), Path("reports/own")
    preparation.prepare(loaded, Path("data/raw/own"), prepared, reports / "dataset.json", split, Checks(), 1)
    _inside(Path("params/own.yaml")).write_text(yaml.safe_dump({"task": task, "data": section, "seed": 3}))
    run(task, monkeypatch)
    content = (reports / plain_baseline.FILE).read_bytes()
    made = plain_baseline.read(content, "baseline.json")
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == json.loads(content)
    assert (made.task, made.metric, made.seed) == (task, loaded.headline[0], 3) and made.seconds > 0
    assert made.value is not None
    assert made.value < least if loaded.metrics[made.metric].lower_is_better else made.value > least
    kept = predictions.read((reports / plain_baseline.PREDICTIONS).read_bytes())
    score = Scored(loaded, {**specs.prepared(prepared), **made.point}, *kept).score()
    for name, value in made.metrics.items():
        assert (value is None) == (not math.isfinite(score[name]))
        assert value is None or value == pytest.approx(score[name], abs=1e-5)


def test_every_task_of_slipway_new_has_a_plain_baseline_of_under_50_lines() -> None:
    for task in suitable.known():
        assert len((SCRIPTS / f"{task}.py").read_text().splitlines()) < 50
    assert set(MADE) == set(suitable.known())


def test_the_digest_of_a_baseline_covers_what_its_script_imports() -> None:
    for task in suitable.known():
        covered = {path.resolve() for path in source.files(code.roots("baseline", task=task))}
        for module in _imports(SCRIPTS / f"{task}.py"):
            if module.startswith("slipway"):
                paths = source.files([module])
                assert {path.resolve() for path in paths} <= covered, f"{task}: {module}"


def _imports(path: Path) -> set[str]:
    """The modules that a script imports, also by the scripts next to it."""
    found = {node.module for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)}
    beside = [SCRIPTS / f"{name}.py" for name in found if (SCRIPTS / f"{name}.py").exists()]
    return {name for name in found if name}.union(*map(_imports, beside))


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("row_regression", "data/prepared/own: no such folder; run `dvc repro prepare@own`"),
        ("tabular_multiclass", "params.yaml: baselines.own is tabular_multiclass, and its task is row_regression"),
    ],
)
def test_without_its_data_or_for_another_task_it_says_what_is_wrong(
    script: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    _inside(Path("params/own.yaml")).write_text("{task: row_regression, data: {}, seed: 1}")
    with pytest.raises(SystemExit) as ended:
        run(script, monkeypatch)
    assert ended.value.code in (ConfigError.exit_code, DataError.exit_code)
    assert message in capsys.readouterr().err
