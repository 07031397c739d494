"""Assignment of units to arms: its time, and that arms are uniform and experiments independent.

    python benchmarks/assignment.py [--units 1000000]

Prints one JSON object. Times are of single calls, with a layer, each with a fresh unit, beside the bare hash of the
same unit. The test of uniformity is chi-square on the arms of 15 experiments, that of independence chi-square on the
table of each pair of them, 105 pairs; p-values are the least ones, adjusted by Holm's method.
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable
from hashlib import sha256
from itertools import combinations

import numpy as np
from rich.console import Console
from rich.progress import track
from scipy import stats

from slipway.experiments.assignment import Assignment, Range, Split, experiment, percent
from slipway.statistics.multiplicity import holm

EXPERIMENTS = 15
ALLOCATION = {"control": 50, "small": 10, "medium": 15, "large": 25}
CALLS = 200_000


def in_a_layer() -> Assignment:
    """Return an experiment with a quarter of the units of a layer."""
    layer = Split("page", (Range("one", percent(0), percent(50)), Range("two", percent(50), percent(25))))
    return Assignment("two", experiment("threshold-2027", ALLOCATION), layer)


def microseconds(call: Callable[[str], object]) -> dict[str, float]:
    """Return the median and the 99th percentile of the time of single calls, less that of reading the clock."""
    units = [f"user-{number}" for number in range(CALLS)]
    empty, taken = np.empty(CALLS), np.empty(CALLS)
    clock = time.perf_counter_ns
    for number, unit in enumerate(units):
        begun = clock()
        between = clock()
        call(unit)
        taken[number] = clock() - between
        empty[number] = between - begun
    net = (taken - np.median(empty)) / 1000
    return {"p50": round(float(np.median(net)), 3), "p99": round(float(np.quantile(net, 0.99)), 3)}


def uniform_and_independent(units: int) -> dict[str, float]:
    """Return the least adjusted p-value of the tests of uniformity and of independence."""
    arms = list(ALLOCATION)
    splits = [experiment(f"experiment-{number}", ALLOCATION) for number in range(EXPERIMENTS)]
    drawn = np.empty((EXPERIMENTS, units), np.int8)
    number_of = {name: number for number, name in enumerate(arms)}
    for row, split in enumerate(track(splits, "experiments", console=Console(stderr=True))):
        drawn[row] = [number_of[str(split.of(f"user-{unit}"))] for unit in range(units)]
    expected = np.array(list(ALLOCATION.values())) / 100 * units
    uniform = {
        str(row): float(stats.chisquare(np.bincount(one, minlength=len(arms)), expected).pvalue)
        for row, one in enumerate(drawn)
    }
    independent = {}
    for one, other in combinations(range(EXPERIMENTS), 2):
        table = np.bincount(drawn[one] * len(arms) + drawn[other], minlength=len(arms) ** 2).reshape(len(arms), -1)
        independent[f"{one} {other}"] = float(stats.chi2_contingency(table).pvalue)
    return {
        "uniform p": min(holm(uniform).values()),
        "independent p": min(holm(independent).values()),
        "pairs": len(independent),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--units", type=int, default=1_000_000)
    units = parser.parse_args().units
    assigned = in_a_layer()
    figures = {
        "microseconds": {
            "assignment": microseconds(assigned.arm),
            "one SHA-256": microseconds(lambda unit: sha256(unit.encode()).digest()),
        },
        "arms": dict(Counter(str(assigned.arm(f"user-{unit}")) for unit in range(min(units, 100_000)))),
        "units": units,
        **uniform_and_independent(units),
    }
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
