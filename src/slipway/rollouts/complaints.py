"""What is wrong with rollouts and their plans, and what to do about it: for `slipway doctor`."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from slipway.core.errors import ConfigError, RegistryError
from slipway.experiments.verdict import Finding
from slipway.registry import state
from slipway.rollouts import history, observations, plan
from slipway.rollouts.decision import NO_VALUES, PARITY, decide


def complaints(logs: Path, now: float) -> Iterator[tuple[str, str]]:
    """Yield what is wrong, and what to do.

    Args:
        logs: the folder of the logs of `slipway serve`; it need not be there.
        now: the time, in seconds since 1970.

    Raises:
        RegistryError: Git cannot be read.
    """
    for path in sorted(plan.FOLDER.glob("*.yaml")):
        try:
            plan.read(path.stem)
        except ConfigError as error:
            for mistake in str(error).splitlines():
                yield mistake, "correct the file; `slipway rollout lint` checks it"
    for name, known in state.read().items():
        try:
            rollout = history.current(known)
        except RegistryError as error:
            yield f"the rollout of {name} does not go on: {error}", f"slipway registry history {name}"
            continue
        if rollout is None or rollout.share >= 100:
            continue
        here = f"{name}@{rollout.version}"
        status, resume = f"slipway rollout status {name}", f"slipway rollout resume {name}, or abort"
        if rollout.paused:
            yield f"the rollout of {here} is paused at {rollout.share:g} %", f"{status}, then {resume}"
            continue
        hours = rollout.hours(now)
        found = decide(rollout.plan, observations.count(rollout, logs).evidence(hours, None), rollout.share)
        if hours[0] > rollout.plan.maximum_hours:
            what = f"the rollout of {here} has been at {rollout.share:g} % for {hours[0]:.0f} hours"
            yield what, f"{status}; a server that decides would have paused it: is one running?"
        if logs.is_dir() and hours[0] > rollout.plan.minimum_hours and (lacking := _without_values(found.findings)):
            what = f"the rollout of {here} has rules without values: {', '.join(lacking)}"
            yield what, f"{status}; docs/rollouts.md says where they come from"


def _without_values(findings: Sequence[Finding]) -> list[str]:
    """The rules that nobody reports anything for; what a server alone knows is left out."""
    return [one.subject for one in findings if one.reason == NO_VALUES and one.subject != PARITY]
