"""What would an experiment find? Its plan, tried on the values that its units have so far."""

from dataclasses import dataclass

import numpy as np

from slipway.core.errors import DataError
from slipway.experiments.definition import Definition
from slipway.experiments.observations import Observations
from slipway.statistics import power, simulation


@dataclass(frozen=True)
class Found:
    """How often experiments with a true difference show one, and their mean length as a share of the sample."""

    metric: str
    effect: float
    found: float
    length: float


def simulate(
    definition: Definition, observed: Observations, *, effect: float | None, runs: int, seed: int
) -> list[Found]:
    """Return what simulated experiments find about each goal.

    Values are drawn from those of the control, the first treatment has its share, and an effect is added to it.

    Args:
        definition: the experiment.
        observed: what its units did so far.
        effect: the true difference; None for none (A/A), the smallest that the plan finds, and half of it.
        runs: the number of experiments.
        seed: the seed of the draws.

    Raises:
        DataError: no unit of the control has a value yet, the effect leaves the range of a rate, or the experiment is a
            bandit.
    """
    if definition.bandit is not None:
        raise DataError("experiments with fixed shares are simulated, and the shares of a bandit follow its rewards")
    control, treatment = definition.control, definition.treatments[0]
    planned, shares = definition.planned(control, treatment), definition.shares()
    share = shares[treatment] / (shares[control] + shares[treatment])
    found = []
    for name in [one for one, metric in definition.metrics.items() if metric.role == "goal"]:
        values = observed.units.loc[observed.units["arm"] == control, name].dropna().to_numpy(float)
        if len(values) < 2:
            raise DataError(f"{name}: no values of the control yet to draw from")
        events = bool(np.isin(values, (0.0, 1.0)).all())
        if effect is not None:
            effects = [effect]
        elif deviation := float(values.std(ddof=1)):
            least = power.detectable(deviation, planned, share=share)
            effects = [0.0, least / 2, least]
        else:
            effects = [0.0]
        for one in effects:
            try:
                ended = simulation.simulate(
                    values, planned=planned, share=share, effect=one, events=events, runs=runs, seed=seed
                )
            except ValueError as error:
                raise DataError(f"{name}: {error}")
            found.append(Found(name, one, ended.found, ended.length))
    return found
