"""The times of the loops of development, `make repro`, `make check` and `make test`, beside those of an older commit.

Each commit is cloned, with an environment of its own, and its commands run one after the other; run nothing else. The
times are without the installation. Prints one JSON object. Takes more than an hour on two cores; a run that was stopped
repeats only the commands that had not ended, because their times are kept in `.dvc/tmp/loops`.

    python benchmarks/loops.py             # the current commit beside ce6e0a6
    python benchmarks/loops.py COMMIT
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from slipway.core import atomic

ROOT = Path(__file__).resolve().parents[1]
PLACE = ROOT / ".dvc" / "tmp" / "loops"
BEFORE = "ce6e0a6"
"""The last commit before the packages were rearranged."""
COMMANDS = ("repro", "test", "check")


def loops(revision: str) -> dict[str, Any]:
    """The seconds of each command at a commit, its exit code, and the number of lines of dvc.lock."""
    commit = git("rev-parse", f"{revision}^{{commit}}")
    clone, kept = PLACE / commit[:7], PLACE / f"{commit[:7]}.json"
    found: dict[str, Any] = json.loads(kept.read_text()) if kept.exists() else {"commit": commit[:7]}
    found["lock_lines"] = len(git("show", f"{commit}:dvc.lock").splitlines())
    if found.keys() >= set(COMMANDS):
        return found
    if not clone.exists():
        subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
        subprocess.run(["git", "checkout", "-q", commit], cwd=clone, check=True)
    subprocess.run(["make", ".venv/dev", ".venv/build"], cwd=clone, check=True, stdout=sys.stderr)
    shared = os.environ.get("SLIPWAY_SHARED", str(ROOT.parent / "shared"))
    environment = {**os.environ, "MLFLOW_TRACKING_URI": "", "SLIPWAY_SHARED": shared}
    for command in COMMANDS:
        if command in found:
            continue
        began = time.perf_counter()
        done = subprocess.run(["make", command], cwd=clone, stdout=sys.stderr, env=environment, check=False)
        found[command] = {"seconds": round(time.perf_counter() - began, 1), "exit_code": done.returncode}
        atomic.write_json(kept, found)
    shutil.rmtree(clone)
    return found


def git(*arguments: str) -> str:
    """The output of a Git command in this repository."""
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def main() -> None:
    """Measure both commits, and print the times."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before", nargs="?", default=BEFORE, metavar="COMMIT")
    before = parser.parse_args().before
    PLACE.mkdir(parents=True, exist_ok=True)
    print(json.dumps({"before": loops(before), "now": loops("HEAD")}, indent=2))


if __name__ == "__main__":
    main()
