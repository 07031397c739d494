"""The code on a model card runs as it is pasted: of every released variant, and of every task.

The records are those of the repository. Models of the same shapes stand for the released ones, whose bytes need not be
on this machine; tests/edge/test_wheel.py runs the cards of real models.
"""

import contextlib
import copy
import hashlib
import io
import json
import pkgutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml
from PIL import Image
from typer.testing import CliRunner

from conftest import ROOT
from slipway import tasks
from slipway.cli.app import app
from slipway.core.config import Register
from slipway.core.protocol import Task
from slipway.data.rows.columns import Columns
from slipway.frameworks.catboost.conversion.graph import DYNAMIC, Graph
from slipway.records.release import Record
from slipway.release import card
from slipway_edge.interpreter import Interpreter
from slipway_edge.predictor import golden_examples
from slipway_edge.rows.encoding import PARTS

RECORDS = {path.parent.name: json.loads(path.read_text()) for path in sorted(ROOT.glob("models/*/release.json"))}

EXACT = ("base-ad-detector", "handball-ball", "handball-context", "handball-pose")
"""A variant of each task of which a golden input can be turned into an example: no sound, and no history."""


def derived(task: str, spec: dict[str, Any], shares: int) -> dict[str, Any]:
    """The record of a table, as one of another task for rows; a category is encoded by this number of shares."""
    record = copy.deepcopy(RECORDS["handball-context"])
    data = {name: value for name, value in record["data"].items() if name in Columns.model_fields}
    data |= {"dates": ["day"], "numeric": data["numeric"][:2], "categorical": ["period", "p1_event"], "derived": {}}
    categories = {name: record["spec"]["categories"][name] for name in data["categorical"]}
    if shares > 1:
        categories = {name: {**one, "positive": [one["positive"]] * shares} for name, one in categories.items()}
    width = 2 + len(PARTS) + sum(shares + 1 + len(one["own"]) for one in categories.values())
    names = [f"feature {number}" for number in range(width)]
    encoded = {"input": {"shape": [width], "dtype": "float32", "names": names}, "categories": categories}
    return {**record, "task": task, "data": data, "spec": {**record["spec"], **encoded, **spec}}


def labelled(variant: str, task: str) -> dict[str, Any]:
    """The record of a classifier, as one of a task with several labels."""
    record = copy.deepcopy(RECORDS[variant])
    spec = {**record["spec"], "objective": "multilabel", "threshold": [0.5] * len(record["spec"]["outputs"])}
    return {**record, "task": task, "spec": spec}


OTHERS = [
    labelled("base-ad-detector", "image_multilabel"),
    labelled("wildlife-detector", "audio_multilabel"),
    derived("tabular_multiclass", {"outputs": ["hand", "foot", "head"]}, 3),
    derived("row_regression", {"outputs": ["label"], "spread": {"relative": True, "low": -0.1, "high": 0.2}}, 1),
]
"""Records of the tasks of which no variant is released."""


def model(shape: tuple[int, ...], outputs: tuple[int, ...]) -> bytes:
    """A model that returns some of its inputs, divided by 255; 0 where they are missing."""
    graph, count = Graph("some inputs", (DYNAMIC, *shape)), int(np.prod(shape))
    flat = graph.add("RESHAPE", [graph.input, np.array([-1, count], np.int32)], (DYNAMIC, count))
    missing = graph.add("NOT_EQUAL", [flat, flat], (DYNAMIC, count), np.bool_)
    known = graph.add("SELECT_V2", [missing, np.zeros((1, count), np.float32), flat], (DYNAMIC, count))
    scaled = graph.add("MUL", [known, np.full(1, 1 / 255, np.float32)], (DYNAMIC, count))
    some = np.arange(np.prod(outputs), dtype=np.int32) % count
    chosen = graph.add("GATHER", [scaled, some], (DYNAMIC, len(some)), axis=1)
    return graph.serialize(graph.add("RESHAPE", [chosen, np.array([-1, *outputs], np.int32)], (DYNAMIC, *outputs)))


