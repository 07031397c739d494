"""Follow the logs of rollouts, and decide: one controller at a time, by a lease in the state store.

To take a version back, its share is first held down to 0 in the state store, with the evidence; whoever finds this
restraint and no tag completes it. So a controller may end at any moment.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from slipway.registry.state import Variant
from slipway.rollouts import history, observations
from slipway.rollouts.decision import Decision, decide
from slipway.rollouts.evidence import Counting
from slipway.rollouts.history import Action, Rollout
from slipway.state import leases
from slipway.state import restraints as stored
from slipway.state.store import Store
from slipway.traffic.records import OUTCOMES, PREDICTIONS
from slipway.traffic.tail import Tail

LEASE = 8.0
"""Seconds after which another controller decides, if the one with the lease is gone."""
_NAME = "rollouts"
_FIELDS = ("request_id", "unit", "arm", "share", "status", "seconds", "predictions")


@dataclass(frozen=True)
class Act:
    """What is to be written about a rollout: the action, the reason, and the evidence as JSON."""

    rollout: Rollout
    action: Action
    why: str
    evidence: str


@dataclass(frozen=True)
class Look:
    """A rollout at a look: what follows for it, and the canary's units at its share."""

    rollout: Rollout
    decision: Decision
    units: int


class Controller:
    """A controller of the rollouts of a folder of logs.

    Args:
        store: the state store, whose tables are there.
        logs: the folder of the logs.
        holder: its name, which no other controller has.
        held: is called with the shares that are held down, when one more is.
    """

    def __init__(self, store: Store, logs: Path, holder: str, held: Callable[[Mapping[str, float]], None]) -> None:
        self._store = store
        self._logs = logs
        self._holder = holder
        self._held = held
        self._lease: leases.Lease | None = None
        self._followed: dict[str, _Followed] = {}

    def look(
        self,
        running: Mapping[str, Rollout],
        variants: Mapping[str, Variant],
        parity: Mapping[str, float | None],
        now: float,
    ) -> tuple[list[Look], list[Act]]:
        """Count what the logs have more, and return what follows, and what is to be written; nothing without the lease.

        Args:
            running: the rollouts to judge, by their names.
            variants: the variants in the registry.
            parity: for each of the rollouts the largest difference of an output for golden inputs, None if not known.
            now: the time, in seconds since 1970.

        Raises:
            StateError: the store is locked, full or away; then nobody decides.
            OSError: a log cannot be read.
        """
        for subject in self._followed.keys() - running.keys():
            del self._followed[subject]
        for subject, rollout in running.items():
            if subject not in self._followed:
                self._followed[subject] = _Followed(rollout, self._logs)
            self._followed[subject].read()
        if not self._may_decide(now):
            return [], []
        held = stored.read(self._store)
        self._lift(held, variants)
        looks, acts = [], []
        for subject, rollout in running.items():
            if (restraint := held.get(subject)) is not None:
                acts.append(Act(rollout, "take back", restraint.why, restraint.evidence))
                continue
            evidence = self._followed[subject].counting.evidence(rollout.hours(now), parity.get(subject))
            found = decide(rollout.plan, evidence, rollout.share)
            looks.append(Look(rollout, found, evidence.units(rollout.share)))
            if found.action == "take back":
                stored.restrain(self._store, subject, 0, found.why, evidence.to_json(), now)
                self._held({name: one.share for name, one in stored.read(self._store).items()})
            if found.action == "take back" or (found.action in ("step", "pause") and not rollout.paused):
                acts.append(Act(rollout, found.action, found.why, evidence.to_json()))
        return looks, acts

    def _may_decide(self, now: float) -> bool:
        """Whether this controller has the lease; it is renewed in time."""
        if self._lease is None or not 0 <= self._lease.until - LEASE / 2 - now <= LEASE:
            self._lease = leases.take(self._store, _NAME, self._holder, now=now, seconds=LEASE)
        return self._lease is not None

    def _lift(self, held: Mapping[str, stored.Restraint], variants: Mapping[str, Variant]) -> None:
        """Remove restraints of rollouts that have ended by a tag."""
        for subject in held:
            kind, _, rest = subject.partition("/")
            variant, _, number = rest.rpartition("/")
            known = variants.get(variant)
            if kind == "rollouts" and known is not None and number.isdigit() and history.has_ended(known, int(number)):
                stored.lift(self._store, subject)


class _Followed:
    """A rollout whose logs are followed."""

    def __init__(self, rollout: Rollout, logs: Path) -> None:
        self._exposures = Tail(logs / PREDICTIONS, f'"experiment":"{rollout.subject}"'.encode())
        self._outcomes = Tail(logs / OUTCOMES)
        self._subject = rollout.subject
        self.counting: Counting = observations.count(rollout, logs)

    def read(self) -> None:
        """Count what the logs have more."""
        for one in _records(self._exposures.lines()):
            if one.get("experiment") == self._subject:
                self.counting.expose(observations.exposure(*(one[field] for field in _FIELDS)))
        for one in _records(self._outcomes.lines()):
            self.counting.report(one["metric"], one["value"], one["request_id"], one["unit"])


def _records(lines: list[bytes]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            yield orjson.loads(line)
        except orjson.JSONDecodeError:
            continue  # the first part of a line that a full disk cut off
