"""How often a 95 % interval over few groups has the truth in it: why a verdict needs 8 test groups.

Simulated scores of groups, of three kinds: normal ones, skewed ones, and shares of ten examples that differ from group
to group. Prints one JSON object: for each number of groups, the coverage for each kind.

    python benchmarks/interval_coverage.py
"""

import json

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import track

from slipway.metrics import classification
from slipway.statistics.intervals import bootstrap

TRIALS = 400
GROUPS = (2, 3, 5, 8, 12, 30)
KINDS = {"normal": 0.0, "skewed": 0.9, "shares": 0.9}
"""Each kind of score, and its true mean."""


def drawn(kind: str, groups: int, random: np.random.Generator) -> np.ndarray:
    """The score of each group [groups]."""
    if kind == "normal":
        return random.normal(size=groups)
    if kind == "skewed":
        return random.beta(9, 1, groups)
    return random.binomial(10, random.beta(18, 2, groups)) / 10


def covers(kind: str, groups: int, trial: int) -> bool:
    """Whether the interval of the mean has the truth in it; where there is none, nothing is claimed."""
    values = drawn(kind, groups, np.random.default_rng([trial, groups]))
    metric = "mean" if kind == "normal" else "accuracy"
    found = bootstrap(
        lambda weight: {metric: float(np.average(values, weights=weight))},
        pd.Series(range(groups)),
        resamples=500,
        confidence=0.95,
        seed=trial,
        declared=classification.METRICS.get,
    )[metric]
    return found["low"] is None or found["high"] is None or found["low"] <= KINDS[kind] <= found["high"]


def main() -> None:
    """Simulate and print."""
    asked = [(kind, groups) for groups in GROUPS for kind in KINDS]
    coverage: dict[str, dict[str, float]] = {str(groups): {} for groups in GROUPS}
    for kind, groups in track(asked, "coverage", console=Console(stderr=True)):
        coverage[str(groups)][kind] = round(sum(covers(kind, groups, one) for one in range(TRIALS)) / TRIALS, 3)
    print(json.dumps(coverage, indent=2))


if __name__ == "__main__":
    main()
