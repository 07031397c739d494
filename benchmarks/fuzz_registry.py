"""Fuzz records, benchmarks and dvc.lock with edits, bad merges and attacks: no check crashes or passes wrongly.

    python benchmarks/fuzz_registry.py [--examples 10000]

Each example edits or damages one file of a valid build, locks it as `dvc commit -f` does, and checks it as `slipway
gate`, a promotion and a verification do (tests/registry/malformed.py). The run stops at an unexpected error, or at a
pass that the edit should prevent. Prints one JSON object.
"""

import argparse
import collections
import contextlib
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

AUTHOR = {"NAME": "Tester", "EMAIL": "tester@example.org"}


def main() -> None:
    """Build the repository, edit it, check it, and print the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=10_000)
    options = parser.parse_args()
    os.environ |= {f"GIT_{who}_{key}": value for who in ("AUTHOR", "COMMITTER") for key, value in AUTHOR.items()}

    from registry import house, malformed

    counts: collections.Counter[str] = collections.Counter()

    @settings(
        max_examples=options.examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.data())
    def look(data: st.DataObject) -> None:
        counts[malformed.check(house.VARIANTS[0], data)] += 1

    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        root = Path(folder, "house", "repository")
        root.parent.mkdir()
        house.build(root)
        commits = json.loads((root.parent / "commits.json").read_text())
        house.git(root, "checkout", "-q", commits[house.PASSING[0]])
        house.dvc(root, f"pull -q convert-tflite@{house.VARIANTS[0]}")
        began = time.perf_counter()
        with contextlib.chdir(root):
            look()
        seconds = round(time.perf_counter() - began, 1)
    print(json.dumps({"examples": sum(counts.values()), **counts, "seconds": seconds}, indent=2))


if __name__ == "__main__":
    main()
