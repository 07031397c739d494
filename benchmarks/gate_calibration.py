"""The error rates of the gate, on simulated pairs of models with the size of each variant's test split.

    python benchmarks/gate_calibration.py [--draws 2000]

For every built variant, the benchmark takes the first baseline rule on a share of right decisions. The old model is
right as often as the built model. In an equal pair, the new model is right as often as the old one. Two trainings of
one recipe differ on some examples: a share `CHURN` of them flips (at most half the share of wrong decisions), equally
often in both directions. Flips are correlated within a group, since groups differ in difficulty (an exponential factor,
up to `HARDEST`). In the other pairs the new model is worse by 1, 2 and 5 points: so many more decisions flip to wrong.
`slipway.gate.comparison` compares each pair.

All pairs are also compared with no loss allowed, the worst case of any rule. The share of equal pairs that then fail is
the false positive rate, which should be at most the stated level; the share of worse pairs that fail is the power.

Prints one JSON object.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from rich.console import Console
from rich.progress import Progress

from slipway import tasks
from slipway.core import config
from slipway.gate.comparison import compare
from slipway.gate.contributions import Scored
from slipway.gate.rules import Baseline, BaselineLoss, Gate

ROOT = Path(__file__).resolve().parents[1]
CHURN = 0.04
HARDEST = 4.0
POINTS = (1.0, 2.0, 5.0)
CONFIDENCE = 0.95
SHARES = frozenset({"accuracy", "detection_rate", "pck"})
"""Metrics that are shares of right decisions."""
NAMES = ["right", "wrong"]


def main() -> None:
    """Simulate, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=2000)
    draws = parser.parse_args().draws
    sizes = list(filter(None, map(_size, yaml.safe_load((ROOT / "params.yaml").read_text())["all"])))
    figures: dict[str, Any] = {}
    with Progress(console=Console(stderr=True)) as progress:
        bar = progress.add_task("pairs of models", total=len(sizes) * (len(POINTS) + 1))
        for size in sizes:
            results = {}
            for points in (0.0, *POINTS):
                strict = _share(size, draws, points / 100, 0.0)
                results[points] = _share(size, draws, points / 100, size["most"]) | {"when_nothing_may_be_lost": strict}
                progress.advance(bar)
            figures[size.pop("variant")] = size | {
                "draws": draws,
                "churn": round(_churn(size["score"]), 4),
                "equal": results[0.0],
                "worse": [{"points": points} | results[points] for points in POINTS],
            }
    level = (1 - CONFIDENCE) / 2
    largest = max(one["equal"]["when_nothing_may_be_lost"]["fail"] for one in figures.values())
    print(json.dumps({"level": level, "largest_share_of_equal_that_fail": largest, "variants": figures}, indent=1))


def _size(variant: str) -> dict[str, Any] | None:
    """The test size, score and rule of a variant; None if it is not built or has no such rule."""
    path = ROOT / "models" / variant / "release.json"
    if not path.exists() or not (ROOT / config.PARAMS / f"{variant}.yaml").exists():
        return None
    record = json.loads(path.read_text())
    gate = Gate(**yaml.safe_load((ROOT / config.PARAMS / f"{variant}.yaml").read_text())["gate"])
    metrics = [metric for metric in gate.baseline.overall if metric in SHARES]
    if not metrics or record["metrics"].get(metrics[0], {}).get("value") is None:
        return None
    return {
        "variant": variant,
        "metric": metrics[0],
        "score": record["metrics"][metrics[0]]["value"],
        "most": gate.baseline.overall[metrics[0]].most,
        "examples": record["examples"],
        "groups": record["groups"],
    }


def _share(size: dict[str, Any], draws: int, worse: float, most: float) -> dict[str, Any]:
    """The share of each verdict over pairs whose new model is expected to be worse by `worse`."""
    random = np.random.default_rng(11)
    rules = Baseline(overall={"accuracy": BaselineLoss(most=most)})
    counts = {"pass": 0, "hold": 0, "fail": 0}
    for _ in range(draws):
        old, new = _pair(random, size["examples"], size["groups"], size["score"], worse)
        comparison = compare(rules, old, new, "interval", resamples=100, confidence=CONFIDENCE, seed=7)
        counts[comparison.rules[0].verdict] += 1
    return {verdict: round(count / draws, 4) for verdict, count in counts.items()}


def _pair(random: np.random.Generator, examples: int, groups: int, score: float, worse: float) -> tuple[Scored, Scored]:
    """An old and a new model; the new one is expected to be worse by `worse`."""
    group = np.arange(examples) * groups // examples
    factor = np.minimum(random.exponential(size=groups), HARDEST)[group] / -np.expm1(-HARDEST)
    right = random.random(examples) < score
    churn = _churn(score)
    to_wrong = np.clip(factor * (churn / 2 + worse) / score, 0, 1)
    to_right = np.clip(factor * (churn / 2) / (1 - score), 0, 1)
    flips = random.random(examples) < np.where(right, to_wrong, to_right)
    return _model(right, group), _model(right ^ flips, group)


def _churn(score: float) -> float:
    return min(CHURN, (1 - score) / 2)


def _model(right: np.ndarray, group: np.ndarray) -> Scored:
    targets = np.zeros(len(right), np.int64)
    names = pd.Series(np.arange(len(right)))
    examples = pd.DataFrame({"example": names, "group": group, "label": NAMES[0]})
    predictions = np.stack([right, ~right], axis=1).astype(np.float32) * np.float32(0.9) + np.float32(0.05)
    spec = {"objective": "multiclass", "outputs": NAMES, "classes": NAMES}
    return Scored(TASK, spec, examples, targets, predictions)


TASK = tasks.load("image_classification", {"height": 8, "width": 8})

if __name__ == "__main__":
    main()
