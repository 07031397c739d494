"""The rollouts that go on, on a server: which requests the new version answers.

A request takes part if it names a model alone. Its unit is who asks (X-Unit), or the request itself. While the new
version is not loaded, the state store holds the share down, or exposures cannot be written, production answers.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from slipway.experiments.assignment import Split
from slipway.rollouts.evidence import CANARY, PRODUCTION
from slipway.rollouts.history import Rollout
from slipway.serving.experiments import ROLE, Assigned
from slipway.serving.models import Models, Place
from slipway.serving.restraints import Restraints


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A rollout with the range of its canary, the share that it is for, and when its watch ends."""

    rollout: Rollout
    split: Split
    share: float
    until: float


class Rollouts:
    """The running rollouts, and the versions of requests.

    Args:
        models: the versions that answer.
        accepts: whether exposures can be written, so that units may be taken.
        restraints: what the state store holds down.
    """

    def __init__(self, models: Models, accepts: Callable[[], bool], restraints: Restraints) -> None:
        self._models = models
        self._accepts = accepts
        self._restraints = restraints
        self._drawn: dict[str, _Drawn] = {}

    def assign(self, name: str, caller: str | None, request_id: str) -> Assigned | None:
        """Return the version of a request; None if it takes part in no rollout.

        Args:
            name: what the address of the request says: rollouts are about names without a role or a version.
            caller: who asks; None if the request does not say.
            request_id: the id of the request.
        """
        if not self._models.roles.rollouts or self._models.role != ROLE or "@" in name:
            return None
        found = self.of(self._models.roles.names.get(name, name))
        if found is None or not self._accepts():
            return None
        rollout, arm = found.rollout, self._arm(found, caller or request_id)
        return Assigned(rollout.subject, arm[0], self._models.serving[rollout.variant, arm[1]], arm[2])

    def unit(self, variant: str, unit: str) -> tuple[str, float]:
        """Return the role whose version a unit gets, and the share of the canary in percent; without a rollout, 0."""
        found = self.of(variant)
        if found is None or found.share >= 100:
            return PRODUCTION, 0.0
        return self._arm(found, unit)[1], found.share

    def of(self, variant: str) -> "_Drawn | None":
        """Return the rollout that gives units of a variant the new version now; None if there is none."""
        rollout = self._models.roles.rollouts.get(variant)
        if rollout is None:
            return None
        held = self._restraints.shares.get(rollout.subject)
        share = rollout.share if held is None else min(rollout.share, held)
        serving = self._models.serving
        if share <= 0 or (variant, PRODUCTION) not in serving or (share < 100 and (variant, CANARY) not in serving):
            return None
        drawn = self._drawn.get(variant)
        if drawn is None or drawn.rollout is not rollout or drawn.share != share:
            until = rollout.stepped + 3600 * rollout.plan.watch_hours if share >= 100 else float("inf")
            drawn = self._drawn[variant] = _Drawn(rollout, rollout.split(share), share, until)
        return drawn if time.time() <= drawn.until else None

    def _arm(self, found: _Drawn, unit: str) -> tuple[str, str, float]:
        """The arm of a unit, the role of its version, and the probability of the arm."""
        if found.share >= 100:
            return CANARY, PRODUCTION, 1.0
        share = found.share / 100
        if found.split.of(unit) is None:
            return PRODUCTION, PRODUCTION, 1 - share
        return CANARY, CANARY, share


def places(rollouts: Mapping[str, Rollout]) -> list[Place]:
    """Return the places of the versions that rollouts need, beside production."""
    return [(one.variant, CANARY) for one in rollouts.values() if one.share < 100]
