"""`slipway share`: what is built here goes to the DVC remote with the run cache, so that nobody builds it again.

DVC keeps no run of a stage some of whose outputs Git keeps (reports, records) until that is committed, and
`dvc push --run-cache` leaves those outputs out. So stages that are as dvc.lock says are committed, and those files go
along, before the entries of the run cache that name them.
"""

import logging
from collections.abc import Collection

from slipway.core.errors import RegistryError


def share(variants: Collection[str]) -> int:
    """Push the outputs of these variants' stages that are up to date, and the run cache; how many files were pushed.

    Raises:
        RegistryError: there is no remote, it cannot be reached, or something is not in the cache.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo, lock_repo

    logging.getLogger("dvc").setLevel(logging.CRITICAL)  # it is told here
    with Repo() as repo, lock_repo(repo):
        of_variants = [stage for stage in repo.index.stages if stage.addressing.partition("@")[2] in variants]
        stages = [stage for stage in of_variants if not stage.changed()]
        for stage in stages:
            repo.commit(stage.addressing, force=True)
        for out in (out for stage in stages for out in stage.outs if not out.persist):
            out.use_cache = True  # a stage that ran has put these into the cache too
        try:
            used = {obj for stage in stages for objs in stage.get_used_objs().values() for obj in objs}
            sent = repo.cloud.push(used)
            if sent.failed:
                raise RegistryError(f"{len(sent.failed)} files could not be pushed; run `dvc push` to see which")
            repo.stage_cache.push(None)
        except (DvcException, OSError) as error:
            raise RegistryError(f"nothing could be pushed: {' '.join(str(error).split())[:300]}")
    return len(sent.transferred)
