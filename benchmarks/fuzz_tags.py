"""Fuzz 10,000 repositories with tags that anyone with push access could create, and check which of them take effect.

    python benchmarks/fuzz_tags.py [--examples 10000]

Each repository has three valid tags and up to four tags with strange names and strange, damaged or arbitrary objects
(tests/registry/strange.py). The run stops at a traceback, or if a tag that Slipway would not write takes effect. Prints
one JSON object.
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
    """Create the repository, try the tags, and print the results."""
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
