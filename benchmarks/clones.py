"""Run `make repro` in two clean clones of the current commit and compare their outputs.

    python benchmarks/clones.py          # builds both clones, with this environment
    python benchmarks/clones.py CLONE    # builds one, and compares it with a clone of the same commit built elsewhere

Takes the time of `make repro` for each clone that it builds. Prints one JSON object, with the seconds of each build.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]


def build(place: Path) -> float:
    """Clone and build, with the clone's own code; return the seconds of the build."""
    subprocess.run(["git", "clone", "-q", str(ROOT), str(place)], check=True)
    (place / ".venv").symlink_to(ROOT / ".venv")
    environment = {**os.environ, "MLFLOW_TRACKING_URI": "", "PYTHONPATH": f"{place}/src:{place}/edge/src"}
    began = time.perf_counter()
    command = ["make", "repro", "--assume-old=.venv/build"]
    subprocess.run(command, cwd=place, check=True, env=environment, stdout=sys.stderr)
    return round(time.perf_counter() - began, 1)


def outputs(place: Path) -> tuple[dict[str, str], list[str]]:
    """The hashes of the outputs of a built clone, and the files that Git reports as changed."""
    lock = yaml.safe_load((place / "dvc.lock").read_text())
    hashes = {out["path"]: out["md5"] for stage in lock["stages"].values() for out in stage["outs"]}
    status = subprocess.run(["git", "status", "--porcelain"], cwd=place, capture_output=True, text=True, check=True)
    return hashes, [line[3:] for line in status.stdout.splitlines() if line[3:] != ".venv"]


def head(place: Path) -> str:
    """The commit that is checked out."""
    command = ["git", "rev-parse", "HEAD"]
    return subprocess.run(command, cwd=place, capture_output=True, text=True, check=True).stdout


def main() -> None:
    """Build, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clone", nargs="?", type=Path)
    there: Path | None = parser.parse_args().clone
    if there is not None and head(there) != head(ROOT):
        parser.error(f"{there} has another commit checked out than {ROOT}")
    with tempfile.TemporaryDirectory() as temporary:
        places = [Path(temporary) / "one", there or Path(temporary) / "two"]
        seconds = [build(place) for place in places if place != there]
        (one, changed), (two, _) = map(outputs, places)
    differ = sorted(path for path in one.keys() | two.keys() if one.get(path) != two.get(path))
    different = [path for path in differ if not path.endswith("/benchmark.json")]
    print(
        json.dumps(
            {
                "outputs": len(one),
                "differ": different,
                "same": 1 - len(different) / len(one),
                "seconds": seconds,
                "changed_in_git": changed,
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
