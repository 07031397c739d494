"""Random walks over rollouts: start, exposures, steps, crashes, restarts, refused pushes, and two controllers.

A walk uses the real parts: Git with a remote, logs, and a state store in SQLite. After each move it checks what must
hold: no share is above Git's, no unit leaves the new version while the share grows, no exposure that was written is
lost, and a rollout is taken back at most once.
"""

import contextlib
import itertools
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from rollouts import house
from slipway.core.errors import RegistryError
from slipway.registry import state
from slipway.rollouts import evidence, history, observations
from slipway.rollouts.controller import Act, Controller
from slipway.rollouts.history import Rollout
from slipway.state import restraints
from slipway.state.store import Store, default
from slipway.traffic.log import Log
from slipway.traffic.records import PREDICTIONS, Prediction

PLAN = "steps: [20, 50, 100]\nminimum_units: 5\nminimum_hours: 0\ncanary_duration_hours: 0\nmaximum_hours: 1\n"
MOVES = (
    "start",
    "expose",
    "expose",
    "expose",
    "fail",
    "look",
    "look",
    "look",
    "crash",
    "refuse",
    "accept",
    "abort",
    "jump",
)
USERS = tuple(f"user-{number}" for number in range(40))


def prepared(root: Path) -> None:
    """Create a repository with two versions that can be rolled out, its plan, and a Git remote beside it."""
    house.built(root, False, False)
    (root / "rollouts").mkdir()
    (root / "rollouts" / "ball.yaml").write_text(PLAN)
    house.git(root, "config", "user.email", "tester@example.org")
    house.git(root, "add", "--all")
    house.git(root, "commit", "-q", "-m", "plan")
    house.git(root.parent, "init", "-q", "--bare", "remote.git")
    house.git(root, "remote", "add", "origin", str(root.parent / "remote.git"))
    for what in ("--all", "--tags"):
        house.git(root, "push", "-q", "origin", what)


