"""A repository with versions of small real models: rows of a table, pictures and sounds. Nothing is trained.

ball   rows       is the ball seen? with a numeric column `x` and a category `team`
shot   pictures   one of three strokes, by the mean colour
bird   sounds     one of two birds
"""

import hashlib
import io
import json
import subprocess
import wave
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from PIL import Image

from slipway import tasks
from slipway.frameworks.catboost.conversion.graph import DYNAMIC, Graph
from slipway.records.predictions import table
from slipway.records.release import SCHEMA
from slipway_edge.interpreter import Interpreter
from slipway_edge.log_mel import LogMel
from slipway_edge.predictor import golden_examples

ROWS = [{"x": 0.5, "team": "home"}, {"x": -1.25, "team": "away"}, {"x": 0.0, "team": "home"}]
NAMES = ("ball", "shot", "bird")
_CONFIG = "[core]\n    analytics = false\n    remote = store\n['remote \"store\"']\n    url = {}\n"
_SHARE = {"names": ["away", "home"], "positive": [0.2, 0.7], "common": [0.5, 0.5], "own": []}
_SOUND = {
    **{"sample_rate": 8000, "n_fft": 256, "hop": 128, "mels": 16, "window_seconds": 0.5, "overlap": 0.5},
    **{"fmin": 50, "fmax": 4000, "floor": -80, "ceiling": 0},
}


def git(root: Path, *arguments: str) -> str:
    """Run Git in `root` and return its output."""
    return subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True).stdout.strip()


def begin(root: Path) -> None:
    """Create an empty repository, whose DVC remote is the folder `store` next to it."""
    (root / ".dvc").mkdir(parents=True)
    git(root, "init", "-q", "-b", "main")
    (root / ".dvc" / "config").write_text(_CONFIG.format(root.parent / "store"))
    (root / ".dvc" / ".gitignore").write_text("/cache\n/tmp\n")
    (root / ".gitignore").write_text("*.tflite\n*.npz\n*.parquet\n/logs\n")
    (root / ".slipway").mkdir()
    (root / ".slipway" / "promoters").write_text("tester@example.org\n")


def rows(root: Path, slope: float = 4.0, verdict: str = "pass") -> None:
    """Write a build of `ball`: the probability is the logistic function of slope * x + the share of the team."""
    graph = Graph("rows", (DYNAMIC, 3))
    weighted = graph.add("MUL", [graph.input, np.float32([slope, 1, 0])], (DYNAMIC, 3))
    total = graph.add("SUM", [weighted, np.int32([1])], (DYNAMIC, 1), keepDims=True)
    model = graph.serialize(graph.add("LOGISTIC", [total], (DYNAMIC, 1)))
    data = {
        **{"target": "seen", "positive": "1", "name": "ball"},
        **{"numeric": ["x"], "categorical": ["team"], "derived": {}},
    }
    spec = {
        "objective": "binary",
        "classes": ["ball", "no ball"],
        "outputs": ["ball"],
        "input": {"shape": [3], "dtype": "float32", "names": ["x", "team share", "team frequency"]},
        "categories": {"team": _SHARE},
        "gaps": {"missing": [], "unseen": []},
        "threshold": 0.5,
    }
    inputs = np.float32([[0.5, 0.7, 0.5], [-1, 0.2, 0.5]])
    build(root, "ball", "tabular_classification", data, spec, model, inputs, verdict)


def pictures(root: Path, scale: float = 1e-4) -> None:
    """Write a build of `shot`: a score for each of three classes, by the sum of a colour."""
    graph = Graph("pictures", (DYNAMIC, 8, 8, 3))
    total = graph.add("SUM", [graph.input, np.int32([1, 2])], (DYNAMIC, 3))
    weighted = graph.add("MUL", [total, np.float32([scale, 2 * scale, 3 * scale])], (DYNAMIC, 3))
    model = graph.serialize(graph.add("LOGISTIC", [weighted], (DYNAMIC, 3)))
    classes = ["drive", "cut", "sweep"]
    spec = {
        "objective": "classes",
        "classes": classes,
        "outputs": classes,
        "input": {"shape": [8, 8, 3], "dtype": "uint8"},
    }
    inputs = np.random.default_rng(7).integers(0, 256, (2, 8, 8, 3), np.uint8)
    build(root, "shot", "image_classification", {"height": 8, "width": 8}, spec, model, inputs)


def sounds(root: Path, scale: float = 1e-5) -> None:
    """Write a build of `bird`: a score for each of two classes, by the sum of the spectrogram."""
    frames = LogMel.of(_SOUND).frames(_SOUND["window_seconds"])
    shape = (16, frames, 1)
    graph = Graph("sounds", (DYNAMIC, *shape))
    total = graph.add("SUM", [graph.input, np.int32([1, 2])], (DYNAMIC, 1))
    weighted = graph.add("MUL", [total, np.float32([scale, -scale])], (DYNAMIC, 2))
    model = graph.serialize(graph.add("LOGISTIC", [weighted], (DYNAMIC, 2)))
    classes = ["robin", "wren"]
    spec = {
        "objective": "classes",
        "classes": classes,
        "outputs": classes,
        "input": {"shape": list(shape), "dtype": "uint8"},
    }
    inputs = np.random.default_rng(7).integers(0, 256, (2, *shape), np.uint8)
    build(root, "bird", "audio_classification", _SOUND, spec, model, inputs)


