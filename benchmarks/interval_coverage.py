"""The coverage of a 95 % interval over few groups: the reason why a verdict needs 8 test groups.

Simulates scores of groups with three kinds of distribution: normal, skewed, and shares of ten examples with a
probability that differs between groups. Prints one JSON object: the coverage for each number of groups and each kind.

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


def draw_scores(kind: str, groups: int, random: np.random.Generator) -> np.ndarray:
    """Draw the score of each group [groups]."""
    if kind == "normal":
        return random.normal(size=groups)
    if kind == "skewed":
        return random.beta(9, 1, groups)
    return random.binomial(10, random.beta(18, 2, groups)) / 10


def covers(kind: str, groups: int, trial: int) -> bool:
    """Whether the interval of the mean contains the true mean; a missing interval counts as covering."""
    values = draw_scores(kind, groups, np.random.default_rng([trial, groups]))
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
    cases = [(kind, groups) for groups in GROUPS for kind in KINDS]
    coverage: dict[str, dict[str, float]] = {str(groups): {} for groups in GROUPS}
    for kind, groups in track(cases, "coverage", console=Console(stderr=True)):
        coverage[str(groups)][kind] = round(sum(covers(kind, groups, one) for one in range(TRIALS)) / TRIALS, 3)
    print(json.dumps(coverage, indent=2))


if __name__ == "__main__":
    main()
