"""`slipway pullable`: how many of the stages that are missing here `dvc pull` can fetch, so that nobody builds them.

A stage is missing when an output is neither in the working tree nor in DVC's cache, although nothing that the stage
depends on has changed since dvc.lock was written. It is pullable when the default remote has all that is missing.
"""

import logging
from collections.abc import Collection
from dataclasses import dataclass

from slipway.cli.changed import stale
from slipway.core.errors import RegistryError


@dataclass(frozen=True)
class Pullable:
    """How many stages are missing here, and how many of them the remote called `remote` has."""

    missing: int
    pullable: int
    remote: str


def pullable(variants: Collection[str]) -> Pullable | None:
    """Count the stages of these variants; None where there is no default remote.

    Raises:
        RegistryError: the remote cannot be reached.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    logging.getLogger("dvc").setLevel(logging.CRITICAL)  # the error below says it
    with Repo() as repo:
        name = repo.config["core"].get("remote")
        if not name:
            return None
        changed = stale(repo.status())
        missing: dict[str, set[str]] = {}
        for stage in repo.index.stages:
            if stage.addressing.partition("@")[2] not in variants or stage.addressing in changed:
                continue
            for out in stage.outs:
                if out.use_cache and out.hash_info and not out.exists and out.changed_cache():
                    missing.setdefault(stage.addressing, set()).add(out.hash_info.value)
        try:
            remote = repo.cloud.get_remote_odb(None, "pull", hash_name="md5")
            there = set(remote.oids_exist(sorted(set().union(*missing.values())))) if missing else set()
        except (DvcException, OSError) as error:
            raise RegistryError(f"the DVC remote {name} cannot be reached: {' '.join(str(error).split())[:300]}")
    return Pullable(len(missing), sum(hashes <= there for hashes in missing.values()), name)
