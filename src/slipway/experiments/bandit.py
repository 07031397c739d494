"""A bandit: which arm a new unit gets, in periods whose shares follow the rewards, and the log of these shares.

    weights/night-games.jsonl, in the folder of the logs

    {"time": "2027-01-31T09:00:00Z", "period": 1, "start": "2027-01-31T09:00:02Z", "exposed": 1210,
     "sums": {"control": [603, 291.0, 291.0], "night": [598, 322.0, 322.0]}, "events": true, "seed": 1790350177,
     "weights": {"control": 0.0291, "night": 0.9709}, "shares": {"control": 0.052645, "night": 0.947355}}

In period 0 the arms have the shares of the definition. A line of the log begins each later period. It is written
before the period starts, so that all workers change at the same moment. From the sums of the rewards and the seed
anyone derives its weights and shares again. The seed follows from the salt and the number of the period.

Which units take part does not depend on the shares: that is `Experiment.assignment`. A new unit gets the arm whose
range has its point, by a salt of its own; later its arm is looked up, since the ranges have moved.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError

from slipway.core.errors import DataError
from slipway.experiments.assignment import Range, Split
from slipway.experiments.definition import Bandit, Definition, Experiment
from slipway.records.verdict import STRICT
from slipway.statistics.bandit import floored, weights_of_means, weights_of_rates
from slipway.statistics.moments import Sums

FOLDER = "weights"
LEAD = timedelta(seconds=2)
"""From the time at which the shares of a period are written to its start; workers look every quarter of a second."""
MILLION = 1_000_000
"""Shares are whole millionths, so that text holds them exactly."""
Count = Annotated[int, Field(ge=0, le=10**12)]
Part = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True)
class Update:
    """The beginning of a period: new shares, and what they follow from.

    Attributes:
        time: when they were drawn; rewards until then count.
        period: its number, from 1 on.
        start: from when on new units get their arms by these shares.
        exposed: the number of units that had taken part.
        sums: of each arm, the units whose reward is known, the sum and the sum of squares of their rewards.
        events: whether each reward is 0 or 1.
        seed: the seed of the draws.
        weights: the probability that each arm is the best.
        shares: the probability with which a new unit gets each arm.
    """

    __pydantic_config__ = STRICT

    time: AwareDatetime
    period: Annotated[int, Field(ge=1)]
    start: AwareDatetime
    exposed: Count
    sums: dict[str, tuple[Count, float, float]]
    events: bool
    seed: Annotated[int, Field(ge=0, lt=2**32)]
    weights: dict[str, Part]
    shares: dict[str, Part]


UPDATE: TypeAdapter[Update] = TypeAdapter(Update)


def of(definition: Definition) -> Bandit:
    """Return the bandit of a definition that has one."""
    assert definition.bandit is not None
    return definition.bandit


def draw(
    experiment: Experiment, period: int, sums: Mapping[str, tuple[int, float, float]], events: bool
) -> tuple[int, dict[str, float], dict[str, float]]:
    """Return the seed, the weights and the shares of a period, as they follow from the rewards until its beginning."""
    definition = experiment.definition
    metric = definition.metrics[of(definition).reward_metric]
    text = f"{experiment.salt}\0weights\0{period}"
    seed = int.from_bytes(sha256(text.encode()).digest()[:4], "big")
    units, total, squares = np.array([sums[arm] for arm in definition.arms], float).T
    if events:
        weights = weights_of_rates(total if metric.better == "higher" else units - total, units, seed=seed)
    else:
        sign = 1 if metric.better == "higher" else -1
        weights = weights_of_means(Sums(units, sign * total, squares).moments(), seed=seed)
    parts = np.round(MILLION * floored(weights, of(definition).exploration_rate)).astype(int)
    parts[parts.argmax()] += MILLION - parts.sum()
    weighted = {arm: round(float(one), 6) for arm, one in zip(definition.arms, weights, strict=True)}
    return seed, weighted, {arm: int(one) / MILLION for arm, one in zip(definition.arms, parts, strict=True)}


def follows(experiment: Experiment, update: Update) -> bool:
    """Return whether the seed, weights and shares of a period are those that follow from its sums."""
    stated = update.seed, update.weights, update.shares
    return draw(experiment, update.period, update.sums, update.events) == stated


def split(experiment: Experiment, shares: Mapping[str, float]) -> Split:
    """Return the ranges of the arms in a period with these shares."""
    ranges, start = [], Fraction(0)
    for arm in experiment.definition.arms:
        width = 100 * Fraction(str(shares[arm]))
        ranges.append(Range(arm, start, width))
        start += width
    return Split(f"{experiment.salt}/arms", tuple(ranges))


def path(folder: Path, name: str) -> Path:
    """Return the log of the shares of an experiment, in the folder of the logs."""
    return folder / FOLDER / f"{name}.jsonl"


def read(folder: Path, experiment: Experiment) -> tuple[Update, ...]:
    """Return the periods of a bandit after period 0; none if it has no log yet.

    A line without its end is not read: it is being written, or a kill or a full disk cut it off.

    Raises:
        DataError: a line is of another experiment, is missing, or has no shares that this bandit may have.
    """
    place = path(folder, experiment.id)
    try:
        content = place.read_bytes()
    except FileNotFoundError:
        return ()
    found: list[Update] = []
    for number, line in enumerate(content.split(b"\n")[:-1], 1):
        try:
            json.loads(line)
        except ValueError:
            continue  # the first part of a line; the whole line stands below
        try:
            update = UPDATE.validate_json(line)
            _check(experiment, found, update)
        except (ValidationError, ValueError) as error:
            what = " ".join(str(error).split())[:300]
            raise DataError(
                f"{place}:{number}: not the next period of {experiment.id}: {what}; restore the file, or stop the "
                "experiment"
            )
        found.append(update)
    return tuple(found)


def _check(experiment: Experiment, before: Sequence[Update], update: Update) -> None:
    definition = experiment.definition
    if update.period != len(before) + 1:
        raise ValueError(f"period {update.period} follows period {len(before)}")
    if before and update.start < before[-1].start:
        raise ValueError("it starts before the period that it follows")
    if not update.sums.keys() == update.weights.keys() == update.shares.keys() == definition.arms.keys():
        raise ValueError(f"its arms are not {', '.join(definition.arms)}")
    if sum(round(MILLION * one) for one in update.shares.values()) != MILLION:
        raise ValueError("the sum of its shares is not 1")
    floor = of(definition).exploration_rate / len(definition.arms)
    if min(update.shares.values()) < floor - 1 / MILLION:
        raise ValueError(f"a share is below the floor of {floor:g}")


def periods(
    definition: Definition, updates: Sequence[Update], arms: np.ndarray, shares: np.ndarray, times: np.ndarray
) -> tuple[list[tuple[float, ...]], np.ndarray]:
    """Return the shares that periods have had, and by which of them each unit got its arm.

    Periods with the same shares are one: of a long experiment, in which one arm is clearly the best, many are.

    Args:
        definition: the bandit.
        updates: its log.
        arms: the number of the arm of each unit in the definition, [n].
        shares: its share by the record of its first exposure, [n].
        times: the time of this record, [n], datetime64 in UTC.

    Returns:
        The shares of the arms, in the order of the definition, and for each unit the number of the entry, [n].

    Raises:
        DataError: a unit has a share that its arm never had.
    """
    each = [definition.shares(), *(one.shares for one in updates)]
    of_arm = np.array([[one[arm] for arm in definition.arms] for one in each])  # [periods, arms]
    starts = np.array(
        [np.datetime64(one.start.astimezone(UTC).replace(tzinfo=None), "us") for one in updates], "datetime64[us]"
    )
    period = np.searchsorted(starts, times, side="right")
    # A record is written when the answer is, which may be after the next period began.
    while (back := (of_arm[period, arms] != shares) & (period > 0)).any():
        period[back] -= 1
    if (wrong := of_arm[period, arms] != shares).any():  # after a clock that was put back
        for other in range(len(each)):
            period[wrong & (of_arm[other, arms] == shares)] = other
    if (unknown := of_arm[period, arms] != shares).any():
        at = int(np.argmax(unknown))
        arm = list(definition.arms)[arms[at]]
        raise DataError(
            f"a unit got the arm {arm} with a share of {shares[at]:g}, which no period of the log of weights has "
            f"({len(updates)} after the start); restore the file in the folder {FOLDER} of the logs"
        )
    distinct: dict[tuple[float, ...], int] = {}
    merged = np.array([distinct.setdefault(tuple(one), len(distinct)) for one in of_arm.tolist()])
    return list(distinct), merged[period]


def due(experiment: Experiment, updates: Sequence[Update], began: datetime) -> datetime | None:
    """Return when the next update is due; None after the maximum duration, from which on the shares stay."""
    every, most = of(experiment.definition).every, timedelta(days=experiment.definition.maximum_days)
    found = (updates[-1].time if updates else began) + every
    return found if found <= began + most else None
