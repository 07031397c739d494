"""Begin a new period of a bandit: its shares, by the rewards that are known now."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from slipway.experiments import bandit
from slipway.experiments.bandit import Update
from slipway.experiments.definition import Experiment
from slipway.experiments.observations import observe
from slipway.statistics.bandit import LEAST_UNITS
from slipway.statistics.moments import Sums
from slipway.traffic import reading
from slipway.traffic.append_only import AppendOnly


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def update(experiment: Experiment, folder: Path, began: datetime, clock: Callable[[], datetime] = now) -> Update | str:
    """Write the next period of a bandit, if it is due.

    The reward of a unit counts when its window has ended, so late rewards are those of units whose window is long. Of
    processes that do this at once, one does it.

    Args:
        experiment: the bandit.
        folder: the folder of the logs.
        began: the start of the experiment.
        clock: gives the time.

    Returns:
        The period, or why there is none.

    Raises:
        DataError: the log of weights is damaged.
        OSError: it cannot be written.
    """
    place = bandit.path(folder, experiment.id)
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(place.with_suffix(".lock"), timeout=0):
            before = bandit.read(folder, experiment)
            when = bandit.due(experiment, before, began)
            if when is None:
                return f"{experiment.id} has run for its maximum duration, so its shares stay"
            if clock() < when:
                return f"the next update of {experiment.id} is due at {when:%Y-%m-%d %H:%M:%S} UTC"
            return _next(experiment, folder, before, clock)
    except Timeout:
        return f"another process updates {experiment.id}"


def _next(
    experiment: Experiment, folder: Path, before: tuple[Update, ...], clock: Callable[[], datetime]
) -> Update | str:
    definition, time = experiment.definition, clock()
    reward = bandit.of(definition).reward_metric
    exposures, outcomes = reading.exposures(folder, experiment.id), reading.outcomes(folder)
    observed = observe(definition, exposures, outcomes, time)
    known = observed.units[observed.units[reward].notna()]
    values = {arm: known.loc[known["arm"] == arm, reward].to_numpy(float) for arm in definition.arms}
    if few := [arm for arm, found in values.items() if len(found) < LEAST_UNITS]:
        return f"of {', '.join(few)} fewer than {LEAST_UNITS} rewards are known, so the shares stay"
    of_arm = {arm: Sums.of_values(found) for arm, found in values.items()}
    sums = {arm: (len(values[arm]), float(one.total), float(one.squares)) for arm, one in of_arm.items()}
    if before and before[-1].sums == sums:
        return "no reward became known since the last update, so the shares stay"
    events = bool(np.isin(known[reward].to_numpy(float), (0.0, 1.0)).all())
    period = len(before) + 1
    seed, weights, shares = bandit.draw(experiment, period, sums, events)
    exposed = len(observed.units) + observed.crossed
    found = Update(time, period, clock() + bandit.LEAD, exposed, sums, events, seed, weights, shares)
    log = AppendOnly(bandit.path(folder, experiment.id))
    try:
        log.append(bandit.UPDATE.dump_json(found) + b"\n")
        log.sync()
    finally:
        log.close()
    return found
