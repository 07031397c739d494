"""1,000 random walks through the registry with a real MLflow server and crashes between any two writes.

    python benchmarks/registry_walks.py [--walks 1000] [--steps 12]

Each walk registers, promotes, rolls back, retires and syncs at random (tests/registry/walks.py). The run stops if Git,
GTO and MLflow do not agree after the last sync of a walk, or if a version gets a role without a pass. Prints one JSON
object.
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
from typing import Any
from unittest import mock

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

AUTHOR = {"NAME": "Walker", "EMAIL": "walker@example.org"}


def main() -> None:
    """Build the repository, start the server, walk, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--walks", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=12)
    options = parser.parse_args()
    os.environ |= {f"GIT_{who}_{key}": value for who in ("AUTHOR", "COMMITTER") for key, value in AUTHOR.items()}

    import servers
    from registry import house, walks
    from slipway.registry import grammar, mirror, transaction

    counts: collections.Counter[str] = collections.Counter()
    write, sync = transaction.write, mirror.sync

    def writing(snapshot: transaction.Snapshot, new: list[transaction.New], **options: Any) -> None:
        write(snapshot, new, **options)
        counts["tags"] += len(new)
        counts["promotions"] += any(f"#{role}#" in tag.name for tag in new for role in grammar.LIVE)

    def syncing(*arguments: Any) -> Any:
        counts["syncs begun"] += 1
        done = sync(*arguments)
        counts["syncs ended"] += 1
        return done

    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        built = Path(folder, "house")
        built.mkdir()
        house.build(built / "repository")
        commits = json.loads((built / "commits.json").read_text())
        with servers.mlflow(Path(folder, "server")) as address:
            machine = walks.walk(built, commits, address)
            began = time.perf_counter()
            with mock.patch.object(transaction, "write", writing), mock.patch.object(mirror, "sync", syncing):
                run_state_machine_as_test(
                    machine,
                    settings=settings(
                        max_examples=options.walks,
                        stateful_step_count=options.steps,
                        deadline=None,
                        database=None,
                        derandomize=True,
                        suppress_health_check=list(HealthCheck),
                    ),
                )
    seconds = round(time.perf_counter() - began)
    print(json.dumps({"walks": options.walks, "steps": options.steps, "disagree": 0, "seconds": seconds, **counts}))


if __name__ == "__main__":
    main()
