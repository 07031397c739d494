"""By how much each variant clears its floors in profile demo, on several seeds.

In a clone of what is committed: for every seed, the data is simulated again, the models are trained, converted and
judged by the register stage. The margin of a rule is how far its interval keeps from the bound, in widths of that
interval; rules on what conversion may lose are left out. Stages that have run here already come from this repository's
cache, so a run that was stopped goes on where it was. Prints one JSON object.

    python benchmarks/seeds.py
    python benchmarks/seeds.py --seeds 7 --variants demand-predictor handball-context
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
SEEDS = (1, 2, 3, 4, 7)
SEED = re.compile(r"^seed: \d+", re.MULTILINE)


def margin(rule: dict[str, Any]) -> float | None:
    """Widths of the interval between it and its bound; None for a rule without an interval, or of width 0."""
    low, high = rule["low"], rule["high"]
    if low is None or high is None or high == low:
        return None
    distances = [low - rule["min"]] if rule["min"] is not None else []
    distances += [rule["max"] - high] if rule["max"] is not None else []
    return round(float(min(distances) / (high - low)), 2)


def judged(clone: Path, variant: str) -> list[dict[str, Any]]:
    """The floors and ceilings of a built variant: what was measured, and the margin."""
    record = json.loads((clone / "models" / variant / "release.json").read_text())
    kept = ("metric", "of", "min", "max", "value", "low", "high", "verdict")
    return [
        {**{key: rule[key] for key in kept}, "margin": margin(rule)}
        for rule in record["gate"]["rules"]
        if rule["kind"] == "bound"
    ]


def main() -> None:
    """Clone; for each seed build and judge; print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    every = list(yaml.safe_load((ROOT / "params.yaml").read_text())["all"])
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS)
    parser.add_argument("--variants", nargs="+", choices=every, default=every, metavar="VARIANT")
    chosen = parser.parse_args()
    found: dict[str, dict[str, Any]] = {variant: {} for variant in chosen.variants}
    with tempfile.TemporaryDirectory() as temporary:
        clone = Path(temporary) / "clone"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
        environment = {**os.environ, "MLFLOW_TRACKING_URI": "", "PYTHONPATH": f"{clone}/src:{clone}/edge/src"}

        def dvc(*arguments: str) -> None:
            subprocess.run(["dvc", *arguments], cwd=clone, check=True, env=environment, stdout=sys.stderr)

        dvc("config", "--local", "cache.dir", str(ROOT / ".dvc" / "cache"))
        top = clone / "params.yaml"
        for seed in chosen.seeds:
            top.write_text(SEED.sub(f"seed: {seed}", top.read_text()))
            for variant in chosen.variants:
                dvc("repro", f"convert-tflite@{variant}")
                dvc("repro", "--single-item", f"register@{variant}")
                found[variant][str(seed)] = judged(clone, variant)
    print(json.dumps({"variants": found}, indent=2))


if __name__ == "__main__":
    main()
