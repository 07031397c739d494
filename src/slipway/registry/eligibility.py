"""Whether people may rely on a version: why it is refused a role."""

from slipway.core.errors import RegistryError
from slipway.registry import artifacts, audit, releases
from slipway.registry.state import Version


class RefusedError(RegistryError):
    """A version may not have a role; whoever cannot find out, as when a remote does not answer, raises another."""

    exit_code = 6


def refusals(version: Version, release: releases.Release) -> list[str]:
    """Why people may not rely on a version: nothing, when its gate passed, for bytes that can be fetched.

    What is malformed or does not come out again of its predictions is a reason like any other.

    Raises:
        RegistryError: the remote cannot be reached, so whether they can nobody knows.
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
    return wrong + audit.doubts(version.variant, version.commit, release)


def unreachable() -> list[str]:
    """Why others could not fetch what gets a role, though this clone can."""
    folder = artifacts.private()
    if folder is None:
        return []
    return [
        f"the DVC remote, {folder}, is a folder in this clone, which nobody else can fetch from; give the team one "
        "with `dvc remote add --default team URL` and `dvc push`, see Where data and models are kept in docs/guide.md"
    ]
