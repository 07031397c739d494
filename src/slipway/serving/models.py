"""The versions in memory: which one answers for an address, and which ones are unloaded when there are too many.

An address is `NAME`, which means the version with the server's role (or the version that the server is told to serve),
`NAME@ROLE`, `NAME@VERSION` or `NAME@latest`. NAME is a variant, or the name of its registered model in MLflow.

For each (variant, role) one loaded version answers. It is replaced only by one that is loaded, so a version that
cannot be loaded leaves the old one in service. All of this happens on the event loop, between two requests.

An ensemble is addressed by its name. Its members are kept loaded like versions that hold a role, and it answers when
all of them are. Once its verdict does not hold any more, it does not answer.
"""

from collections import OrderedDict
from collections.abc import Iterable

from slipway.ensembles.members import Ensemble
from slipway.experiments.definition import ensemble_of
from slipway.registry.grammar import LIVE
from slipway.registry.state import LATEST, Version
from slipway.serving.ensembles import Together
from slipway.serving.problems import Problem
from slipway.serving.release import Key, Loaded, key
from slipway.serving.roles import Roles

Place = tuple[str, str]
"""A variant and a role."""
ENSEMBLE = "ensemble"
"""What stands in the place of a role for an ensemble."""


class Models:
    """The versions that answer.

    `role` is the role of an address without one, `only` the variants to answer for, empty for all, and `cache_bytes`
    the most bytes of loaded files.
    """

    def __init__(self, role: str, only: Iterable[str], cache_bytes: int) -> None:
        self.role = role
        self.only = frozenset(only)
        self.cache_bytes = cache_bytes
        self.roles = Roles()
        self._needed: frozenset[Place] = frozenset()
        """The places, with a version instead of a role, that experiments and ensembles need."""
        self.serving: dict[Place, Loaded] = {}
        self._memory: OrderedDict[Key, Loaded] = OrderedDict()
        self._arms: set[str] = set()
        """The ensembles that are arms of experiments about the variants."""
        self.ensembles: dict[str, Together] = {}
        """The ensembles that answer."""
        self._ready: dict[str, Loaded | Together] = {}
        self._held: set[Key] = set()
        """The versions that are never unloaded: those that hold a role in Git or answer for one."""

    def find(self, address: str) -> Loaded | Together | Version:
        """Return the loaded version or the ensemble that an address means, or the version to load first.

        Raises:
            Problem: 404 if there is no such model, version or holder of the role, 503 for an ensemble that does not
                answer.
        """
        if (known := self._ready.get(address)) is not None:
            if isinstance(known, Loaded):
                self._memory.move_to_end(key(known.version))
            return known
        if self._is_ensemble(address):
            why = self.roles.ensembles.refused.get(address, "its members are not all loaded; see /readyz")
            raise Problem(503, "Ensemble does not answer", f"the ensemble {address} does not answer: {why}")
        place, version = self.resolve(address)
        if (loaded := self._memory.get(key(version))) is not None:
            self.put(loaded, place)
            return loaded
        return version

    def resolve(self, address: str) -> tuple[Place | None, Version]:
        """Return the version that an address means in Git, and its place if the address means a role.

        Raises:
            Problem: 404 if there is none; it says which ones there are.
        """
        name, _, wanted = address.partition("@")
        wanted = wanted or self.role
        variant = self.variant(name)
        if wanted in LIVE:
            holder = self.roles.holders.get((variant, wanted))
            if holder is None:
                held = [role for role in LIVE if (variant, role) in self.roles.holders]
                raise Problem(
                    404,
                    "Role without a version",
                    f"no version of {variant} holds {wanted}; held are: {', '.join(held) or 'no roles'}. Give it with "
                    f"`slipway promote {variant}@VERSION --to {wanted}`",
                    known=held,
                )
            return (variant, wanted), holder
        versions = self.roles.variants[variant].versions
        if wanted == LATEST:
            return None, next(iter(versions.values()))
        place = (variant, wanted) if wanted == self.role else None
        if wanted not in versions:
            known = list(versions)
            raise Problem(
                404,
                "Unknown version",
                f"{variant} has no version {wanted}; it has {_listed(known)}, and roles are {', '.join(LIVE)}",
                known=known,
            )
        return place, versions[wanted]

    def variant(self, name: str) -> str:
        """Return the variant that a name means.

        Raises:
            Problem: 404 if there is none.
        """
        variant = self.roles.names.get(name, name)
        if variant not in self.roles.variants or (self.only and variant not in self.only):
            if self._is_ensemble(name):
                raise Problem(
                    404, "No single model", f"{name} is an ensemble: it has no versions, roles or experiments"
                )
            known = [*self.variants(), *filter(self._is_ensemble, self.ensembles)]
            raise Problem(404, "Unknown model", f"no model {name}; there are: {_listed(known) or 'none'}", known=known)
        return variant

    def variants(self) -> list[str]:
        """Return the variants that the server answers for."""
        return [name for name in self.roles.variants if not self.only or name in self.only]

    def unanswered(self) -> list[str]:
        """Return the chosen models that have no version with the server's role."""
        return sorted(
            name for name in self.only if not self._is_ensemble(name) and self.holder((name, self.role)) is None
        )

    def silent(self) -> list[str]:
        """Return the chosen ensembles that do not answer."""
        return sorted(name for name in self.only if self._is_ensemble(name) and name not in self.ensembles)

    def voting(self) -> dict[str, Ensemble]:
        """Return the ensembles that should answer, as Git says: the chosen ones, and those that are arms."""
        passed = self.roles.ensembles.passed
        return {name: one for name, one in passed.items() if not self.only or name in self.only or name in self._arms}

    def _is_ensemble(self, name: str) -> bool:
        """Whether a name is that of an ensemble that the server answers for, if it can."""
        standing = self.roles.ensembles
        return (name in standing.passed or name in standing.refused) and not (self.only and name not in self.only)

    def holder(self, place: Place) -> Version | None:
        """Return the version that Git names for a place; None if there is none."""
        variant, role = place
        if role in LIVE:
            return self.roles.holders.get(place)
        return self.roles.variants[variant].versions.get(role) if variant in self.roles.variants else None

    def followed(self) -> dict[Place, Version]:
        """Return the places to keep loaded with their versions in Git: those of the server's role, those of
        experiments and ensembles, and those in use."""
        places = [(name, self.role) for name in self.variants()]
        places += [place for place in (*sorted(self._needed), *self.serving) if place not in places]
        return {place: version for place in places if (version := self.holder(place)) is not None}

    def loaded(self) -> list[Loaded]:
        """Return the versions in memory, the one that was used last at the end."""
        return list(self._memory.values())

    def get(self, version: Version) -> Loaded | None:
        """Return a version if it is in memory."""
        return self._memory.get(key(version))

    def follow(self, roles: Roles, compared: Iterable[Place] = ()) -> None:
        """Take what Git says now: places without a holder end to answer.

        Args:
            roles: what Git says.
            compared: the places, with a version instead of a role, that experiments need.
        """
        self.roles = roles
        known = set(self.variants())
        arms = [one.definition for one in roles.experiments if one.definition.model in known]
        self._arms = {of[0] for one in arms for arm in one.arms.values() if (of := ensemble_of(arm)) is not None}
        voting = self.voting()
        members = {place for one in voting.values() for place in _places(one)}
        self._needed = frozenset(members | {place for place in compared if place[0] in known})
        self.ensembles = {name: one for name, one in self.ensembles.items() if name in voting}
        self.serving = {place: loaded for place, loaded in self.serving.items() if self._stays(place)}
        self._hold()
        self._update()

    def _stays(self, place: Place) -> bool:
        wanted = place[1] in LIVE or place[1] == self.role or place in self._needed
        return wanted and self.holder(place) is not None

    def put(self, loaded: Loaded, place: Place | None = None) -> None:
        """Add a version; at a place, it answers from now on."""
        self._memory[key(loaded.version)] = loaded
        self._memory.move_to_end(key(loaded.version))
        holder = self.holder(place) if place is not None else None
        if place is not None and holder is not None and key(holder) == key(loaded.version):
            self.serving[place] = loaded
        self._hold()
        self._trim()
        self._update()

    def unload(self, version: Version) -> bool:
        """Remove a version from memory, unless it holds a role or answers for one; return whether it is removed."""
        if key(version) in self._held or key(version) not in self._memory:
            return False
        del self._memory[key(version)]
        self._update()
        return True

    def is_held(self, model: Loaded | Together) -> bool:
        """Whether a version holds a role in Git, or answers for one; an ensemble does what Git says."""
        return isinstance(model, Together) or key(model.version) in self._held

    def _is_registered(self, version: Version) -> bool:
        variant = self.roles.variants.get(version.variant)
        return variant is not None and variant.version_at(version.commit) == version.version

    def _hold(self) -> None:
        members = (one for together in self.ensembles.values() for one in together.members)
        serving = (one.version for one in (*self.serving.values(), *members))
        self._held = {key(one) for one in (*self.roles.holders.values(), *serving)}

    def _trim(self) -> None:
        """Unload the versions that were used least recently until the others are within the limit."""
        total, newest = sum(one.bytes for one in self._memory.values()), next(reversed(self._memory))
        for one in list(self._memory):
            if total <= self.cache_bytes:
                return
            if one not in self._held and one != newest:
                total -= self._memory.pop(one).bytes

    def _update(self) -> None:
        """Write down which loaded version each address means, so that a request needs only one look."""
        ready = {one.version.name: one for one in self._memory.values() if self._is_registered(one.version)}
        aliases: dict[str, list[str]] = {}
        for registered, variant in self.roles.names.items():
            aliases.setdefault(variant, [variant]).append(registered)
        for (variant, role), loaded in self.serving.items():
            for name in aliases.get(variant, [variant]):
                ready[f"{name}@{role}"] = loaded
                if role == self.role:
                    ready[name] = loaded
        if self.only:
            ready = {name: one for name, one in ready.items() if one.version.variant in self.only}
        for name, ensemble in self.voting().items():
            members = [self.serving[place] for place in _places(ensemble) if place in self.serving]
            if len(members) == len(ensemble.members):  # otherwise the one before goes on, until all are loaded
                self.ensembles[name] = Together(ensemble, tuple(members))
        self._ready = {**ready, **{name: one for name, one in self.ensembles.items() if self._is_ensemble(name)}}


def _places(ensemble: Ensemble) -> list[Place]:
    """The places of the members of an ensemble."""
    return [(one.version.variant, one.version.version) for one in ensemble.members]


def _listed(names: list[str], most: int = 10) -> str:
    """Names in words, the first few of them."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