@dataclass
class Walk:
    """A walk in a folder with a copy of `prepared`; the working folder is its repository."""

    root: Path
    random: Random
    clock: float = field(default_factory=time.time)
    number: Iterator[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        logs = self.root / "logs"
        self.store = Store(default(logs))
        self.store.migrate()
        self.logs = logs
        self.written = [Log(logs, PREDICTIONS, worker) for worker in range(2)]
        self.controllers = [self._controller(), self._controller()]
        self.pending: list[Act] = []
        self.exposed: dict[str, dict[str, set[str]]] = {}
        self.canary: dict[str, tuple[float, set[str]]] = {}

    def move(self, name: str) -> None:
        """Make a move, and check what must hold."""
        getattr(self, f"_{name}")()
        self._check()

    def _controller(self) -> Controller:
        return Controller(self.store, self.logs, f"controller-{next(self.number)}", lambda _: None)

    def running(self) -> Rollout | None:
        return history.current(state.read()["ball"])

    def _start(self) -> None:
        holder = state.read()["ball"].holder("production")
        assert holder is not None
        version = self.random.choice([one for one in ("v2.0.0", "v3.0.0") if one != holder.version])
        with contextlib.suppress(RegistryError):  # one goes on, it was taken back, or the remote refuses
            history.start(f"ball@{version}", push=True)

    def _expose(self, failing: float = 0.0) -> None:
        """Requests of some users, which a worker writes down before they are answered."""
        rollout = self.running()
        if rollout is None:
            return
        share = self._share(rollout)
        for user in self.random.sample(USERS, 20):
            if not 0 < share <= 100:
                continue
            inside = share >= 100 or rollout.split(share).of(user) is not None
            arm = evidence.CANARY if inside else evidence.PRODUCTION
            fails = inside and self.random.random() < failing
            record = Prediction(
                time=datetime.fromtimestamp(self.clock, UTC),
                request_id=f"r{next(self.number)}",
                model="ball",
                model_version="v0",
                unit=user,
                status=500 if fails else 200,
                problem=None,
                examples=1,
                seconds=0.01,
                inference_time=0.01,
                predictions=None,
                experiment=rollout.subject,
                arm=arm,
                share=share / 100 if inside else 1 - share / 100,
            )
            assert self.random.choice(self.written).write(record, keep=True)
            self.exposed.setdefault(rollout.subject, {}).setdefault(f"{share:g}", set()).add(user)
            self._stays(rollout, share, user, inside)

    def _stays(self, rollout: Rollout, share: float, user: str, inside: bool) -> None:
        """No unit leaves the new version while the share grows."""
        _, mine = self.canary.setdefault(rollout.subject, (share, set()))
        if inside:
            mine.add(user)
        assert inside or user not in mine, f"{user} left the canary of {rollout.subject}"

    def _fail(self) -> None:
        self._expose(failing=1.0)

    def _look(self) -> None:
        """One of the controllers looks; what it decides is written, or it is killed before."""
        at = self.random.randrange(2)
        rollout = self.running()
        running = {} if rollout is None else {rollout.subject: rollout}
        _, acts = self.controllers[at].look(running, state.read(), {}, self.clock)
        for act in acts:
            if self.random.random() < 0.25:
                self.controllers[at] = self._controller()  # killed between the restraint and the tag
            else:
                self._write(act)
        self.pending += acts

    def _write(self, act: Act) -> None:
        with contextlib.suppress(RegistryError):  # somebody was quicker, or the remote refuses
            history.apply(
                act.rollout.variant,
                act.action,
                number=act.rollout.number,
                reason=act.why,
                evidence=evidence.parse(act.evidence),
                push=True,
            )

    def _crash(self) -> None:
        """A controller is killed, and another one begins from the logs; an act of the old one may come late."""
        self.controllers[self.random.randrange(2)] = self._controller()
        if self.pending and self.random.random() < 0.5:
            late = self.random.choice(self.pending)
            rollout = self.running()
            if late.action == "take back" or (rollout is not None and rollout == late.rollout):
                self._write(late)

    def _refuse(self) -> None:
        hook = self.root.parent / "remote.git" / "hooks" / "pre-receive"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text("#!/bin/sh\nexit 1\n")
        hook.chmod(0o755)

    def _accept(self) -> None:
        (self.root.parent / "remote.git" / "hooks" / "pre-receive").unlink(missing_ok=True)

    def _abort(self) -> None:
        if self.random.random() < 0.3:
            with contextlib.suppress(RegistryError):
                history.apply("ball", "abort", reason="no", push=True)

    def _jump(self) -> None:
        """The clock goes on, or back."""
        self.clock += self.random.choice((5.0, 20.0, -3600.0))

    def _share(self, rollout: Rollout) -> float:
        """The share that every worker gives."""
        held = restraints.read(self.store).get(rollout.subject)
        return rollout.share if held is None else min(rollout.share, held.share)

    def _check(self) -> None:
        known = state.read()["ball"]
        rollout = history.current(known)
        if rollout is not None:
            assert self._share(rollout) <= rollout.share
        backs = [history.facts(tag) for tag in known.tags if "Taken back" in history.facts(tag)]
        numbers = [one["Rollout"] for one in backs]
        assert len(numbers) == len(set(numbers)), f"taken back twice: {numbers}"
        for subject in restraints.read(self.store):
            number = int(subject.rpartition("/")[2])
            assert rollout is None or rollout.number != number or self._share(rollout) == 0
        for subject, shares in self.exposed.items():
            if rollout is not None and rollout.subject == subject:
                counted = self._counted(rollout)
                assert {share: len(users) for share, users in shares.items()} == counted

    def _counted(self, rollout: Rollout) -> dict[str, int]:
        found = observations.count(rollout, self.logs).evidence((0, 0), None)
        return {f"{one.share:g}": one.canary + one.production for one in found.steps}


def walk(prepared: Path, folder: Path, seed: int, length: int) -> int:
    """Make a walk in a copy of `prepared`, and return the number of tags that it wrote.

    Raises:
        AssertionError: something that must hold did not.
    """
    root = house.copied(prepared, folder)
    shutil.copytree(prepared.parent / "remote.git", folder / "remote.git")
    house.git(root, "remote", "set-url", "origin", str(folder / "remote.git"))
    with contextlib.chdir(root):
        random = Random(seed)
        one = Walk(root, random)
        before = len(state.read()["ball"].tags)
        one.move("start")
        for _ in range(length):
            one.move(random.choice(MOVES))
        one.store.close()
        return len(state.read()["ball"].tags) - before
