"""Random walks: register, promote, roll back, retire and sync, with crashes between any two writes.

After every step, no version that did not pass has a role unless it was forced. At the end the registry agrees with GTO;
after one uninterrupted sync MLflow agrees too, and another sync changes nothing.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from registry import agreement
from registry.house import PASSING, REFUSED, VARIANTS, git
from slipway.core.errors import RegistryError
from slipway.registry import git as plumbing
from slipway.registry import grammar, mirror, promotion, registration, state, tags
from slipway.tracking import mlflow_store

NAMES = st.sampled_from([*PASSING, *REFUSED])
NUMBER = st.integers(0, 99)
ROLES = st.sampled_from(grammar.LIVE)
FORCED = st.sampled_from([False, False, False, True])
CRASH = st.one_of(st.none(), st.none(), st.integers(0, 12))
"""The number of writes before the process dies; None for no crash."""
_GIT_WRITES = ("-c", "update-ref")  # `git -c ... tag`
_MLFLOW_WRITES = ("create_", "set_", "delete_", "update_", "log_")


class CrashError(BaseException):
    """A simulated kill: code under test cannot catch it as an Exception."""


class Writes:
    """A counter of writes that raises CrashError before one of them."""

    def __init__(self, left: int | None) -> None:
        self.left = left

    def __call__(self) -> None:
        if self.left is not None:
            if self.left == 0:
                raise CrashError
            self.left -= 1


class Client:
    """An MLflow client whose writes are counted."""

    def __init__(self, client: Any, writes: Writes) -> None:
        self._client, self._writes = client, writes

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if not name.startswith(_MLFLOW_WRITES):
            return found

        def counted(*arguments: Any, **named: Any) -> Any:
            self._writes()
            return found(*arguments, **named)

        return counted


@contextlib.contextmanager
def crashing(after: int | None) -> Iterator[None]:
    """Simulate a crash: the process "dies" after `after` writes, before the next one."""
    writes, run, connect = Writes(after), plumbing.run, mlflow_store.connect

    # A Git write is atomic, so a walk dies before it; a sync to MLflow takes several writes.
    def counted(*arguments: str, **named: Any) -> str:
        if arguments[0] in _GIT_WRITES:
            writes()
        return run(*arguments, **named)

    with (
        mock.patch.object(plumbing, "run", counted),
        mock.patch.object(mlflow_store, "connect", lambda *named: Client(connect(*named), writes)),
        contextlib.suppress(CrashError),
    ):
        yield


def walk(built: Path, commits: dict[str, str], uri: str) -> type[RuleBasedStateMachine]:
    """The state machine for the repository of house.py in `built` and the MLflow server at `uri`."""

    class Walk(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.before = Path.cwd()
            self.folder = Path(tempfile.mkdtemp())
            self.root = self.folder / "repository"
            shutil.copytree(built / "repository", self.root, symlinks=True)
            os.chdir(self.root)
            os.environ["MLFLOW_TRACKING_URI"] = uri
            self.wipe(VARIANTS[0])
            self.wipe(VARIANTS[1])

        def attempt(self, crash: int | None, do: Callable[[], object]) -> None:
            """Run `do` with a possible crash; a refusal is fine."""
            with crashing(crash), contextlib.suppress(RegistryError):
                do()

        def version(self, number: int) -> str:
            versions = [one.name for variant in state.read().values() for one in variant.versions.values()]
            return versions[number % len(versions)]

        @initialize()
        def begin(self) -> None:
            for name in (*PASSING[:2], "fails"):
                registration.register(VARIANTS[0], revision=commits[name])

        @rule(variant=st.sampled_from(VARIANTS), name=NAMES, crash=CRASH)
        def register(self, variant: str, name: str, crash: int | None) -> None:
            self.attempt(crash, lambda: registration.register(variant, revision=commits[name]))

        @rule(number=NUMBER, role=ROLES, force=FORCED, crash=CRASH)
        def promote(self, number: int, role: str, force: bool, crash: int | None) -> None:
            reason = "on purpose" if force else None
            version = self.version(number)
            self.attempt(crash, lambda: promotion.promote(version, role, force=force, reason=reason))

        @rule(variant=st.sampled_from(VARIANTS), role=ROLES, crash=CRASH)
        def rollback(self, variant: str, role: str, crash: int | None) -> None:
            self.attempt(crash, lambda: promotion.rollback(variant, role=role))

        @rule(number=NUMBER, force=FORCED, crash=CRASH)
        def retire(self, number: int, force: bool, crash: int | None) -> None:
            version = self.version(number)
            self.attempt(crash, lambda: promotion.retire(version, force=force, reason="old"))

        @rule(crash=CRASH)
        def sync(self, crash: int | None) -> None:
            self.attempt(crash, lambda: mirror.sync(state.read(), VARIANTS))

        @rule(variant=st.sampled_from(VARIANTS))
        def wipe(self, variant: str) -> None:
            """Delete the registered model, as another user could."""
            from mlflow.exceptions import MlflowException

            with contextlib.suppress(MlflowException):
                mlflow_store.connect(uri).delete_registered_model(variant.replace("-", "_"))

        @invariant()
        def nothing_holds_a_role_without_a_pass_unless_forced(self) -> None:
            passed = {commits[name] for name in PASSING}
            for tag in tags.read():
                if tag.action == "assign" and tag.role in grammar.LIVE:
                    assert tag.commit in passed or "Forced: " in tag.why, tag.name

        def teardown(self) -> None:
            try:
                assert agreement.ours() == agreement.gto(self.root)
                mirror.sync(state.read(), VARIANTS)
                agreement.check(self.root)
                assert mirror.sync(state.read(), VARIANTS).changes == []
                git(self.root, "fsck", "--strict")
            finally:
                os.environ.pop("MLFLOW_TRACKING_URI", None)
                os.chdir(self.before)
                shutil.rmtree(self.folder)

    return Walk
