"""Two clean clones of what is committed, `make repro` in each with this environment: do their outputs agree?

    python benchmarks/clones.py

Takes twice the time of `make repro`. Prints one JSON object, with the seconds of each build.
"""

import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]


def build(place: Path) -> tuple[dict[str, str], float, list[str]]:
    """Hashes of the outputs of a fresh clone in `place`, the seconds it took, and what Git says has changed."""
    subprocess.run(["git", "clone", "-q", str(ROOT), str(place)], check=True)
    (place / ".venv").symlink_to(ROOT / ".venv")
    environment = {**os.environ, "MLFLOW_TRACKING_URI": ""}
    began = time.perf_counter()
    command = ["make", "repro", "--assume-old=.venv/ready"]
    subprocess.run(command, cwd=place, check=True, env=environment, capture_output=True)
    seconds = time.perf_counter() - began
    lock = yaml.safe_load((place / "dvc.lock").read_text())
    hashes = {out["path"]: out["md5"] for stage in lock["stages"].values() for out in stage["outs"]}
    status = subprocess.run(["git", "status", "--porcelain"], cwd=place, capture_output=True, text=True, check=True)
    return hashes, seconds, [line[3:] for line in status.stdout.splitlines() if line[3:] != ".venv"]


def main() -> None:
    """Build twice, compare, print."""
    with tempfile.TemporaryDirectory() as temporary:
        (one, first, changed), (two, second, _) = (build(Path(temporary) / name) for name in ("one", "two"))
    differ = sorted(path for path in one.keys() | two.keys() if one.get(path) != two.get(path))
    told = [path for path in differ if not path.endswith("/benchmark.json")]
    print(
        json.dumps(
            {
                "outputs": len(one),
                "differ": told,
                "same": 1 - len(told) / len(one),
                "seconds": [round(first, 1), round(second, 1)],
                "changed_in_git": changed,
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
