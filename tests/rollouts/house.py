"""A repository with versions of a small real model that may be promoted: their figures follow from predictions.

The model says whether the ball is seen: the logistic function of slope * x. A `faulty` one gives NaN where x is 0.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from serving.house import begin, git, register
from slipway import tasks
from slipway.frameworks.catboost.conversion.graph import DYNAMIC, Graph
from slipway.gate import verdict
from slipway.gate.contributions import Scored
from slipway.gate.rules import Gate
from slipway.gate.verdict import Measured
from slipway.records import predictions
from slipway.records.release import SCHEMA
from slipway.statistics import intervals
from slipway_edge.interpreter import Interpreter
from slipway_edge.predictor import golden_examples

VARIANT = "ball"
ROW = {"x": 0.5}
FAILING = {"x": 0.0}
"""A row for which a faulty version fails."""
_TASK = "tabular_classification"
_DATA = {"target": "seen", "positive": "1", "name": "seen", "group": "match"}
_DATA |= {"numeric": ["x"], "categorical": [], "derived": {}}
_SPEC = {
    "objective": "binary",
    "classes": ["seen", "not seen"],
    "outputs": ["seen"],
    "input": {"shape": [1], "dtype": "float32", "names": ["x"]},
    "categories": {},
    "gaps": {"missing": [], "unseen": []},
    "threshold": 0.5,
}
_EXAMPLES = 100


def built(root: Path, *faulty: bool) -> None:
    """Create a repository: v1.0.0 is sound and in production; v2.0.0 and later are faulty or not, as told."""
    begin(root)
    for number, broken in enumerate((False, *faulty), start=1):
        release(root, f"v{number}.0.0", slope=4.0 * number, faulty=broken)
    git(root, "tag", "-a", f"{VARIANT}#production#1", f"{VARIANT}@v1.0.0^{{}}", "-m", "promote")


def copied(root: Path, folder: Path) -> Path:
    """Copy a repository and its DVC remote into a folder, and return the path of the copy."""
    copy = Path(shutil.copytree(root, folder / "repository"))
    config = copy / ".dvc" / "config"
    config.write_text(config.read_text().replace(str(root.parent / "store"), str(folder / "store")))
    shutil.copytree(root.parent / "store", folder / "store")
    return copy


def release(root: Path, version: str, slope: float, *, faulty: bool = False, wrong: int = 5) -> None:
    """Build and commit a version; `wrong` of its 100 test predictions are."""
    model = _model(slope, faulty)
    inputs = np.float32([[0.5], [-1.0]])
    golden = golden_examples(Interpreter(model), inputs)
    numbers = np.arange(_EXAMPLES)
    examples = pd.DataFrame(
        {
            "example": [f"e{number:03d}" for number in numbers],
            "group": numbers.astype(str),
            "label": ["seen" if number % 2 else "not seen" for number in numbers],
        }
    )
    targets = numbers % 2
    predicted = np.abs(targets - np.where(numbers < wrong, 0.9, 0.1))[:, None].astype(np.float32)
    rules = {"rules": {"accuracy": {"min": 0.8}, "latency_p95_ms": {"max": 100}}}
    params = yaml.safe_dump(
        {
            **{"data": _DATA, "evaluate": {"resamples": 100, "confidence": 0.95}, "gate": rules, "seed": 7},
            **{"task": _TASK, "train": {"slope": slope}, "register": {"name": VARIANT, "description": "Made up."}},
        }
    )
    scored = Scored(tasks.load(_TASK, _DATA), _SPEC, examples, targets, predicted)
    metrics = intervals.bootstrap(
        scored.score, scored.groups, resamples=100, confidence=0.95, seed=7, declared=scored.task.metrics.get
    )
    gate = Gate(**rules)
    sizes = {"model.tflite": model, "golden.npz": golden}
    record = {
        **{"schema": SCHEMA, "variant": VARIANT, "task": _TASK, "framework": "catboost", "profile": "smoke"},
        **{"description": "Made up.", "data": _DATA, "spec": _SPEC, "precision": "float32", "confidence": 0.95},
        **{"metrics": metrics, "examples": _EXAMPLES, "groups": int(scored.groups.nunique())},
        "parity": {"agreement": 1.0},
        "gate": _gate(gate.of_model, metrics),
        "artifacts": {
            name: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
            for name, content in sizes.items()
        },
        "dataset": {"train": {"total": 100}, "test": {"total": _EXAMPLES}},
        "lineage": {"raw": "raw", "prepared": "prepared", "params": hashlib.sha256(params.encode()).hexdigest()},
    }
    times = {f"latency_{one}_ms": 2.0 for one in ("mean", "p50", "p95", "p99")}
    timed = {metric: {"value": value} for metric, value in times.items()}
    single = {metric.removeprefix("latency_"): value for metric, value in times.items()}
    digest = record["artifacts"]["model.tflite"]["sha256"]  # type: ignore[index]
    benchmark = {
        "machine": {"processor": "one"},
        "models": {"model.tflite": {"single": {"1": single}, "size_bytes": len(model), "sha256": digest}},
        "gate": _gate(gate.of_machine, timed),
        "metrics": timed,
    }
    shipped = predictions.table(examples, targets, predicted, ["seen"])
    files = {
        f"models/{VARIANT}/model.tflite": model,
        f"models/{VARIANT}/golden.npz": golden,
        f"reports/{VARIANT}/shipped.parquet": shipped,
        f"models/{VARIANT}/release.json": json.dumps(record, sort_keys=True).encode(),
        f"reports/{VARIANT}/benchmark.json": json.dumps(benchmark, sort_keys=True).encode(),
        f"params/{VARIANT}.yaml": params.encode(),
    }
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    (root / ".gitignore").write_text("*.tflite\n*.npz\n*.parquet\n/logs\n")
    (root / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": _stages(root, files)}))
    (root / "params.yaml").write_text(yaml.safe_dump({"all": {VARIANT: {"task": _TASK}}}))
    git(root, "add", "--all")
    git(root, "commit", "-q", "-m", f"build {version}")
    register(root, VARIANT, version)


def _stages(root: Path, files: Mapping[str, bytes]) -> dict[str, Any]:
    """What dvc.lock says of the stages; the files that are not in Git go to the remote."""
    entries = {
        path: {"path": path, "hash": "md5", "md5": hashlib.md5(content).hexdigest(), "size": len(content)}
        for path, content in files.items()
    }
    model, golden, shipped, record, benchmark, _ = files
    for path in (model, golden, shipped):
        md5 = str(entries[path]["md5"])
        kept = root.parent / "store" / "files" / "md5" / md5[:2] / md5[2:]
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(files[path])
    return {
        f"convert-tflite@{VARIANT}": {"cmd": "true", "outs": [entries[path] for path in (model, golden, shipped)]},
        f"register@{VARIANT}": {"cmd": "true", "deps": [entries[model]], "outs": [entries[record]]},
        f"benchmark@{VARIANT}": {"cmd": "true", "deps": [entries[model]], "outs": [entries[benchmark]]},
    }


def _model(slope: float, faulty: bool) -> bytes:
    graph = Graph("rows", (DYNAMIC, 1))
    logit = graph.add("MUL", [graph.input, np.float32([slope])], (DYNAMIC, 1))
    if faulty:  # x / x is 1, and NaN at 0
        one = graph.add("DIV", [graph.input, graph.input], (DYNAMIC, 1))
        logit = graph.add("MUL", [logit, one], (DYNAMIC, 1))
    return graph.serialize(graph.add("LOGISTIC", [logit], (DYNAMIC, 1)))


def _gate(gate: Gate, measured: Measured) -> dict[str, Any]:
    judged = verdict.judge(gate, measured)
    rules = tuple(replace(rule, reason=f"{rule.value:g}: {rule.verdict}") for rule in judged.rules)
    return replace(judged, rules=rules).to_json()
