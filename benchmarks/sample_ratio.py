"""Sample ratios that are looked at after every unit, in 10,000 simulated splits of 10,000 units each.

    python benchmarks/sample_ratio.py [--runs 10000]

Prints one JSON object, for the mixture and for ssrm-test's prior alone: the share of sound splits that alarm, at
planned shares of 50 and of 10 %, and for a split that is 3 points off at 50 %, the share that is found and the mean
number of units until then (10,000 where it is not found). tests/traffic/splits.py simulates.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from traffic import splits

TESTS = {"mixture": splits.by_mixture, "k = 10,000": splits.by_one_concentration}


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=10_000)
    runs = parser.parse_args().runs
    figures = {}
    for name, test in TESTS.items():
        sound = {
            f"{share:.0%}": float((splits.first_alarms(test, share, share, runs, seed=1) > 0).mean())
            for share in (0.5, 0.1)
        }
        off = splits.first_alarms(test, 0.5, 0.53, runs, seed=2)
        figures[name] = {
            "sound": sound,
            "found": float((off > 0).mean()),
            "mean units": float(np.where(off, off, splits.UNITS).mean()),
        }
    print(json.dumps({"runs": runs, "nominal": splits.ALARM, **figures}, indent=2))


if __name__ == "__main__":
    main()
