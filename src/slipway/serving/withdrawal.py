"""Go back to the version before, when too many requests to a new one fail (`rollback_on_error`).

Failures are errors of the server: status 500 and above, and answers after the deadline. The test is `fixed_share` of
`slipway.statistics`: a version of which at most `LIMIT` of the requests fail is ever withdrawn with a probability of at
most `ALPHA`, if requests fail independently.

Git still says that the version holds its role: a withdrawal is of this server alone, until the role is given anew. It
takes the role from the tag that gave it, so a later promotion of the same version has its effect.
"""

import json
from collections.abc import Mapping
from math import log
from pathlib import Path

from filelock import FileLock

from slipway.core import atomic
from slipway.statistics.fixed_share import log_e_value_above

LIMIT = 0.05
ALPHA = 0.001


class Failures:
    """The requests that a worker answered by each version since it was given its role, and how many of them failed."""

    def __init__(self) -> None:
        self._counts: dict[str, tuple[int, int]] = {}

    def count(self, tag: str, failed: bool) -> str | None:
        """Count a request to the version that a tag gave its role; return why it is withdrawn, None if it is not."""
        requests, failures = self._counts.get(tag, (0, 0))
        requests, failures = requests + 1, failures + failed
        self._counts[tag] = requests, failures
        if not failed or log_e_value_above(failures, requests, LIMIT) < log(1 / ALPHA):
            return None
        return f"{failures} of {requests} requests failed"


def read(path: Path) -> dict[str, str]:
    """Return the tags that have no effect on this server, with the reasons."""
    try:
        found: dict[str, str] = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    return found


def add(path: Path, tag: str, reason: str) -> None:
    """Note that a tag has no effect on this server."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{path}.lock"):
        known: Mapping[str, str] = read(path)
        if tag not in known:
            atomic.write_json(path, {**known, tag: reason})
