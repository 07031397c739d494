"""A small repository with released models: real Git commits, real DVC files and real TFLite, but no training."""

import hashlib
import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from slipway import tasks
from slipway.data.shards import ShardWriter
from slipway.frameworks.catboost.conversion.graph import DYNAMIC, Graph
from slipway.gate import floors, verdict
from slipway.gate.contributions import Scored
from slipway.gate.rules import Gate
from slipway.metrics import losses
from slipway.records import predictions
from slipway.records.release import SCHEMA
from slipway.records.verdict import Verdict
from slipway_edge.interpreter import Interpreter
from slipway_edge.predictor import golden_examples

DATA = {
    **{"target": "seen", "positive": "1", "name": "ball", "group": "match", "example": "name"},
    **{"numeric": ["x"], "categorical": [], "derived": {}},  # as the compose stage writes them, with defaults
}
DEFAULT_GATE: Mapping[str, Any] = {
    "rules": {"accuracy": {"min": 0.5}, "latency_p95_ms": {"max": 100}},
    "baseline": {"overall": {"accuracy": {"most": 0.05}}},
}

WRITTEN = {
    "evaluate": ("reports/{}/predictions.parquet",),
    "convert-tflite": ("models/{}/model.tflite", "reports/{}/shipped.parquet"),
    "benchmark": ("reports/{}/benchmark.json",),
    "register": ("models/{}/release.json",),
}
"""Outputs of each stage; those of the first two are in DVC, the rest in Git."""


def git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def ship(variant: str, version: str, number: int = 1) -> None:
    """Register the commit as a version, and promote it to production."""
    for name in (f"{variant}@{version}", f"{variant}#production#{number}"):
        git("tag", "-a", name, "-m", "ship it")


def shipped(variant: str) -> None:
    """Create a repository in the working directory, with a variant whose first version is in production."""
    begin(variant)
    build(variant)
    commit("first")
    ship(variant, "v1.0.0")


