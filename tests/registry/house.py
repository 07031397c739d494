"""A small repository with two variants, built by DVC: commits to register, some of them faulty, and a remote.

commits.json, next to the repository, has the commits by name:

    good-1, good-2, good-3   pass, in the remote
    fails                    the gate says fail
    holds                    the gate says hold
    slow                     the record passes and the benchmark fails
    lost                     passes, and its bytes are in no remote
    edited                   the record was edited by hand so that it passes
    emptied                  its rules were removed from the record by hand, and `dvc commit` locked the result
    flattered                a rule was edited by hand so that it passes, and locked
"""

import contextlib
import hashlib
import json
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from slipway import tasks
from slipway.gate import verdict
from slipway.gate.contributions import Scored
from slipway.gate.rules import Gate
from slipway.gate.verdict import Measured
from slipway.records import predictions
from slipway.records.release import SCHEMA
from slipway.statistics import intervals

VARIANTS = ("base-ad-detector", "demand-predictor")
PASSING = ("good-1", "good-2", "good-3")
REFUSED = {
    "fails": "the gate says fail",
    "holds": "the gate says hold",
    "slow": "the gate says fail",
    "lost": "not in the DVC remote",
    "edited": "not what the register stage of dvc.lock wrote",
    "emptied": "the rule accuracy ≥ 0.8 was not judged",
    "flattered": "the rule accuracy ≥ 0.8 says pass, but its figures do not support that",
}

TASK = "tabular_classification"
EXAMPLES = 100
DATA: Mapping[str, Any] = {"target": "seen", "positive": "1", "name": "seen", "group": "match", "numeric": ["x"]}
SPEC: dict[str, Any] = {
    "objective": "binary",
    "classes": ["seen", "not seen"],
    "outputs": ["seen"],
    "input": {"shape": [1], "dtype": "float32", "names": ["x"]},
    "threshold": 0.5,
}

_CONFIG = """\
[core]
    analytics = false
    remote = local
['remote "local"']
    url = {remote}
    verify = true
"""

_ARTIFACTS = "artifacts:\n" + "".join(f"  {variant}: {{path: models/{variant}/model.tflite}}\n" for variant in VARIANTS)
_STAGES = """
stages:
  convert-tflite:
    foreach: ${all}
    do:
      cmd: >-
        cp source/${key}.model models/${key}/model.tflite &&
        cp source/${key}.parquet reports/${key}/shipped.parquet
      deps:
      - source/${key}.model
      - source/${key}.parquet
      outs:
      - models/${key}/model.tflite
      - reports/${key}/shipped.parquet
  benchmark:
    foreach: ${all}
    do:
      cmd: cp source/${key}.benchmark reports/${key}/benchmark.json
      deps:
      - source/${key}.benchmark
      - models/${key}/model.tflite
      outs:
      - reports/${key}/benchmark.json: {cache: false}
  register:
    foreach: ${all}
    do:
      cmd: cp source/${key}.record models/${key}/release.json
      deps:
      - source/${key}.record
      - models/${key}/model.tflite
      outs:
      - models/${key}/release.json: {cache: false}
"""


def build(root: Path) -> None:
    """Build the repository `root`, and its remote and commits.json next to it."""
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    dvc(root, "init -q")
    (root / ".dvc" / "config").write_text(_CONFIG.format(remote=root.parent / "remote"))
    (root / "params.yaml").write_text(yaml.safe_dump({"all": {key: {"task": TASK} for key in VARIANTS}}))
    (root / "dvc.yaml").write_text(_ARTIFACTS + _STAGES)
    for variant in VARIANTS:
        for folder in ("models", "reports"):
            (root / folder / variant).mkdir(parents=True)
    (root / "params").mkdir()
    (root / "source").mkdir()
    (root / ".slipway").mkdir()
    (root / ".slipway" / "promoters").write_text("tester@example.org\nwalker@example.org  # of the benchmarks\n")
    commits: dict[str, str] = {}
    for at, name in enumerate([*PASSING, *REFUSED]):
        for variant in VARIANTS:
            _source(root, variant, name, at)
        dvc(root, "repro -q")
        if name == "edited":
            for variant in VARIANTS:
                path = root / "models" / variant / "release.json"
                path.write_text(path.read_text().replace('"fail"', '"pass"'))
        git(root, "add", "-A")
        git(root, "commit", "-q", "-m", f"Build {name}")
        commits[name] = git(root, "rev-parse", "HEAD")
    dvc(root, "push -q --all-commits")
    dvc(root, "gc -q -f --workspace")
    for variant in VARIANTS:  # `lost` was built on a machine that is gone
        md5 = hashlib.md5(_model(variant, "lost")).hexdigest()
        for store in (root / ".dvc" / "cache", root.parent / "remote"):
            (store / "files" / "md5" / md5[:2] / md5[2:]).unlink(missing_ok=True)
    git(root, "repack", "-adq")  # one file to copy instead of one for each object
    (root.parent / "commits.json").write_text(json.dumps(commits))