def poses(root: Path) -> None:
    """Write a build of `pose`: three keypoints, where a colour of the crop is brightest."""
    graph = Graph("poses", (DYNAMIC, 16, 16, 3))
    cells = graph.add("RESHAPE", [graph.input, np.int32([-1, 4, 4, 4, 4, 3])], (DYNAMIC, 4, 4, 4, 4, 3))
    total = graph.add("SUM", [cells, np.int32([2, 4])], (DYNAMIC, 4, 4, 3))
    model = graph.serialize(graph.add("MUL", [total, np.float32([1 / 4080])], (DYNAMIC, 4, 4, 3)))
    spec = {
        "objective": "heatmaps",
        "outputs": ["nose", "hand", "foot"],
        "input": {"shape": [16, 16, 3], "dtype": "uint8"},
    }
    inputs = np.random.default_rng(7).integers(0, 256, (2, 16, 16, 3), np.uint8)
    data = {"height": 16, "width": 16, "margin": 0.1}
    build(root, "pose", "keypoint_detection", data, spec, model, inputs)


def demand(places: Sequence[str] = ("hall", "park"), hours: int = 24 * 7 * 6) -> list[dict[str, Any]]:
    """Return visitors by place and hour, as rows."""
    draw = np.random.default_rng(5)
    start = np.datetime64("2023-12-01T00")
    return [
        {
            "hour": str(start + np.timedelta64(hour, "h")).replace("T", " ") + ":00",
            "spot": place,
            "warmth": round(float(draw.normal(10, 5)), 1),
            "sky": str(draw.choice(["clear", "rain"])),
            "visitors": float(draw.poisson(30 * (number + 1) * (1.5 + np.sin(hour / 24 * 2 * np.pi)))),
        }
        for number, place in enumerate(places)
        for hour in range(hours)
    ]


def forecasts(root: Path) -> None:
    """Write a build of `demand`: visitors 24 hours ahead, by a sum of all features that are known."""
    data = {
        **{"target": "visitors", "time": "hour", "place": "spot", "country": "GB", "subdivision": "ENG"},
        **{"numeric": ["warmth"], "categorical": ["sky"]},
    }
    raw = root.parent / "raw"
    raw.mkdir()
    pd.DataFrame(demand()).to_csv(raw / "visitors.csv", index=False)
    task = tasks.load("tabular_regression", data)
    spec = task.specify(raw, task.index(raw).examples)
    shape = (DYNAMIC, *spec["input"]["shape"])
    graph = Graph("demand", shape)
    known = graph.add("NOT_EQUAL", [graph.input, graph.input], shape, np.bool_)
    features = graph.add("SELECT_V2", [known, np.zeros(shape[1:], np.float32), graph.input], shape)
    weights = np.random.default_rng(3).normal(scale=1e-3, size=shape[1:]).astype(np.float32)
    weighted = graph.add("MUL", [features, weights], shape)
    model = graph.serialize(graph.add("SUM", [weighted, np.int32([1])], (DYNAMIC, 1), keepDims=True))
    inputs = np.random.default_rng(7).normal(size=(2, *shape[1:])).astype(np.float32)
    build(root, "demand", "tabular_regression", data, spec, model, inputs)


def build(
    root: Path,
    variant: str,
    task: str,
    data: Mapping[str, Any],
    spec: Mapping[str, Any],
    model: bytes,
    inputs: np.ndarray,
    verdict: str = "pass",
) -> None:
    """Write what the stages would write: a model with golden examples, its record and its benchmark."""
    folder = root / "models" / variant
    files = {"model.tflite": model, "golden.npz": golden_examples(Interpreter(model), inputs)}
    counts = {"total": 2, "classes": {}}
    gate = {"verdict": verdict, "rules": []}
    record = {
        "schema": SCHEMA,
        "variant": variant,
        "task": task,
        "framework": "made",
        "profile": "smoke",
        "data": data,
        "spec": spec,
        "dataset": {"train": counts, "test": counts},
        "metrics": {"accuracy": {"value": 1.0}},
        "examples": 2,
        "groups": 2,
        "precision": "float32",
        "parity": {"agreement": 1.0},
        "gate": gate,
        "artifacts": {
            name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in files.items()
        },
        "lineage": {"params": "0" * 64},
    }
    single = {"single": {"1": {"p95": 1.0}}, "size_bytes": len(model)}
    benchmark = {"machine": {}, "metrics": {}, "models": {"model.tflite": single}, "gate": gate}
    for path, values in ((folder / "release.json", record), (root / "reports" / variant / "benchmark.json", benchmark)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))
    for name, content in files.items():
        (folder / name).write_bytes(content)
    params = root / "params" / f"{variant}.yaml"
    params.parent.mkdir(exist_ok=True)
    params.write_text(yaml.safe_dump({"register": {"name": f"{variant}_model"}}))


