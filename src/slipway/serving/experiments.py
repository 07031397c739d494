"""The experiments that run on a server: which requests take part, and which version answers them.

A request takes part if it names a model alone, so that it asks for no certain version, and its unit has an arm. An
experiment takes units only while the versions of all its arms are loaded, its records can be written and the state
store does not hold it down, and a bandit only while the arms of its units are known; otherwise the version in
production answers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs

from slipway.experiments.definition import Experiment, ensemble_of
from slipway.serving.access import may
from slipway.serving.bandits import Bandits
from slipway.serving.ensembles import Together
from slipway.serving.models import Models, Place
from slipway.serving.problems import Problem
from slipway.serving.release import Loaded
from slipway.serving.restraints import Restraints

ROLE = "production"
"""Experiments are about the version in this role; a server of another role runs none."""


@dataclass(frozen=True, slots=True)
class Assigned:
    """The arm of a request, the version that answers it, and the share of units that get this arm.

    A tester's choice of an arm has no share, and is kept out of the analysis.
    """

    experiment: str
    arm: str
    model: Loaded | Together
    share: float | None


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for: an experiment, and an arm of it if a tester chooses one."""

    experiment: str
    arm: str | None


class Experiments:
    """The running experiments, and the arms of requests.

    Args:
        models: the versions that answer.
        accepts: whether exposures can be written, so that units may be taken.
        restraints: what the state store holds down.
        bandits: the arms of units in bandits.
    """

    def __init__(self, models: Models, accepts: Callable[[], bool], restraints: Restraints, bandits: Bandits) -> None:
        self._models = models
        self._accepts = accepts
        self._restraints = restraints
        self._bandits = bandits

    def running(self) -> list[Experiment]:
        """Return the running experiments of this server."""
        if self._models.role != ROLE:
            return []
        known = self._models.variants()
        return [one for one in self._models.roles.experiments if one.definition.model in known]

    def of(self, variant: str) -> list[Experiment]:
        """Return the running experiments about a variant."""
        return [one for one in self._models.roles.experiments if one.definition.model == variant]

    def assign(self, name: str, caller: str | None, unit_name: str | None, request_id: str) -> Assigned | None:
        """Return the arm of a request; None if it takes part in no experiment.

        Args:
            name: what the address of the request says: experiments are about names without a role or a version.
            caller: who asks; None if the request does not say.
            unit_name: the name of the caller in logs; None if the request does not say who asks, or without a log.
            request_id: the id of the request.
        """
        if not self._models.roles.experiments or self._models.role != ROLE or "@" in name:
            return None
        for one in self.of(self._models.roles.names.get(name, name)):
            unit = request_id if one.definition.unit == "request" else caller
            arm = one.assignment.arm(unit) if unit is not None else None
            if unit is not None and arm is not None:
                loaded = self._loaded(one)
                if loaded is None or not self._accepts() or one.subject in self._restraints.shares:
                    return None
                if one.definition.bandit is None:
                    return Assigned(one.id, arm, loaded[arm], one.shares[arm])
                seat = self._bandits.seat(one, unit, unit_name if one.definition.unit == "caller" else None)
                return None if seat is None else Assigned(one.id, seat.arm, loaded[seat.arm], seat.share)
        return None

    def choose(self, name: str, asked: Asked, state: dict[str, object]) -> Assigned | None:
        """Return the arm that a tester chooses; None if the request leaves it to the assignment.

        Raises:
            Problem: 404 if there is no such experiment or arm, 403 if the caller may not choose, 503 if the arm's
                version is not loaded.
        """
        variant = self._models.variant(name.partition("@")[0])
        found = {one.id: one for one in self.of(variant)}
        one = found.get(asked.experiment)
        if one is None:
            known = sorted(found)
            there = f"there are: {', '.join(known)}" if known else "there are none"
            raise Problem(
                404, "Unknown experiment", f"no experiment {asked.experiment} of {variant}; {there}", known=known
            )
        if asked.arm is None:
            return None
        if not may(state, "promote"):
            raise Problem(403, "Scope missing", "to choose an arm needs the scope promote", needed=["promote"])
        if asked.arm not in one.definition.arms:
            arms = list(one.definition.arms)
            raise Problem(404, "Unknown arm", f"{one.id} has no arm {asked.arm}; it has {', '.join(arms)}", known=arms)
        loaded = self._loaded(one)
        if loaded is None:
            raise Problem(503, "Model cannot be loaded", f"the versions of {one.id} are not all loaded; see /readyz")
        return Assigned(one.id, asked.arm, loaded[asked.arm], None)

    def _loaded(self, experiment: Experiment) -> dict[str, Loaded | Together] | None:
        """The loaded version or ensemble of each arm; None unless all are."""
        found = {arm: self._answering(experiment, version) for arm, version in experiment.definition.arms.items()}
        loaded = {arm: one for arm, one in found.items() if one is not None}
        return loaded if len(loaded) == len(found) else None

    def _answering(self, experiment: Experiment, version: str) -> Loaded | Together | None:
        if (of := ensemble_of(version)) is None:
            return self._models.serving.get((experiment.definition.model, version))
        together = self._models.ensembles.get(of[0])
        return together if together is not None and together.model_version == of[1] else None


def places(experiments: Sequence[Experiment]) -> list[Place]:
    """Return the places of the versions that experiments need; those of ensembles are not among them."""
    return [
        (one.definition.model, version)
        for one in experiments
        for version in one.definition.arms.values()
        if ensemble_of(version) is None
    ]


def asked(query: bytes) -> Asked | None:
    """Return what the query of a request asks for; None if it asks for no experiment."""
    values = parse_qs(query.decode("latin-1"))
    names, arms = values.get("experiment_id", []), values.get("arm", [])
    return Asked(names[-1], arms[-1] if arms else None) if names else None
