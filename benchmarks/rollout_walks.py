"""1,000 random walks over rollouts: start, exposures, steps, crashes, restarts, refused pushes, two controllers.

    python benchmarks/rollout_walks.py [--walks 1000] [--moves 12] [--first 0]

tests/rollouts/walks.py makes them, with Git, a remote, logs and a state store in SQLite. After each move it checks what
must hold; the run stops at the first walk in which something does not. Prints one JSON object.
"""

import argparse
import contextlib
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

from rich.progress import track

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from rollouts.walks import prepared, walk


def main() -> None:
    """Walk and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--walks", type=int, default=1000)
    parser.add_argument("--moves", type=int, default=12)
    parser.add_argument("--first", type=int, default=0, help="seed of the first walk")
    options = parser.parse_args()
    began, tags = time.perf_counter(), 0
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        ready = Path(folder, "ready", "repository")
        ready.parent.mkdir()
        prepared(ready)
        for seed in track(range(options.first, options.first + options.walks), "walks"):
            place = Path(folder, "walk")
            place.mkdir()
            tags += walk(ready, place, seed, options.moves)
            shutil.rmtree(place)
    figures = {"walks": options.walks, "moves": options.moves, "disagree": 0, "tags": tags}
    print(json.dumps({**figures, "seconds": round(time.perf_counter() - began)}, indent=2))


if __name__ == "__main__":
    main()