def git(root: Path, *arguments: str) -> str:
    """Run Git in `root` and return its output."""
    return subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True).stdout.strip()


def dvc(root: Path, command: str) -> None:
    """Run DVC in `root`, inside this process: a separate process takes a second to start."""
    from dvc.cli import main

    with contextlib.chdir(root):
        assert main(command.split()) == 0, command


def _model(variant: str, name: str) -> bytes:
    return f"model of {variant}, {name}".encode()


def _source(root: Path, variant: str, name: str, at: int) -> None:
    """Write the outputs of each stage: predictions with as many errors as the name requires, and their results."""
    model = _model(variant, name)
    wrong = 50 if name in ("fails", "edited", "emptied", "flattered") else 10 - at
    examples = pd.DataFrame(
        {
            "example": [f"e{number:03d}" for number in range(EXAMPLES)],
            "group": [number >= wrong if name == "holds" else number for number in range(EXAMPLES)],
            "label": ["seen" if number % 2 else "not seen" for number in range(EXAMPLES)],
        }
    ).astype({"group": str})
    targets = np.arange(EXAMPLES) % 2
    predicted = np.abs(targets - np.where(np.arange(EXAMPLES) < wrong, 0.9, 0.1))[:, None].astype(np.float32)
    params = {
        "data": dict(DATA),
        "evaluate": {"resamples": 100, "confidence": 0.95},
        "gate": {"rules": {"accuracy": {"min": 0.8}, "latency_p95_ms": {"max": 100}}},
        "seed": 7,
        "task": TASK,
        "train": {"learning_rate": 0.001 * (at + 1)},
        "register": {"name": variant.replace("-", "_"), "description": "Made up."},
    }
    sha256 = hashlib.sha256(model).hexdigest()
    resolved, gate = yaml.safe_dump(params), Gate(**params["gate"])
    scored = Scored(tasks.load(TASK, DATA), SPEC, examples, targets, predicted)
    draws = {**params["evaluate"], "seed": 7}
    metrics = intervals.bootstrap(scored.score, scored.groups, **draws, declared=scored.task.metrics.get)
    judged = _gate(gate.of_model, metrics)
    if name == "emptied":
        judged = {"verdict": "pass", "rules": []}
    if name == "flattered":
        judged = {"verdict": "pass", "rules": [{**judged["rules"][0], "verdict": "pass"}]}
    record = {
        "schema": SCHEMA,
        "variant": variant,
        "task": TASK,
        "framework": "catboost",
        "profile": "smoke",
        "description": "Made up.",
        "data": dict(DATA),
        "spec": SPEC,
        "precision": "float32",
        "confidence": 0.95,
        "metrics": metrics,
        "examples": EXAMPLES,
        "groups": int(scored.groups.nunique()),
        "parity": {"agreement": 1.0},
        "gate": judged,
        "artifacts": {"model.tflite": {"sha256": sha256, "bytes": len(model)}},
        "dataset": {"train": {"total": 100 + at}, "test": {"total": EXAMPLES}},
        "lineage": {
            "raw": f"{at}raw",
            "prepared": f"{at}prepared",
            "params": hashlib.sha256(resolved.encode()).hexdigest(),
        },
    }
    times = {f"latency_{one}_ms": 500.0 if name == "slow" else 2.0 for one in ("mean", "p50", "p95", "p99")}
    timed = {metric: {"value": value} for metric, value in times.items()}
    single = {metric.removeprefix("latency_"): value for metric, value in times.items()}
    benchmark = {
        "machine": {"processor": "one"},
        "models": {"model.tflite": {"single": {"1": single}, "size_bytes": len(model), "sha256": sha256}},
        "gate": _gate(gate.of_machine, timed),
        "metrics": timed,
    }
    (root / "source" / f"{variant}.model").write_bytes(model)
    (root / "source" / f"{variant}.parquet").write_bytes(
        predictions.table(examples, targets, predicted, SPEC["outputs"])
    )
    for kind, content in (("record", record), ("benchmark", benchmark)):
        (root / "source" / f"{variant}.{kind}").write_text(json.dumps(content, sort_keys=True, indent=1) + "\n")
    (root / "params" / f"{variant}.yaml").write_text(resolved)


def _gate(gate: Gate, measured: Measured) -> dict[str, Any]:
    """The verdict, with reasons that are short enough to compare in tests."""
    judged = verdict.judge(gate, measured)
    rules = tuple(replace(rule, reason=f"{rule.value:g}: {rule.verdict}") for rule in judged.rules)
    return replace(judged, rules=rules).to_json()