def shape_of_outputs(spec: dict[str, Any]) -> tuple[int, ...]:
    """The shape of a model's output for an example: heat maps, or a value for each class or target."""
    height, width, *_ = (*spec["input"]["shape"], 0)
    if "heatmap" in spec:
        return height // 4, width // 4, 5
    return (height // 4, width // 4, len(spec["outputs"])) if "skeleton" in spec else (len(spec["outputs"]),)


def golden(task: Task, record: dict[str, Any]) -> np.ndarray:
    """The input of one example."""
    data, spec = record["data"], record["spec"]
    shape = spec["input"]["shape"]
    if len(shape) == 3:
        return np.random.default_rng(0).integers(0, 256, (1, *shape)).astype(np.uint8)
    row = dict.fromkeys(data["numeric"], 2019.5) | dict.fromkeys(data.get("dates", ()), "2024-05-01 12:00")
    for name in data["categorical"]:
        known = spec["categories"][name]
        row[name] = (known["names"] if isinstance(known, dict) else known)[0]
    if "place" in data:
        row |= {data["time"]: "2024-05-01 12:00", data["place"]: spec["places"][0], data["target"]: None}
    inputs, _ = task.preprocess([row], spec)
    return inputs


def release(folder: Path, record: dict[str, Any], example: bool = True) -> str:
    """Write a release with the given record and a card into models/<variant> of a folder; return the card."""
    task, variant = tasks.load(record["task"], record["data"]), record["variant"]
    content = model(tuple(record["spec"]["input"]["shape"]), shape_of_outputs(record["spec"]))
    inputs = golden(task, record)
    interpreter = Interpreter(content)
    artifacts = {"model.tflite": content, "golden.npz": golden_examples(interpreter, inputs)}
    described = {
        name: {"sha256": hashlib.sha256(one).hexdigest(), "bytes": len(one)} for name, one in artifacts.items()
    }
    record = {**record, "artifacts": described}
    models = folder / "models" / variant
    models.mkdir(parents=True)
    for name, one in artifacts.items():
        (models / name).write_bytes(one)
    (models / "release.json").write_text(json.dumps(record))
    (folder / "params.yaml").write_text(yaml.safe_dump({"all": {variant: {"task": record["task"]}}}))
    made = Record.model_validate_json(json.dumps({**record, "schema": 3}))
    settings = Register(name="model", description="A model.", example=example)
    return card.card(made, task, (inputs, interpreter(inputs)), settings)


def run(text: str) -> dict[str, Any]:
    """Run the Python on a card; return its variables, and under `printed` what it prints."""
    (code,) = (block.partition("```")[0] for block in text.split("```python\n")[1:])
    found: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(compile(code, "card", "exec"), found)
    return {**found, "printed": out.getvalue()}


def write(example: Any, path: Path) -> None:
    """Write an example to the file of the command line."""
    match path.suffix:
        case ".csv":
            pd.DataFrame(example if isinstance(example, list) else [example]).to_csv(path, index=False)
        case ".wav":
            soundfile.write(path, *example)
        case ".jpg":
            Image.fromarray(example[0] if isinstance(example, tuple) else example).save(path)


def check(record: dict[str, Any], folder: Path, example: bool = True) -> None:
    text = release(folder, record, example)
    found = run(text)
    assert found["printed"].strip() not in ("", "[]", "None")
    (command,) = (block.partition("\n")[0] for block in text.split("```sh\n")[1:])
    program, *arguments = command.split()
    assert program == "slipway"
    write(found["example"], folder / arguments[-1])
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines and all("prediction" in line for line in lines)


@pytest.mark.parametrize("variant", RECORDS)
def test_the_code_on_the_card_of_a_variant_runs(variant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    check(RECORDS[variant], tmp_path)


@pytest.mark.parametrize("record", OTHERS, ids=lambda record: record["task"])
def test_the_code_on_a_card_of_every_other_task_runs(
    record: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    check(record, tmp_path)


@pytest.mark.parametrize(
    "record", [RECORDS["demand-predictor"], RECORDS["handball-pose"], *OTHERS], ids=lambda record: record["task"]
)
def test_the_code_on_a_card_without_data_runs_too(
    record: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    check(record, tmp_path, example=False)


def test_no_task_is_left_out() -> None:
    known = {module.name for module in pkgutil.iter_modules(tasks.__path__)}
    assert {record["task"] for record in [*RECORDS.values(), *OTHERS]} == known, "add a record to OTHERS"


@pytest.mark.parametrize(
    "record",
    [*(RECORDS[name] for name in EXACT), *(one for one in OTHERS if "sample_rate" not in one["spec"]["input"])],
    ids=lambda record: f"{record['variant']} {record['task']}",
)
def test_the_example_on_a_card_is_a_golden_example(
    record: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    example = run(release(tmp_path, record))["example"]
    task = tasks.load(record["task"], record["data"])
    inputs, _ = task.preprocess([example], record["spec"])
    np.testing.assert_array_equal(inputs, golden(task, record))
