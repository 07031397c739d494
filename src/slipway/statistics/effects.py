"""The effect of a treatment: the difference of two means, or their relative difference, and its variance.

Welch's variance is right for arms of different spread and large samples. A sequence of looks begins with small samples,
and there it is too small too often: an arm that happens to have few events, or few of the values of a heavy tail, has a
small mean and a small variance at once. So the variance with both arms taken as one sample stands beside it, and tests
at any number of looks use the larger of the two.
"""

from dataclasses import dataclass

import numpy as np

from slipway.statistics.moments import Moments, Values, combined_variance

LEAST_UNITS = 100
"""The number of units in each arm below which no effect is shown."""
LEAST_EVENTS = 5
"""The expected number of events in each arm, and of units without one, below which no effect on a yes-or-no metric is
shown."""
LEAST_STEADINESS = 10
"""The mean of the control, in its standard errors, below which no relative effect is shown: the delta method needs a
denominator that is known well."""


@dataclass(frozen=True, slots=True)
class Effect:
    """An effect and how well it is known. Each field is a number or an array.

    Attributes:
        value: the estimate: treatment minus control, or relative to control.
        variance: its variance by Welch's formula, s²/n of both arms added.
        pooled: its variance with both arms as one sample.
        freedom: the degrees of freedom of Welch and Satterthwaite (Biometrika 34, 1947), n - 2 where both arms have
            no variance.
        units: the number of units of both arms.
        enough: whether there are enough units, and enough events, for an asymptotic statement.
    """

    value: Values
    variance: Values
    pooled: Values
    freedom: Values
    units: Values
    enough: bool | np.ndarray

    @property
    def conservative(self) -> Values:
        """The larger of both variances."""
        larger: Values = np.fmax(self.variance, self.pooled)
        return larger


def difference(control: Moments, treatment: Moments) -> Effect:
    """Return the mean of the treatment minus the mean of the control."""
    value = np.asarray(treatment.mean) - control.mean
    return _effect(value, control, treatment, control_slope=1.0, treatment_slope=1.0)


def lift(control: Moments, treatment: Moments) -> Effect:
    """Return the relative difference, treatment / control - 1, by the delta method.

    It is shown only where the mean of the control is at least `LEAST_STEADINESS` standard errors from 0.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.asarray(treatment.mean, float) / control.mean
        one = _effect(
            ratio - 1,
            control,
            treatment,
            control_slope=ratio / control.mean,
            treatment_slope=1 / np.asarray(control.mean),
        )
        error = np.sqrt(np.asarray(control.variance) / control.units)
        steady = (np.abs(control.mean) >= LEAST_STEADINESS * error) & (np.asarray(control.mean) != 0)
    return Effect(one.value, one.variance, one.pooled, one.freedom, one.units, one.enough & steady)


def _effect(
    value: Values, control: Moments, treatment: Moments, control_slope: Values, treatment_slope: Values
) -> Effect:
    """Return an effect whose derivative by the mean of each arm is the arm's slope (but for its sign)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        weights = np.square(control_slope) / control.units, np.square(treatment_slope) / treatment.units
        parts = weights[0] * control.variance, weights[1] * treatment.variance
        variance = parts[0] + parts[1]
        spread = parts[0] ** 2 / (np.asarray(control.units) - 1) + parts[1] ** 2 / (np.asarray(treatment.units) - 1)
        freedom = np.where(variance > 0, variance**2 / spread, np.asarray(control.units) + treatment.units - 2)[()]
        pooled = (weights[0] + weights[1]) * combined_variance(control, treatment)
    units = np.asarray(control.units) + treatment.units
    return Effect(np.asarray(value)[()], variance, pooled, freedom, units[()], _enough(control, treatment))


def _enough(control: Moments, treatment: Moments) -> bool | np.ndarray:
    fewest = np.minimum(control.units, treatment.units)
    enough = fewest >= LEAST_UNITS
    if control.events and treatment.events:
        with np.errstate(divide="ignore", invalid="ignore"):
            units = np.asarray(control.units) + treatment.units
            rate = (
                np.nan_to_num(control.mean) * control.units + np.nan_to_num(treatment.mean) * treatment.units
            ) / units
        enough = enough & (fewest * np.fmin(rate, 1 - rate) >= LEAST_EVENTS)
    shown: bool | np.ndarray = np.asarray(enough)[()]
    return shown
