"""Repositories with complete releases of a small real model: what the stages write, without training.

`ball` says whether the ball is seen: the logistic function of slope * x + the share of the team. A workshop builds it,
and a registry has the same variant and rules, another DVC remote and, at first, no version.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from serving.house import git
from slipway import tasks
from slipway.frameworks.catboost.conversion.graph import DYNAMIC, Graph
from slipway.gate import verdict
from slipway.gate.contributions import Scored
from slipway.gate.rules import Gate
from slipway.metrics import losses
from slipway.records import predictions
from slipway.records.release import SCHEMA
from slipway_edge.interpreter import Interpreter
from slipway_edge.predictor import golden_examples

VARIANT = "ball"
TASK = "tabular_classification"
CODE = "c0de" * 16
EXAMPLES = 100
DATA: Mapping[str, Any] = {
    **{"target": "seen", "positive": "1", "name": "ball", "group": "match"},
    **{"numeric": ["x"], "categorical": ["team"], "derived": {}},
}
SPEC: Mapping[str, Any] = {
    "objective": "binary",
    "classes": ["ball", "no ball"],
    "outputs": ["ball"],
    "input": {"shape": [3], "dtype": "float32", "names": ["x", "team share", "team frequency"]},
    "categories": {"team": {"names": ["away", "home"], "positive": [0.2, 0.7], "common": [0.5, 0.5], "own": []}},
    "gaps": {"missing": [], "unseen": []},
    "threshold": 0.5,
}
PARAMS: Mapping[str, Any] = {
    "data": DATA,
    "evaluate": {"resamples": 100, "confidence": 0.95},
    "gate": {
        "rules": {"accuracy": {"min": 0.8}, "latency_p95_ms": {"max": 100}},
        "conversion": {"accuracy": {"most": 0.05}},
    },
    "register": {"name": "ball_model", "description": "Made up."},
    "seed": 7,
    "task": TASK,
    "train": {"learning_rate": 0.1},
}
_CONFIG = "[core]\n    analytics = false\n    remote = store\n['remote \"store\"']\n    url = {}\n"
_DVC = """\
artifacts:
  ball: {path: models/ball/model.tflite}
stages:
  convert-tflite:
    foreach: ${all}
    do:
      cmd: make-it ${key}
      outs:
      - models/${key}/model.tflite
      - models/${key}/golden.npz
      - reports/${key}/shipped.parquet
  evaluate:
    foreach: ${all}
    do:
      cmd: score-it ${key}
      outs:
      - reports/${key}/predictions.parquet
