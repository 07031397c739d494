"""Time `slipway gate` on every built variant, compared with a different version in production.

    python benchmarks/gate_speed.py [--rounds 5]

It runs in a temporary repository. For 3 % of the test examples, the version in production gives the prediction of
another example, so that every comparison has differences to resample. Prints one JSON object.
"""

import argparse
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import yaml

from slipway.records import predictions
from slipway.registry.artifacts import CACHE

ROOT = Path(__file__).resolve().parents[1]
DIFFERENT = 0.03


def main() -> None:
    """Build the temporary repository, time the gate, and print the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    built = sorted(path.parent.name for path in ROOT.glob("reports/*/shipped.parquet"))
    if not built:
        raise SystemExit("no reports/*/shipped.parquet; run `make repro` first")
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        kept = {variant: _production(scratch, variant) for variant in built}
        _commit(scratch, kept)
        shutil.copy(ROOT / "dvc.lock", scratch)
        for variant in built:
            shutil.copy(ROOT / "reports" / variant / "shipped.parquet", scratch / "reports" / variant)
        seconds, printed = [], ""
        environment = os.environ | {"PYTHONPATH": f"{ROOT}/src:{ROOT}/edge/src"}
        for _ in range(rounds + 1):
            began = time.perf_counter()
            done = subprocess.run(
                ["slipway", "gate", "--json"], cwd=scratch, env=environment, capture_output=True, text=True
            )
            seconds.append(time.perf_counter() - began)
            printed = done.stdout
    results = json.loads(printed)
    if missing := [one for one in results if one["comparison"] is None]:
        raise SystemExit(f"{missing[0]['variant']} was not compared: {missing[0]['why'] or missing[0]['rules']}")
    figures = {
        "variants": len(results),
        "test_examples": sum(one["comparison"]["examples"] for one in results),
        "rules": sum(len(one["rules"]) for one in results),
        "seconds": round(statistics.median(seconds[1:]), 2),
    }
    print(json.dumps(figures, indent=1))


def _production(scratch: Path, variant: str) -> bytes:
    """Copy the files of a variant that the gate reads, and return the predictions of the version in production."""
    released = (
        Path("models") / variant / name for name in ("release.json", "model.tflite", "float.tflite", "golden.npz")
    )
    for path in (*released, Path("params") / f"{variant}.yaml"):
        (scratch / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, scratch / path)
    reports = scratch / "reports" / variant
    reports.mkdir(parents=True)
    for name in ("benchmark.json", "predictions.parquet"):
        shutil.copy(ROOT / "reports" / variant / name, reports)
    spec = json.loads((ROOT / "models" / variant / "release.json").read_text())["spec"]
    shipped = (ROOT / "reports" / variant / "shipped.parquet").read_bytes()
    examples, targets, predicted = predictions.read(shipped)
    random = np.random.default_rng(5)
    chosen = random.random(len(examples)) < DIFFERENT
    chosen[:1] = True
    other = predicted.copy()
    other[chosen] = predicted[random.permutation(len(examples))[: chosen.sum()]]
    return predictions.table(examples, targets, other, spec["outputs"])


def _commit(scratch: Path, kept: dict[str, bytes]) -> None:
    """Create one commit with DVC's files and Git's tags, and put its versions in production."""
    lock = yaml.load((ROOT / "dvc.lock").read_text(), Loader=yaml.CSafeLoader)
    for variant, content in kept.items():
        md5 = hashlib.md5(content).hexdigest()
        cached = scratch / CACHE / md5[:2] / md5[2:]
        cached.parent.mkdir(parents=True, exist_ok=True)
        cached.write_bytes(content)
        (out,) = (
            out
            for out in lock["stages"][f"convert-tflite@{variant}"]["outs"]
            if out["path"] == f"reports/{variant}/shipped.parquet"
        )
        out |= {"md5": md5, "size": len(content)}
    top = yaml.safe_load((ROOT / "params.yaml").read_text())
    (scratch / "params.yaml").write_text(yaml.safe_dump(top | {"all": {name: top["all"][name] for name in kept}}))
    (scratch / "dvc.lock").write_text(yaml.safe_dump(lock))
    (scratch / ".gitignore").write_text("*.parquet\n*.tflite\n*.npz\n")
    author = ["-c", "user.name=benchmark", "-c", "user.email=benchmark@example.org"]
    commands = [["init", "-q"], ["add", "."], [*author, "commit", "-q", "-m", "in production"]]
    tags = [f"{variant}{suffix}" for variant in kept for suffix in ("@v1.0.0", "#production#1")]
    commands += [[*author, "tag", "-a", tag, "-m", "in production"] for tag in tags]
    for command in commands:
        subprocess.run(["git", *command], cwd=scratch, check=True)


if __name__ == "__main__":
    main()