def begin(*variants: str) -> None:
    """Create a repository with raw data in the working directory; its DVC remote is the folder `store`."""
    git("init", "-q", "-b", "main")
    subprocess.run(["dvc", "init", "-q"], check=True)
    subprocess.run(["dvc", "remote", "add", "-q", "-d", "store", "../store"], check=True)
    Path(".gitignore").write_text("/data\n/store\n*.parquet\n*.tflite\n*.npz\n")
    line = {"task": "tabular_classification", "framework": "catboost"}
    Path("params.yaml").write_text(yaml.safe_dump({"all": dict.fromkeys(variants, line), "variants": {}}))
    stages = {
        stage: {"foreach": "${all}", "do": {"cmd": "true", "outs": [path.format("${key}") for path in paths]}}
        for stage, paths in WRITTEN.items()
    }
    Path("dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
    for variant in variants:
        rows(variant)


def rows(variant: str, seed: int = 0, count: int = 400) -> None:
    """Write raw data in which `x` mostly predicts whether the ball was seen."""
    random = np.random.default_rng(seed)
    x = random.normal(size=count).round(6)
    table = pd.DataFrame(
        {
            "name": [f"row{seed}-{number:04d}" for number in range(count)],
            "match": [f"m{number // 4:03d}" for number in range(count)],
            "x": x,
            "seen": (x + random.normal(scale=0.5, size=count) > 0).astype(int),
        }
    )
    folder = Path("data/raw") / variant
    folder.mkdir(parents=True, exist_ok=True)
    table.to_csv(folder / "rows.csv", index=False)


def logistic(slope: float, offset: float = 0.0) -> bytes:
    """Return a TFLite model with one input: the probability is the logistic function of `slope * x + offset`."""
    graph = Graph("logistic", (DYNAMIC, 1))
    scaled = graph.add("MUL", [graph.input, np.float32([slope])], (DYNAMIC, 1))
    moved = graph.add("ADD", [scaled, np.float32([offset])], (DYNAMIC, 1))
    return graph.serialize(graph.add("LOGISTIC", [moved], (DYNAMIC, 1)))


def build(
    variant: str,
    slope: float = 4.0,
    offset: float = 0.0,
    *,
    gate: Mapping[str, Any] = DEFAULT_GATE,
    test: slice = slice(0, 400),
    machine: str = "one",
    latency: float = 1.0,
    converted: float = 0.0,
    golden: bool = False,
    model: bytes | None = None,
) -> None:
    """Write what the stages would write: a model, its predictions on the rows in `test`, its record and its benchmark.

    `converted`: the offset of the native model is smaller by this value. `golden`: with golden examples, so that a
    server takes it. `model`: another one than the logistic function of `slope` and `offset`.
    """
    raw, prepared = Path("data/raw") / variant, Path("data/prepared") / variant
    models, reports = Path("models") / variant, Path("reports") / variant
    for folder in (models, reports, Path("params")):
        folder.mkdir(parents=True, exist_ok=True)
    task = tasks.load("tabular_classification", DATA)
    examples = task.index(raw).examples.iloc[test].reset_index(drop=True)
    spec = {**task.specify(raw, examples), "threshold": 0.5}
    (encoded,) = task.encode(raw, examples, spec)
    shutil.rmtree(prepared, ignore_errors=True)
    writer = ShardWriter(prepared / "test")
    writer.append(encoded.inputs, encoded.targets)
    writer.close(examples)
    model = model or logistic(slope, offset)
    predicted = Interpreter(model)(encoded.inputs)
    (models / "model.tflite").write_bytes(model)
    shown = predictions.table(examples, encoded.targets, predicted, spec["outputs"])
    (reports / "shipped.parquet").write_bytes(shown)
    before = Interpreter(logistic(slope, offset - converted))(encoded.inputs)
    native = predictions.table(examples, encoded.targets, before, spec["outputs"])
    (reports / "predictions.parquet").write_bytes(native)

    params = {
        "data": DATA,
        "evaluate": {"confidence": 0.95, "resamples": 100},
        "gate": gate,
        "seed": 7,
        "task": "tabular_classification",
        "train": {"slope": slope},
    }
    (Path("params") / f"{variant}.yaml").write_text(yaml.safe_dump(params))
    new, draws = Scored(task, spec, *predictions.read(shown)), {**params["evaluate"], "seed": params["seed"]}
    old = Scored(task, spec, *predictions.read(native))
    same = losses.alike(old.predictions, new.predictions)
    scored = losses.measure(
        old.score, new.score, new.groups, new.contributions.members, task.metrics, same=same, **draws
    )
    metrics = scored.shipped
    rules = Gate(**gate)
    measured = {**metrics, "size_bytes": {"value": float(len(model))}}
    sizes = {"examples": len(examples), "groups": int(examples["group"].nunique())}
    judged = (
        *verdict.judge(rules.of_model, measured, scored.native, scored.lost, sizes, task.metrics).rules,
        *floors.judge(rules.of_model, new, **draws),
    )
    counts = {"total": len(examples), "classes": {"ball": 1, "not ball": 1}}
    record = {
        "schema": SCHEMA,
        "variant": variant,
        "task": "tabular_classification",
        "framework": "catboost",
        "profile": "smoke",
        "data": DATA,
        "spec": spec,
        "dataset": {"train": counts, "test": counts, "warnings": [], "quarantined": 0, "simulated": True},
        "metrics": metrics,
        **sizes,
        "precision": "float32",
        "parity": {"agreement": 1.0},
        "gate": Verdict.of(judged).to_json(),
        "artifacts": {"model.tflite": {"bytes": len(model), "sha256": hashlib.sha256(model).hexdigest()}},
        "lineage": {
            "raw": hashlib.md5((raw / "rows.csv").read_bytes()).hexdigest(),
            "params": hashlib.sha256((Path("params") / f"{variant}.yaml").read_bytes()).hexdigest(),
        },
    }
    if golden:
        content = golden_examples(Interpreter(model), encoded.inputs[:2])
        (models / "golden.npz").write_bytes(content)
        hashed = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        record["artifacts"]["golden.npz"] = hashed
    (models / "release.json").write_text(json.dumps(record))
    (models / "card.md").write_text(f"# {variant}\n")
    timed = {f"latency_{name}_ms": {"value": latency} for name in ("mean", "p50", "p95", "p99")}
    times = {name.removeprefix("latency_"): latency for name in timed}
    single = {"single": {"1": times}, "size_bytes": len(model)}
    benchmark = {
        "machine": {"processor": machine},
        "metrics": timed,
        "models": {"model.tflite": single, "float.tflite": single, "native": single},
        "gate": verdict.judge(rules.of_machine, timed).to_json(),
    }
    (reports / "benchmark.json").write_text(json.dumps(benchmark))
    lock()


def older(record: Mapping[str, Any], schema: int) -> dict[str, Any]:
    """Return a record in the form of an earlier schema."""
    lineage = {**record["lineage"], "code": "0" * 64, "requirements.lock": "1" * 64}
    if (base := lineage.pop("started_from", None)) is not None:
        lineage["started from"] = base
    rules = record["gate"]["rules"]
    if schema == 1:
        rules = [{key: one for key, one in rule.items() if key not in ("kind", "of", "relative")} for rule in rules]
    return {**record, "schema": schema, "lineage": lineage, "gate": {**record["gate"], "rules": rules}}


def lock() -> None:
    """Write dvc.lock for the current build, as `dvc commit` does."""
    stages = {}
    for model in sorted(Path("models").glob("*/model.tflite")):
        variant = model.parent.name
        for stage, paths in WRITTEN.items():
            outs = [_hashed(path.format(variant)) for path in paths]
            if stage == "convert-tflite":
                outs += [_hashed(str(path)) for path in model.parent.glob("golden.npz")]
            deps = [_hashed(str(model))] if stage in ("benchmark", "register") else []
            stages[f"{stage}@{variant}"] = {"cmd": "true", "deps": deps, "outs": outs}
    Path("dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": stages}))


def _hashed(path: str) -> dict[str, Any]:
    content = Path(path).read_bytes()
    return {"path": path, "hash": "md5", "md5": hashlib.md5(content).hexdigest(), "size": len(content)}


def commit(message: str, store: Path = Path(".dvc/cache")) -> str:
    """Commit the build: outputs of DVC go to `store`, their hashes to dvc.lock."""
    lock()
    for model in Path("models").glob("*/model.tflite"):
        written = [path.format(model.parent.name) for path in (*WRITTEN["evaluate"], *WRITTEN["convert-tflite"])]
        for path in (*written, *map(str, model.parent.glob("golden.npz"))):
            out = _hashed(path)
            kept = store / "files" / "md5" / out["md5"][:2] / out["md5"][2:]
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(out["path"], kept)
    git("add", ".")
    git("commit", "-q", "-m", message)
    return git("rev-parse", "HEAD")
