"""Whose a registered model in MLflow is: a server is shared by teams, and two may have given a model the same name.

What is written carries the tag `slipway.repository`: the first commit of the repository, which all of its clones share.
A fork shares it too, so the commits that a model's versions name must be here as well. A model without the tag was
written before there was one, if it has versions of commits that are here, or is in the store of this very folder.
Nothing of anybody else is written to, unless it is adopted by name.
"""

import subprocess
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slipway.core.errors import RegistryError
from slipway.tracking import mlflow_store

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

OWNER = "slipway.repository"
COMMIT = "git_commit"
"""The tag of a model version that names the commit of its version in Git."""


class OwnedError(RegistryError):
    """A registered model belongs to somebody else, and is not touched."""

    exit_code = 6


def tags() -> dict[str, str]:
    """The tag that says whose something is; none outside of a Git repository.

    Raises:
        RegistryError: the history of this clone is cut off, so its first commit is not here.
    """
    found = _repository(Path.cwd())
    return {} if found is None else {OWNER: found}


def model(client: "MlflowClient", name: str) -> Any | None:
    """A registered model; None where there is none."""
    from mlflow.exceptions import MlflowException

    try:
        return client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return None


def check(model: Any, versions: Sequence[Any]) -> None:
    """Go on only with a registered model of this repository.

    Args:
        model: the registered model.
        versions: its versions.

    Raises:
        OwnedError: it is somebody else's.
    """
    whose, named = model.tags.get(OWNER), sorted({one.tags[COMMIT] for one in versions if COMMIT in one.tags})
    known = here(named)
    if elsewhere := [one for one in named if one not in known]:
        why = f"it has a version of commit {elsewhere[0][:7]}, which is not in this clone"
    elif whose is not None and whose != tags().get(OWNER):
        why = f"its tag {OWNER} is {whose[:7]}, another repository"
    elif whose is not None or known or not tags() or mlflow_store.is_default(mlflow_store.tracking_uri()):
        return
    else:
        why = f"it has no tag {OWNER}"
    raise OwnedError(
        f"{model.name} in MLflow is not of this repository, {why}, so it is not touched: give yours another "
        f"register.name in conf/, or take it over with `slipway registry sync --adopt {model.name}`"
    )


def here(commits: Iterable[str]) -> set[str]:
    """Those of some commits that this clone has."""
    asked = "".join(f"{one}\n" for one in commits)
    found = _git("cat-file", "--batch-check=%(objectname)", text=asked) if asked else ""
    return {line for line in (found or "").splitlines() if not line.endswith(" missing")}


@lru_cache(maxsize=8)
def _repository(folder: Path) -> str | None:
    if _git("rev-parse", "HEAD") is None:
        return None
    if (_git("rev-parse", "--is-shallow-repository") or "").strip() == "true":
        raise RegistryError(
            "this clone is shallow, so whose models MLflow has cannot be told: run `git fetch --unshallow --tags`"
        )
    roots = (_git("rev-list", "--first-parent", "--max-parents=0", "HEAD") or "").split()
    return roots[0] if roots else None


def _git(*arguments: str, text: str = "") -> str | None:
    """What Git prints; None where it fails, as outside of a repository."""
    done = subprocess.run(["git", *arguments], input=text, capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else None
