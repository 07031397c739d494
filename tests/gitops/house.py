"""A small repository of two variants, built by DVC itself: commits to register, a remote, and what is wrong with some.

The commits, by name, are kept in commits.json beside the repository:

    good-1, good-2, good-3   pass, in the remote
    fails                    the gate says fail
    holds                    the gate says hold
    slow                     the record passes and the benchmark fails
    lost                     passes, and its bytes are in no remote
    edited                   the record was changed by hand into one that passes
    emptied                  its rules were taken out of the record by hand, which `dvc commit` then locked
    flattered                a rule was changed by hand into one that passes, and locked
"""

import contextlib
import hashlib
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from slipway.gate.verdict import Judgement, Outcome, Verdict

VARIANTS = ("base-ad-detector", "demand-predictor")
PASSING = ("good-1", "good-2", "good-3")
REFUSED = {
    "fails": "the gate says fail",
    "holds": "the gate says hold",
    "slow": "the gate says fail",
    "lost": "not in the DVC remote",
    "edited": "not what the register stage of dvc.lock wrote",
    "emptied": "the rule accuracy ≥ 0.8 was not judged",
    "flattered": "the rule accuracy ≥ 0.8 says pass, and its figures do not",
}

_CONFIG = """\
[core]
    analytics = false
    remote = local
['remote "local"']
    url = {remote}
    verify = true
"""

_STAGES = """
stages:
  convert-tflite:
    foreach: ${all}
    do:
      cmd: cp source/${key}.model models/${key}/model.tflite
      deps:
      - source/${key}.model
      outs:
      - models/${key}/model.tflite
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
    """The repository `root`, its remote beside it, and commits.json."""
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    dvc(root, "init -q")
    (root / ".dvc" / "config").write_text(_CONFIG.format(remote=root.parent / "remote"))
    (root / "params.yaml").write_text(yaml.safe_dump({"all": {key: {"task": "made_up"} for key in VARIANTS}}))
    (root / "dvc.yaml").write_text(_STAGES)
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
    (root.parent / "commits.json").write_text(json.dumps(commits))


def git(root: Path, *arguments: str) -> str:
    """What Git prints, run in `root`."""
    return subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True).stdout.strip()


def dvc(root: Path, command: str) -> None:
    """DVC, run in `root` and in this process: one of its own takes a second."""
    from dvc.cli import main

    with contextlib.chdir(root):
        assert main(command.split()) == 0, command


def _model(variant: str, name: str) -> bytes:
    return f"model of {variant}, {name}".encode()


def _source(root: Path, variant: str, name: str, at: int) -> None:
    model = _model(variant, name)
    accuracy = 0.5 if name in ("fails", "edited", "emptied", "flattered") else round(0.9 + at / 100, 2)
    outcomes: dict[str, Outcome] = {"fails": "fail", "edited": "fail", "holds": "hold"}
    outcome = outcomes.get(name, "pass")
    figures = {"value": accuracy, "low": 0.7 if name == "holds" else accuracy - 0.01, "high": accuracy + 0.01}
    params = {
        "gate": {"rules": {"accuracy": {"min": 0.8}, "latency_p95_ms": {"max": 100}}},
        "train": {"learning_rate": 0.001 * (at + 1)},
        "register": {"name": variant.replace("-", "_"), "description": "Made up.", "dry_run": False},
    }
    resolved = yaml.safe_dump(params)
    judged = _gate("accuracy", figures, outcome, least=0.8)
    lineage = {"params": hashlib.sha256(resolved.encode()).hexdigest(), "code": "code", "requirements.lock": "lock"}
    record = {
        "schema": 1,
        "variant": variant,
        "task": "made_up",
        "description": "Made up.",
        "metrics": {"accuracy": figures},
        "gate": judged | {"rules": []} if name == "emptied" else judged,
        "artifacts": {"model.tflite": {"sha256": hashlib.sha256(model).hexdigest(), "bytes": len(model)}},
        "dataset": {"train": {"total": 100 + at}, "test": {"total": 50}},
        "lineage": {"raw": f"{at}raw", "prepared": f"{at}prepared", **lineage},
    }
    slow = name == "slow"
    latency = {"value": 500.0 if slow else 2.0}
    benchmark = {
        "gate": _gate("latency_p95_ms", latency, "fail" if slow else "pass", most=100),
        "metrics": {"latency_p95_ms": latency},
    }
    (root / "source" / f"{variant}.model").write_bytes(model)
    for kind, content in (("record", record), ("benchmark", benchmark)):
        (root / "source" / f"{variant}.{kind}").write_text(json.dumps(content, sort_keys=True, indent=1) + "\n")
    (root / "params" / f"{variant}.yaml").write_text(resolved)


def _gate(
    metric: str, figures: Mapping[str, float], outcome: Outcome, least: float | None = None, most: float | None = None
) -> dict[str, Any]:
    value, low, high = (figures.get(name) for name in ("value", "low", "high"))
    reason = f"{value:g}: {outcome}"
    return Verdict(
        outcome, (Judgement("bound", metric, None, least, most, value, low, high, outcome, reason),)
    ).to_json()
