"""The metrics of each variant with a floor or ceiling in profile demo, with their intervals, on several seeds.

In a clone of the current commit, for every seed, the stages simulate the data, train and convert the models, and the
register stage evaluates the rules. Rules on conversion are left out. Stages that have already run here come from this
repository's cache, so a stopped run resumes. Prints one JSON object; `run.py` compares its intervals with the floors
and ceilings of params/. The seed of params.yaml is the committed build: its figures are read from models/.

    python benchmarks/seeds.py
    python benchmarks/seeds.py --seeds 1 2 --variants demand-predictor handball-context
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
SEEDS = (1, 2, 3, 4, 7)
SEED = re.compile(r"^seed: \d+", re.MULTILINE)


def bounded(clone: Path, variant: str) -> list[dict[str, Any]]:
    """The measured metrics of a built variant that have a floor or a ceiling."""
    record = json.loads((clone / "models" / variant / "release.json").read_text())
    return [
        {key: rule[key] for key in ("metric", "of", "value", "low", "high")}
        for rule in record["gate"]["rules"]
        if rule["kind"] == "bound"
    ]


def margins(variant: str, measured: Iterable[Mapping[str, Any]]) -> Iterator[tuple[float, str]]:
    """Yield the distance of each interval from its bound, in widths of the interval, and the name of the metric.

    The bounds are those of params/<variant>.yaml. Metrics with no interval or an interval of zero width are left out.
    """
    gate = yaml.safe_load((ROOT / "params" / f"{variant}.yaml").read_text())["gate"]
    for one in measured:
        metric, of, low, high = (one[key] for key in ("metric", "of", "low", "high"))
        if low is None or high is None or high == low:
            continue
        kind = None if of is None else next((kind for kind in gate["per_group"] if of.startswith(f"{kind} ")), None)
        of_slice = gate["per_class"] if kind is None else gate["per_group"][kind]
        rule = (gate["rules"] if of is None else of_slice)[metric]
        distances = [low - rule["min"]] if rule.get("min") is not None else []
        distances += [rule["max"] - high] if rule.get("max") is not None else []
        yield round(min(distances) / (high - low), 2), metric + (f" of {of}" if of else "")


def main() -> None:
    """Clone, build every variant for each seed, and print the measured metrics."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    committed = yaml.safe_load((ROOT / "params.yaml").read_text())
    every = list(committed["all"])
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
            if seed == committed["seed"]:
                for variant in chosen.variants:
                    found[variant][str(seed)] = bounded(ROOT, variant)
                continue
            top.write_text(SEED.sub(f"seed: {seed}", top.read_text()))
            for variant in chosen.variants:
                dvc("repro", f"convert-tflite@{variant}")
                dvc("repro", "--single-item", f"register@{variant}")
                found[variant][str(seed)] = bounded(clone, variant)
                # Without a commit, DVC does not cache the run of a stage with outputs in Git.
                built = subprocess.run(
                    ["dvc", "stage", "list", "--name-only"], cwd=clone, check=True, capture_output=True, text=True
                )
                dvc("commit", "--force", *(stage for stage in built.stdout.split() if stage.endswith(f"@{variant}")))
    print(json.dumps({"variants": found}, indent=2))


if __name__ == "__main__":
    main()
