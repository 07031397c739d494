"""How far the statistics are from what other libraries say of the same sums.

    python benchmarks/oracle_agreement.py

Prints one JSON object: for each library its version, the number of figures compared, and the largest difference,
relative to the figure where it is above 1. tests/statistics/oracles.json has what the libraries said;
tests/statistics/write_oracles.py asks them, in an environment of their own.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from oracles import COMPARED, RECORDED


def main() -> None:
    """Compare and print."""
    figures = {}
    for library, pairs in COMPARED.items():
        found = [pair for case in RECORDED[library]["cases"] for pair in pairs(case)]
        largest = max(abs(ours - theirs) / max(1.0, abs(theirs)) for _, ours, theirs in found)
        figures[library] = {
            "version": RECORDED[library]["version"],
            "figures": len(found),
            "largest difference": largest,
        }
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
