"""`slipway share`: push the build and the run cache to the DVC remote, so that other machines need not rebuild it.

DVC caches the run of a stage that has outputs in Git (reports, records) only after `dvc commit`, and
`dvc push --run-cache` omits those outputs. Therefore the stages that match dvc.lock are committed, and those outputs
are pushed before the entries of the run cache that refer to them.
"""

import logging
from collections.abc import Collection

from slipway.core.errors import RegistryError


def share(variants: Collection[str]) -> int:
    """Push the outputs of these variants' up-to-date stages, and the run cache; return the number of files pushed.

    Raises:
        RegistryError: there is no remote, it cannot be reached, or a file is not in the cache.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo, lock_repo

    logging.getLogger("dvc").setLevel(logging.CRITICAL)  # errors are reported here
    with Repo() as repo, lock_repo(repo):
        of_variants = [stage for stage in repo.index.stages if stage.addressing.partition("@")[2] in variants]
        stages = [stage for stage in of_variants if not stage.changed()]
        for stage in stages:
            repo.commit(stage.addressing, force=True)
        for out in (out for stage in stages for out in stage.outs if not out.persist):
            out.use_cache = True  # the cache has these too after a run
        try:
            used = {obj for stage in stages for objs in stage.get_used_objs().values() for obj in objs}
            sent = repo.cloud.push(used)
            if sent.failed:
                raise RegistryError(f"{len(sent.failed)} files could not be pushed; run `dvc push` to see which")
            repo.stage_cache.push(None)
        except (DvcException, OSError) as error:
            raise RegistryError(f"nothing could be pushed: {' '.join(str(error).split())[:300]}")
    return len(sent.transferred)
