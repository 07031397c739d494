"""The owner of a registered model in MLflow: teams share a server, and two of them may use the same model name.

Slipway writes the tag `slipway.repository`: the first commit of the repository, which all of its clones share. A fork
shares it too, so the commits named by the model's versions must also be in this clone. A model without the tag belongs
to this repository if it has versions of commits in this clone (it was written before the tag existed), or if it is in
the default store of this folder. A model of another owner is never changed unless it is adopted by name.
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
"""The tag of a model version with the commit of its version in Git."""


class OwnedError(RegistryError):
    """A registered model belongs to another repository and is not changed."""

    exit_code = 6


def tags() -> dict[str, str]:
    """The tag that names this repository as the owner; empty outside of a Git repository.

    Raises:
        RegistryError: this clone is shallow, so its first commit is missing.
    """
    found = _repository(Path.cwd())
    return {} if found is None else {OWNER: found}


def model(client: "MlflowClient", name: str) -> Any | None:
    """The registered model of a name; None if it does not exist."""
    from mlflow.exceptions import MlflowException

    try:
        return client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return None


def check(model: Any, versions: Sequence[Any]) -> None:
    """Check that a registered model belongs to this repository.

    Args:
        model: the registered model.
        versions: its versions.

    Raises:
        OwnedError: it belongs to another one.
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
        f"{model.name} in MLflow does not belong to this repository, {why}, so it is not changed: give yours another "
        f"register.name in conf/, or take it over with `slipway registry sync --adopt {model.name}`"
    )


def here(commits: Iterable[str]) -> set[str]:
    """The given commits that are in this clone."""
    lines = "".join(f"{one}\n" for one in commits)
    found = _git("cat-file", "--batch-check=%(objectname)", text=lines) if lines else ""
    return {line for line in (found or "").splitlines() if not line.endswith(" missing")}


@lru_cache(maxsize=8)
def _repository(folder: Path) -> str | None:
    if _git("rev-parse", "HEAD") is None:
        return None
    if (_git("rev-parse", "--is-shallow-repository") or "").strip() == "true":
        raise RegistryError(
            "this clone is shallow, so the owner of a model in MLflow cannot be determined: run `git fetch --unshallow "
            "--tags`"
        )
    roots = (_git("rev-list", "--first-parent", "--max-parents=0", "HEAD") or "").split()
    return roots[0] if roots else None


def _git(*arguments: str, text: str = "") -> str | None:
    """The output of Git; None if it fails, as outside of a repository."""
    done = subprocess.run(["git", *arguments], input=text, capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else None
