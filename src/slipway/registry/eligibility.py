"""Whether a version may hold a role that people rely on, and the reasons if not."""

from slipway.core.errors import RegistryError
from slipway.registry import artifacts, audit, releases
from slipway.registry.state import Version


class RefusedError(RegistryError):
    """A version may not hold a role; an unreachable remote, which leaves that open, raises another error."""

    exit_code = 6


def refusals(version: Version, release: releases.Release) -> list[str]:
    """The reasons why people may not rely on a version; empty if its gate passed and its bytes can be fetched.

    Malformed files and figures that do not follow from the predictions are reasons too.

    Raises:
        RegistryError: the remote cannot be reached, so it is unknown whether the bytes can be fetched.
    """
    outcome = release.verdict
    wrong = []
    if "archived" in version.roles:
        wrong.append("it is archived")
    if outcome != "pass":
        short = [f"{rule.subject}: {rule.reason}" for rule in release.rules if rule.verdict != "pass"]
        wrong.append(
            f"the gate says {outcome}" + (f" ({'; '.join(short)})" if short else "") if outcome else "it has no verdict"
        )
    return wrong + audit.discrepancies(version.variant, version.commit, release)


def unreachable() -> list[str]:
    """The reasons why other machines cannot fetch the bytes, although this clone can."""
    folder = artifacts.remote_inside_clone()
    if folder is None:
        return []
    return [
        f"the DVC remote, {folder}, is a folder in this clone, which nobody else can fetch from; give the team one "
        "with `dvc remote add --default team URL` and `dvc push`, see Where data and models are kept in docs/guide.md"
    ]