def tested(root: Path, variant: str, predictions: np.ndarray, groups: int = 40) -> None:
    """Write what the model of a build predicts [n, *p] for the test examples, which are in so many groups."""
    numbers = range(len(predictions))
    examples = pd.DataFrame(
        {"example": [f"e{one}" for one in numbers], "label": "", "group": [f"g{one % groups}" for one in numbers]}
    )
    outputs = json.loads((root / "models" / variant / "release.json").read_text())["spec"]["outputs"]
    path = root / "reports" / variant / "shipped.parquet"
    path.write_bytes(table(examples, np.zeros(len(predictions), np.int64), predictions, outputs))


def commit(root: Path, *, remote: bool = False) -> str:
    """Commit the builds; their files go to DVC's cache, or to its remote alone."""
    stages: dict[str, Any] = {}
    store = root.parent / "store" if remote else root / ".dvc" / "cache"
    for model in sorted((root / "models").glob("*/model.tflite")):
        outs = []
        shipped = root / "reports" / model.parent.name / "shipped.parquet"
        for path in (model, model.with_name("golden.npz"), *([shipped] if shipped.exists() else [])):
            content = path.read_bytes()
            md5 = hashlib.md5(content).hexdigest()
            outs.append({"path": str(path.relative_to(root)), "hash": "md5", "md5": md5, "size": len(content)})
            kept = store / "files" / "md5" / md5[:2] / md5[2:]
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_bytes(content)
        stages[f"convert-tflite@{model.parent.name}"] = {"cmd": "true", "outs": outs}
    (root / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": stages}))
    built = {model.parent.name: {"task": "any"} for model in (root / "models").glob("*/model.tflite")}
    (root / "params.yaml").write_text(yaml.safe_dump({"all": built}))
    git(root, "add", "--all")
    git(root, "commit", "-q", "--allow-empty", "-m", "build")  # of the same build, if only its files were lost
    return git(root, "rev-parse", "HEAD")


def register(root: Path, variant: str, version: str) -> None:
    """Make the commit a version."""
    git(root, "tag", "-a", f"{variant}@{version}", "-m", "register")


def assign(root: Path, variant: str, version: str, role: str, number: int) -> str:
    """Give a role to a version, as `slipway promote` does; return the name of the tag."""
    name = f"{variant}#{role}#{number}"
    git(root, "tag", "-a", name, f"{variant}@{version}^{{}}", "-m", "promote")
    return name


def build_version(root: Path, version: str, slope: float, verdict: str = "pass", *, remote: bool = False) -> None:
    """Build `ball`, commit it, and make it a version, which has no role."""
    rows(root, slope, verdict)
    commit(root, remote=remote)
    register(root, "ball", version)


def new_version(
    root: Path, version: str, number: int, slope: float, verdict: str = "pass", *, remote: bool = False
) -> None:
    """Build `ball` again, and give production to the new version with the assignment `number`."""
    build_version(root, version, slope, verdict, remote=remote)
    assign(root, "ball", version, "production", number)


def start_experiment(root: Path, name: str, definition: Mapping[str, Any]) -> bytes:
    """Commit an experiment, and start it with the next number; return its file."""
    path = root / "experiments" / f"{name}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump(dict(definition), sort_keys=False))
    git(root, "add", "experiments")
    git(root, "commit", "-q", "-m", f"experiment {name}")
    number = len(git(root, "tag", "--list", f"experiments/{name}/start-*").split()) + 1
    git(root, "tag", "-a", f"experiments/{name}/start-{number}", "-m", "start")
    return path.read_bytes()


def two_versions(root: Path) -> None:
    """Create a repository with two versions of `ball`, v1.0.0 in production and v1.1.0 in no role."""
    begin(root)
    build_version(root, "v1.0.0", 4.0)
    build_version(root, "v1.1.0", 8.0)
    assign(root, "ball", "v1.0.0", "production", 1)


def built(root: Path) -> None:
    """Create a repository in which v1.0.0 of each model is in production."""
    begin(root)
    rows(root)
    pictures(root)
    sounds(root)
    commit(root)
    for variant in NAMES:
        register(root, variant, "v1.0.0")
        assign(root, variant, "v1.0.0", "production", 1)


def picture(seed: int = 0, kind: str = "PNG") -> bytes:
    """Return an encoded picture."""
    pixels = np.random.default_rng(seed).integers(0, 256, (20, 30, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


def sound(seed: int = 0) -> bytes:
    """Return an encoded sound of a second and a half."""
    samples = np.random.default_rng(seed).normal(scale=3000, size=12_000).clip(-32768, 32767).astype("<i2")
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(samples.tobytes())
    return buffer.getvalue()
