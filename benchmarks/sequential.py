"""Comparisons of two arms at 20 looks: false alarms, and what a planned end finds, in 10,000 simulated runs each.

    python benchmarks/sequential.py [--runs 10000]

Prints one JSON object. `equal` has the share of runs in which a difference is shown between equal arms, for each kind
of values and share of the treatment; `planned end` the share in which an effect is found, and the mean number of units
at the end as a share of the plan, for multiples of the effect that a fixed test finds with a probability of 0.8.
tests/traffic/comparisons.py simulates.
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.progress import track

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from slipway.statistics.simulation import ended
from traffic import comparisons

EFFECT = 2.802 / (comparisons.PLANNED / 4) ** 0.5
"""In standard deviations of a unit: 2.802 standard errors of the difference, found by a fixed test at 0.05 in 0.80."""
TIMES = (0.0, 1.0, 1.5, 2.0)
DECIDE = {
    "sequence": comparisons.by_sequence,
    "planned end": comparisons.by_planned_end,
    "z at every look": comparisons.by_z_at_every_look,
    "Welch alone": comparisons.by_welchs_variance_alone,
    "Welch at the end": comparisons.by_welch_at_the_end,
}
FIND = {
    "planned end": comparisons.by_planned_end,
    "fixed test": comparisons.by_fixed_test,
    "O'Brien and Fleming": comparisons.by_o_brien_fleming,
    "sequence": comparisons.by_sequence,
}


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=10_000)
    runs = parser.parse_args().runs
    cases = [(kind, share) for kind in comparisons.KINDS for share in comparisons.SHARES]
    equal: dict[str, dict[str, float]] = {}
    for seed, (kind, share) in enumerate(track(cases, "equal arms", console=Console(stderr=True))):
        found = comparisons.effects(kind, share, runs, seed)
        equal[f"{kind}, {share:.0%}"] = {name: ended(by(found)).found for name, by in DECIDE.items()}
    planned = {}
    for seed, times in enumerate(TIMES):
        effect = comparisons.effects("normal", 0.5, runs, 100 + seed, times * EFFECT)
        planned[f"{times:g}"] = {name: asdict(ended(by(effect))) for name, by in FIND.items()}
    print(json.dumps({"runs": runs, "equal": equal, "planned end": planned}, indent=2))


if __name__ == "__main__":
    main()
