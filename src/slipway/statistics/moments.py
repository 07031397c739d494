"""Counts, sums and sums of squares of an arm, and the moments that follow from them.

Sums of disjoint sets of units add, so a log is summed once, piece by piece, and never read again. Every field is a
number, or an array with one number for each run, look or period; arrays broadcast.

Sums of squares lose digits where values are far from 0 beside their spread: with a mean of 10,000 standard deviations,
eight of sixteen digits of the variance remain. Subtract a constant from such values before they are summed.
"""

from dataclasses import dataclass

import numpy as np

Values = float | np.ndarray
"""A number, or an array of numbers."""
ROUNDING = 1e-9
"""The relative error that rounding may leave in a sum."""


@dataclass(frozen=True, slots=True)
class Moments:
    """What a test needs to know of an arm.

    Attributes:
        units: the number of units, n.
        mean: their mean; NaN without units.
        variance: the variance of one unit's value, with n - 1 in its denominator; NaN below two units.
        events: whether the value of a unit is 0 or 1.
    """

    units: Values
    mean: Values
    variance: Values
    events: bool = False


@dataclass(frozen=True, slots=True)
class Sums:
    """The values of an arm's units, summed.

    Attributes:
        units: the number of units.
        total: the sum of their values.
        squares: the sum of the squares of their values.
        events: whether the value of a unit is 0 or 1.

    Raises:
        ValueError: no values have these sums.
    """

    units: Values
    total: Values
    squares: Values
    events: bool = False

    def __post_init__(self) -> None:
        units, total, squares = (np.asarray(one, float) for one in (self.units, self.total, self.squares))
        if not (np.isfinite(units).all() and np.isfinite(total).all() and np.isfinite(squares).all()):
            raise ValueError("a count or a sum is not finite")
        if (units < 0).any():
            raise ValueError("the number of units is negative")
        if self.events and ((squares != total) | (total < 0) | (total > units)).any():
            raise ValueError("the number of events is below 0 or above the number of units")
        if (units * squares < total**2 * (1 - ROUNDING)).any() or ((units == 0) & (squares != 0)).any():
            raise ValueError("the sum of squares is too small for the sum: no values have both")

    @classmethod
    def of_events(cls, units: Values, count: Values) -> "Sums":
        """Return the sums of a yes-or-no metric: `count` of `units` had the event."""
        return cls(units, count, count, events=True)

    @classmethod
    def of_values(cls, values: np.ndarray) -> "Sums":
        """Return the sums of the values [n] of n units."""
        return cls(float(len(values)), float(values.sum()), float(values @ values))

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(
            self.units + other.units,
            self.total + other.total,
            self.squares + other.squares,
            self.events and other.events,
        )

    def moments(self) -> Moments:
        """Return the mean of the units and the variance of one unit."""
        mean = _divide(self.total, self.units)
        variance = _divide(np.maximum(self.squares - self.total * mean, 0), np.asarray(self.units) - 1)
        return Moments(self.units, mean, variance, self.events)


@dataclass(frozen=True, slots=True)
class PairedSums:
    """Two values of each unit, summed: a metric and its covariate, or a numerator and its denominator.

    Attributes:
        first, second: the sums of each value, over the same units.
        products: the sum of the products of both values of a unit.

    Raises:
        ValueError: no values have these sums.
    """

    first: Sums
    second: Sums
    products: Values

    def __post_init__(self) -> None:
        if not np.array_equal(self.first.units, self.second.units):
            raise ValueError("two values of the same units have different numbers of units")
        most = np.sqrt(np.asarray(self.first.squares, float) * self.second.squares)
        if not np.isfinite(self.products).all() or (np.abs(self.products) > most * (1 + ROUNDING)).any():
            raise ValueError("the sum of products is not finite or too large for the sums of squares")

    @classmethod
    def of_values(cls, first: np.ndarray, second: np.ndarray) -> "PairedSums":
        """Return the sums of two values [n] of n units."""
        return cls(Sums.of_values(first), Sums.of_values(second), float(first @ second))

    def __add__(self, other: "PairedSums") -> "PairedSums":
        return PairedSums(self.first + other.first, self.second + other.second, self.products + other.products)

    def covariance(self) -> Values:
        """Return the covariance of the two values of a unit, with n - 1 in its denominator; NaN below two units."""
        units = np.asarray(self.first.units)
        return _divide(self.products - self.first.total * _divide(self.second.total, units), units - 1)


def combined_variance(one: Moments, other: Moments) -> Values:
    """Return the variance of a unit in both arms as one sample, with n - 1 in its denominator.

    For a yes-or-no metric it is that of the pooled rate. The difference of the means is a part of it, so it is right
    where both arms have the same distribution, and too large elsewhere.
    """
    units = np.asarray(one.units) + other.units
    within = (np.asarray(one.units) - 1) * one.variance + (np.asarray(other.units) - 1) * other.variance
    between = _divide(np.asarray(one.units) * other.units, units) * (np.asarray(one.mean) - other.mean) ** 2
    return _divide(within + between, units - 1)


def _divide(numerator: Values, denominator: Values) -> Values:
    """Return the ratio, NaN where the denominator is not positive."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(np.asarray(denominator) > 0, np.asarray(numerator, float) / denominator, np.nan)
    plain: Values = ratio[()]
    return plain
