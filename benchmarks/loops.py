"""The time of a loop of development, `make repro`, `make check` or `make test`, beside that of an older commit.

Each commit is cloned, with an environment of its own, and the command runs in both clones, one after the other; run
nothing else. The times are without the installation, and the CPU time of all processes stands beside the wall time.
Prints one JSON object. A loop takes up to an hour on two cores; a run that was stopped repeats only what had not ended,
because the times are kept in `.dvc/tmp/loops`.

    python benchmarks/loops.py repro           # the current commit beside ce6e0a6
    python benchmarks/loops.py test COMMIT
"""

import argparse
import json
import os
import resource
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
COMMANDS = ("repro", "check", "test")


def loop(command: str, revision: str) -> dict[str, Any]:
    """The seconds and CPU seconds of a command at a commit, its exit code, and the number of lines of dvc.lock."""
    commit = git("rev-parse", "--short=7", f"{revision}^{{commit}}")
    clone, kept = PLACE / commit, PLACE / f"{commit}-{command}.json"
    if kept.exists():
        found: dict[str, Any] = json.loads(kept.read_text())
        return found
    shutil.rmtree(clone, ignore_errors=True)
    subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
    subprocess.run(["git", "checkout", "-q", commit], cwd=clone, check=True)
    subprocess.run(["make", ".venv/dev", ".venv/build"], cwd=clone, check=True, stdout=sys.stderr)
    shared = os.environ.get("SLIPWAY_SHARED", str(ROOT.parent / "shared"))
    environment = {**os.environ, "MLFLOW_TRACKING_URI": "", "SLIPWAY_SHARED": shared}
    began, used = time.perf_counter(), cpu_seconds()
    done = subprocess.run(["make", command], cwd=clone, stdout=sys.stderr, env=environment, check=False)
    found = {
        "commit": commit,
        "seconds": round(time.perf_counter() - began, 1),
        "cpu_seconds": round(cpu_seconds() - used, 1),
        "exit_code": done.returncode,
        "lock_lines": len(git("show", f"{commit}:dvc.lock").splitlines()),
    }
    atomic.write_json(kept, found)
    shutil.rmtree(clone)
    return found


def cpu_seconds() -> float:
    """The CPU seconds of all processes that this one has started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def git(*arguments: str) -> str:
    """The output of a Git command in this repository."""
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def main() -> None:
    """Measure both commits, and print the times."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("before", nargs="?", default=BEFORE, metavar="COMMIT")
    chosen = parser.parse_args()
    PLACE.mkdir(parents=True, exist_ok=True)
    now = loop(chosen.command, "HEAD")
    print(json.dumps({"before": loop(chosen.command, chosen.before), "now": now}, indent=2))


if __name__ == "__main__":
    main()
