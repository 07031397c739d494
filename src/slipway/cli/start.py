"""The file of weights from which a new variant starts, `slipway new --weights`: the section `start` of its file."""

import hashlib
from pathlib import Path
from typing import Any

from slipway.core.errors import DataError
from slipway.registry import git


def section(weights: Path) -> dict[str, Any]:
    """Return the section `start`: the path, relative to the repository if the file is in it, and the SHA-256.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        with weights.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"--weights: {weights} cannot be read ({error.strerror or error})")
    return {"path": str(_place(weights)), "sha256": digest}


def notes(weights: Path | None) -> list[str]:
    """Return sentences on what is started from, and on how other machines get the file; none without a file."""
    if weights is None:
        return []
    place = _place(weights)
    found = [f"training starts from {place}; the train stage says which layers fit, and refuses a file without any"]
    if place.is_absolute():
        found.append(
            f"{place} is outside this repository, so the variant can only be built where it is: copy it into the "
            "repository, such as to weights/, give that path, and track it with dvc add"
        )
    elif not (Path(f"{place}.dvc").exists() or git.run("ls-files", "--", str(place))):
        found.append(f"{place} is not tracked: run dvc add {place}, so that other machines can build the variant")
    return found


def _place(weights: Path) -> Path:
    """The path relative to the repository, the working directory; an absolute one for a file outside it."""
    resolved, root = weights.resolve(), Path.cwd().resolve()
    return resolved.relative_to(root) if resolved.is_relative_to(root) else resolved
