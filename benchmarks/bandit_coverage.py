"""The coverage of the 95 % interval of the difference of two equal arms of a bandit, in 10,000 simulated runs.

    python benchmarks/bandit_coverage.py [--runs 10000]

Prints one JSON object: the coverage of plain means and of means weighted by the inverse propensity, with a floor of 1 %
for each arm, by the rate of both arms. tests/traffic/bandits.py simulates.
"""

import argparse
import json
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import track

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from traffic import bandits

RATES = (0.05, 0.1, 0.5)


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=10_000)
    runs = parser.parse_args().runs
    rates = track(RATES, "rates", console=Console(stderr=True))
    covered = {f"{rate:g}": bandits.coverage(rate, runs, seed) for seed, rate in enumerate(rates)}
    print(json.dumps({"runs": runs, "floor": bandits.EXPLORATION / 2, "coverage": covered}, indent=2))


if __name__ == "__main__":
    main()
