"""Compare the time of `dvc repro` with nothing to do and of `dvc status`, in this repository, which must be built.

    python benchmarks/up_to_date.py [--rounds 5]

Prints one JSON object.
"""

import argparse
import json
import statistics
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COMMANDS = {"dvc repro": ["dvc", "repro"], "dvc status": ["dvc", "status"]}


def main() -> None:
    """Time both alternately and print the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for number in range(options.rounds + 1):
        for name, command in COMMANDS.items():
            began = time.perf_counter()
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
            if "up to date" not in done.stdout:
                raise SystemExit(f"{name}: the repository is not up to date; run `make repro` first")
            if number:
                seconds[name].append(time.perf_counter() - began)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    print(json.dumps({"seconds": medians, "ratio": medians["dvc repro"] / medians["dvc status"]}, indent=2))


if __name__ == "__main__":
    main()
