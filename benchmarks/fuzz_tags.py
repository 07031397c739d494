"""10,000 repositories with tags that anyone who can push could make: what of them counts, and what it costs.

    python benchmarks/fuzz_tags.py [--examples 10000]

Each has up to four tags of odd names and odd, damaged or arbitrary objects (tests/registry/strange.py) beside three
honest ones; a traceback, or an effect of what Slipway does not write, ends the run. Prints one JSON object.
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

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

AUTHOR = {"NAME": "Walker", "EMAIL": "walker@example.org"}


def main() -> None:
    """Make the repository, try, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=10_000)
    options = parser.parse_args()
    os.environ |= {f"GIT_{who}_{key}": value for who in ("AUTHOR", "COMMITTER") for key, value in AUTHOR.items()}

    from registry import strange

    counts: collections.Counter[str] = collections.Counter()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        scratch = strange.Scratch(Path(folder))

        @settings(
            max_examples=options.examples,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        @given(st.data())
        def attempt(data: st.DataObject) -> None:
            names = data.draw(st.lists(strange.texts(), max_size=4))
            kinds = st.sampled_from(["tag", "tag", "blob"])
            named = [(name, data.draw(strange.contents(name, scratch.commits[1])), data.draw(kinds)) for name in names]
            strange.check(scratch, named)
            counts["repositories"] += 1
            counts["tags"] += len(named)

        attempt()
    print(json.dumps({**counts, "faults": 0, "seconds": round(time.perf_counter() - began)}))


if __name__ == "__main__":
    main()
