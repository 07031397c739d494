"""`slipway changed`: the variants whose build is out of date, for a build on many machines.

A build is out of date if `dvc status` reports changes after the code and compose stages have run. A file that was
only not fetched here does not count as a change.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from slipway.core import config


def changed() -> list[list[str]]:
    """Return the variants to build, in groups that can be built independently; a base comes before its transfers.

    Raises:
        ConfigError: this is not the root of the repository, or params.yaml cannot be read.
    """
    from dvc.repo import Repo

    top = config.top()
    with Repo() as repo:
        status: Mapping[str, Any] = repo.status()
    return list(_groups(top["all"], {stage.partition("@")[2] for stage in stale(status)}))


def stale(status: Mapping[str, Any]) -> set[str]:
    """The stages in what `dvc status` reports whose code, parameters or files have changed."""
    return {stage for stage, reasons in status.items() if any(map(_counts, reasons))}


def _counts(reason: str | Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether a reason of `dvc status` is more than a missing file."""
    if isinstance(reason, str):  # the command changed
        return True
    return any(how not in ("deleted", "not in cache") for paths in reason.values() for how in paths.values())


def _groups(variants: Mapping[str, Mapping[str, str]], stale: set[str]) -> Iterator[list[str]]:
    begins = {name: one.get("from", name) for name, one in variants.items()}
    for base in dict.fromkeys(begins.values()):
        of_base = [name for name, begin in begins.items() if begin == base and name != base]
        if base in stale:
            yield [base, *of_base]
        else:
            yield from ([name] for name in of_base if name in stale)
