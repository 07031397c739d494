"""Rollouts that are taken back, rightly and wrongly, in simulated traffic.

    python benchmarks/canaries.py [--runs 10000]

Prints one JSON object: the share of rollouts of equal versions, from 5 to 80 % of the traffic, that are taken back,
with constant and with drifting error rates, and with users whose requests are alike; and after how many of its
requests, at a share of 5 %, a canary with more errors is taken back. tests/traffic/rollouts.py simulates.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from traffic import rollouts

PRODUCTION = 0.01
SHARE = 0.05
CORRELATIONS = (0.05, 0.2, 0.9)
MOST = {0.02: 12_000, 0.05: 3_000, 0.2: 1_000}
"""The canary's requests at most, by its error rate."""


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=10_000)
    runs = parser.parse_args().runs
    figures: dict[str, Any] = {
        "runs": runs,
        "equal versions": {
            "constant errors": rollouts.equal_versions(runs, 1, errors_drift=False),
            "drifting errors": rollouts.equal_versions(runs, 2, errors_drift=True),
        },
        "users": {f"{one:g}": rollouts.of_users(runs, 3, correlation=one) for one in CORRELATIONS},
        "users, ten steps": {
            f"{one:g}": rollouts.of_users(runs, 3, correlation=one, steps=rollouts.TEN_STEPS, looks=2)
            for one in CORRELATIONS
        },
    }
    fewer = max(runs // 10, 1)
    worse = {}
    for rate, most in MOST.items():
        requests = rollouts.requests_until_taken_back((rate, PRODUCTION), SHARE, most, fewer, seed=4)
        worse[f"{rate:.0%}"] = {
            "median requests": float(np.median(np.where(requests, requests, most))),
            "missed": int((requests == 0).sum()),
            "of": fewer,
            "found by a threshold of 5 % in 1,000 requests": rollouts.windows_above(rate, 0.05, 1_000, fewer, seed=5),
        }
    print(json.dumps(figures | {"more errors": worse}, indent=2))


if __name__ == "__main__":
    main()