"""


def begin(root: Path) -> Path:
    """Create a repository that has the variant and no build of it; its DVC remote is the folder `store` next to it."""
    (root / ".dvc").mkdir(parents=True)
    git(root, "init", "-q", "-b", "main")
    (root / ".dvc" / "config").write_text(_CONFIG.format(root.parent / "store"))
    (root / ".dvc" / ".gitignore").write_text("/config.local\n/tmp\n/cache\n")
    (root / ".gitignore").write_text("*.tflite\n*.npz\n*.parquet\n*.tar\n")
    (root / "dvc.yaml").write_text(_DVC)
    (root / "params.yaml").write_text(yaml.safe_dump({"all": {VARIANT: {"task": TASK}, "shot": {"task": "any"}}}))
    (root / "params").mkdir()
    (root / "params" / f"{VARIANT}.yaml").write_text(yaml.safe_dump(dict(PARAMS)))
    (root / "code.py").write_text("print('of this repository')\n")
    git(root, "add", "--all")
    git(root, "commit", "-q", "-m", "A variant")
    return root


def with_remote(root: Path) -> Path:
    """Give a repository an empty Git remote next to it, push to it, and return the remote."""
    remote = root.parent / "remote.git"
    git(root.parent, "init", "-q", "--bare", "-b", "main", str(remote))
    git(root, "remote", "add", "origin", str(remote))
    git(root, "push", "-q", "origin", "main")
    return remote


def build(root: Path, slope: float = 4.0, *, wrong: int = 0, params: Mapping[str, Any] = PARAMS) -> str:
    """Build the model, which is wrong on so many test examples, and return the commit; its bytes are in DVC's cache."""
    tflite = model(slope)
    interpreter = Interpreter(tflite)
    golden = golden_examples(interpreter, np.float32([[0.5, 0.7, 0.5], [-1, 0.2, 0.5]]))
    inputs = np.float32([[1 if number % 2 else -1, 0.7, 0.5] for number in range(EXAMPLES)])
    targets = np.arange(EXAMPLES) % 2
    targets[:wrong] = 1 - targets[:wrong]
    examples = pd.DataFrame(
        {
            "example": [f"e{number:03d}" for number in range(EXAMPLES)],
            "group": [str(number) for number in range(EXAMPLES)],
            "label": ["ball" if target else "no ball" for target in targets],
        }
    )
    outputs = interpreter(inputs)
    parquet = predictions.table(examples, targets, outputs, SPEC["outputs"])
    resolved = yaml.safe_dump(dict(params)).encode()
    files = {"model.tflite": tflite, "golden.npz": golden}
    artifacts = {name: _described(content) for name, content in files.items()}
    record, benchmark = _judged(examples, targets, outputs, artifacts, resolved, params)
    card = b"# ball\n\nMade up.\n"
    written = {
        "evaluate": {f"reports/{VARIANT}/predictions.parquet": parquet},
        "convert-tflite": {
            **{f"models/{VARIANT}/{name}": content for name, content in files.items()},
            f"reports/{VARIANT}/shipped.parquet": parquet,
        },
        "benchmark": {f"reports/{VARIANT}/benchmark.json": _json(benchmark)},
        "register": {f"models/{VARIANT}/release.json": _json(record), f"models/{VARIANT}/card.md": card},
    }
    used = [{"path": f"models/{VARIANT}/model.tflite", "hash": "md5", "md5": _md5(tflite)}]
    stages: dict[str, Any] = {
        f"{stage}@{VARIANT}": {
            "cmd": "echo this could be any command",
            "deps": used if stage in ("benchmark", "register") else [],
            "params": {"params/code.yaml": {stage: CODE}},
            "outs": [
                {"path": path, "hash": "md5", "md5": _md5(content), "size": len(content)}
                for path, content in outs.items()
            ],
        }
        for stage, outs in written.items()
    }
    native = {"path": f"models/{VARIANT}/native", "hash": "md5", "md5": "1" * 32 + ".dir"}
    stages[f"train@{VARIANT}"] = {"cmd": "train", "params": {"params/code.yaml": {"train": CODE}}, "outs": [native]}
    for outs in written.values():
        for path, content in outs.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content)
            kept = root / ".dvc" / "cache" / "files" / "md5" / _md5(content)[:2] / _md5(content)[2:]
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_bytes(content)
    (root / "params" / f"{VARIANT}.yaml").write_bytes(resolved)
    (root / "requirements").mkdir(exist_ok=True)
    (root / "requirements" / "build.lock").write_text("numpy==2\n")
    (root / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": stages}))
    git(root, "add", "--all")
    git(root, "commit", "-q", "-m", "Build")
    return git(root, "rev-parse", "HEAD")


def _judged(
    examples: pd.DataFrame,
    targets: np.ndarray,
    outputs: np.ndarray,
    artifacts: Mapping[str, Any],
    resolved: bytes,
    params: Mapping[str, Any],
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The record and the benchmark, as the stages judge them."""
    gate, draws = Gate(**params["gate"]), {**params["evaluate"], "seed": params["seed"]}
    scored = Scored(tasks.load(TASK, DATA), dict(SPEC), examples, targets, outputs)
    declared = scored.task.metrics
    measured = losses.measure(
        *(scored.score, scored.score, scored.groups, scored.contributions.members, declared),
        same=losses.alike(outputs, outputs),
        **draws,
    )
    size = artifacts["model.tflite"]["bytes"]
    figures = {**measured.shipped, "size_bytes": {"value": float(size)}}
    counts = {"examples": EXAMPLES, "groups": EXAMPLES}
    judged = verdict.judge(gate.of_model, figures, measured.native, measured.lost, counts, declared)
    times = {f"latency_{one}_ms": 2.0 for one in ("mean", "p50", "p95", "p99")}
    timed = {metric: {"value": value} for metric, value in times.items()}
    single = {metric.removeprefix("latency_"): value for metric, value in times.items()}
    record = {
        "schema": SCHEMA,
        "variant": VARIANT,
        "task": TASK,
        "framework": "made",
        "profile": "smoke",
        "data": DATA,
        "spec": SPEC,
        "dataset": {"train": {"total": 100}, "test": {"total": EXAMPLES}},
        "precision": "float32",
        "confidence": 0.95,
        "metrics": measured.shipped,
        "examples": EXAMPLES,
        "groups": EXAMPLES,
        "parity": {"agreement": 1.0},
        "gate": judged.to_json(),
        "artifacts": artifacts,
        "lineage": {"raw": "raw", "prepared": "prepared", "params": hashlib.sha256(resolved).hexdigest()},
    }
    benchmark = {
        "machine": {"processor": "one"},
        "models": {
            "model.tflite": {
                "single": {"1": single},
                "size_bytes": size,
                "sha256": artifacts["model.tflite"]["sha256"],
            }
        },
        "gate": verdict.judge(gate.of_machine, timed).to_json(),
        "metrics": timed,
    }
    return record, benchmark


def model(slope: float) -> bytes:
    """Return the model."""
    graph = Graph("rows", (DYNAMIC, 3))
    weighted = graph.add("MUL", [graph.input, np.float32([slope, 1, 0])], (DYNAMIC, 3))
    total = graph.add("SUM", [weighted, np.int32([1])], (DYNAMIC, 1), keepDims=True)
    return graph.serialize(graph.add("LOGISTIC", [total], (DYNAMIC, 1)))


def _described(content: bytes) -> dict[str, Any]:
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def _json(values: Mapping[str, Any]) -> bytes:
    return (json.dumps(values, sort_keys=True, indent=1) + "\n").encode()
