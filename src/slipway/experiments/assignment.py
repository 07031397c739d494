"""Which arm does a unit get? A pure function of a salt and the unit, the same in every process and every language.

    point(unit) = the first 8 bytes, big-endian, of SHA-256(salt, NUL, unit), all in UTF-8: from 0 to 2^64 - 1.

The points are a line, and a `Split` gives ranges of it to names: to the arms of an experiment, to the experiments of a
layer, or one range, from 0 on, to the canary of a rollout. A range has a fixed start and grows to the right. So a wider
experiment takes in units that had no arm and moves none between arms, and a wider rollout moves units from production
to the canary and none back. `check_widening` refuses every other change.

Ends of ranges are whole numbers, the share times 2^64 rounded down, and points are compared as whole numbers: a
language that divides them by 2^64 as floating-point numbers rounds the largest of them to 1.
docs/assignment.json has test vectors for other implementations.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from hashlib import sha256

LINE = 2**64
Percent = int | str | float | Decimal | Fraction
"""A percentage, taken as it is written: 33.3 is 333/10, and not the nearest binary number."""


@dataclass(frozen=True, slots=True)
class Range:
    """A range of the line: `start` to `start + width`, in percent, without its right end."""

    name: str
    start: Fraction
    width: Fraction

    @property
    def end(self) -> Fraction:
        """The right end in percent, which is not a part of the range."""
        return self.start + self.width


@dataclass(frozen=True, slots=True)
class Split:
    """Ranges of the line, by a salt.

    Attributes:
        salt: what makes this split independent of others; a new experiment has a new one.
        ranges: the ranges, sorted by their start.

    Raises:
        ValueError: the salt is empty or contains NUL, a name occurs twice, ranges overlap or leave the line.
    """

    salt: str
    ranges: tuple[Range, ...]
    _prefix: bytes = field(init=False, repr=False, compare=False)
    _starts: tuple[int, ...] = field(init=False, repr=False, compare=False)
    _ends: tuple[int, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.salt or "\0" in self.salt:
            raise ValueError("a salt is not empty and has no NUL")
        names = [one.name for one in self.ranges]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"{twice[0]} has two ranges")
        before: Range | None = None
        for one in self.ranges:
            if one.start < 0 or one.width < 0 or one.end > 100:
                raise ValueError(f"{one.name} is from {_shown(one.start)} to {_shown(one.end)} %, beyond 0 to 100 %")
            if before and one.start < before.end:
                raise ValueError(
                    f"{before.name} ends at {_shown(before.end)} % and {one.name} starts at {_shown(one.start)} %"
                )
            before = one
        object.__setattr__(self, "_prefix", f"{self.salt}\0".encode())
        object.__setattr__(self, "_starts", tuple(_place(one.start) for one in self.ranges))
        object.__setattr__(self, "_ends", tuple(_place(one.end) for one in self.ranges))

    def point(self, unit: str) -> int:
        """Return the point of a unit, from 0 to 2^64 - 1.

        Raises:
            ValueError: the unit is not text that UTF-8 can encode.
        """
        return int.from_bytes(sha256(self._prefix + unit.encode()).digest()[:8], "big")

    def of(self, unit: str) -> str | None:
        """Return the name whose range has the unit; None between the ranges. Raises as `point`."""
        point = self.point(unit)
        at = bisect_right(self._starts, point) - 1
        return self.ranges[at].name if at >= 0 and point < self._ends[at] else None


@dataclass(frozen=True, slots=True)
class Assignment:
    """The arms of an experiment, and its place in a layer if it has one.

    The experiments of a layer exclude each other: the layer's own salt draws the experiment of a unit, the experiment's
    salt its arm. Experiments of different layers are independent.

    Attributes:
        experiment: the name of the experiment, as in the layer.
        arms: the ranges of its arms.
        layer: the ranges of the layer's experiments.

    Raises:
        ValueError: the layer does not have the experiment, or both have the same salt.
    """

    experiment: str
    arms: Split
    layer: Split | None = None

    def __post_init__(self) -> None:
        if self.layer is None:
            return
        if self.experiment not in {one.name for one in self.layer.ranges}:
            raise ValueError(f"the layer has no range for {self.experiment}")
        if self.layer.salt == self.arms.salt:
            raise ValueError(f"{self.experiment} has the salt of its layer, so that its arms depend on the layer")

    def arm(self, unit: str) -> str | None:
        """Return the arm of a unit; None for a unit that is not in the experiment. Raises as `Split.point`."""
        if self.layer is not None and self.layer.of(unit) != self.experiment:
            return None
        return self.arms.of(unit)


def experiment(salt: str, allocation: Mapping[str, Percent], share: Percent = 100) -> Split:
    """Return the arms of an experiment: each starts where its allocation does, and is as wide as the share says.

    Args:
        salt: the salt of the experiment.
        allocation: the percentage of each arm among the units of the experiment; the sum is 100.
        share: the percentage of all units that are in the experiment.

    Raises:
        ValueError: a percentage is out of its range, the sum is not 100, or the salt is malformed.
    """
    taken = percent(share)
    parts = {name: percent(part) for name, part in allocation.items()}
    if (total := sum(parts.values())) != 100:
        raise ValueError(f"the allocation of the arms sums to {_shown(Fraction(total))} %, not 100 %")
    return Split(salt, tuple(_side_by_side(parts.items(), taken)))


def rollout(salt: str, share: Percent, name: str = "canary") -> Split:
    """Return the range of the canary: from 0 on. Every other unit is production's. Raises as `experiment`."""
    return Split(salt, (Range(name, Fraction(0), percent(share)),))


def check_widening(before: Split, after: Split) -> None:
    """Check that no unit that has a name before gets another one, or none, after.

    Raises:
        ValueError: the salt or a start differs, or a range is missing or narrower.
    """
    if before.salt != after.salt:
        raise ValueError("the salt differs, which draws every unit again")
    ranges = {one.name: one for one in after.ranges}
    for one in before.ranges:
        now = ranges.get(one.name)
        if now is None:
            raise ValueError(f"{one.name} has no range any more; its units would change")
        if now.start != one.start:
            raise ValueError(
                f"{one.name} started at {_shown(one.start)} % and now starts at {_shown(now.start)} %; a start is fixed"
            )
        if now.width < one.width:
            raise ValueError(
                f"{one.name} ended at {_shown(one.end)} % and now ends at {_shown(now.end)} %; ranges only grow"
            )


def percent(value: Percent) -> Fraction:
    """Return a percentage exactly as it is written.

    Raises:
        ValueError: it is not a number from 0 to 100.
    """
    try:
        exact = Fraction(str(value))
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"{value!r} is not a percentage")
    if not 0 <= exact <= 100:
        raise ValueError(f"{value} % is not between 0 and 100 %")
    return exact


def _side_by_side(parts: Iterable[tuple[str, Fraction]], taken: Fraction) -> Iterable[Range]:
    start = Fraction(0)
    for name, part in parts:
        yield Range(name, start, part * taken / 100)
        start += part


def _place(end: Fraction) -> int:
    """Return a percentage of the line as a point, rounded down."""
    return int(end * LINE / 100)


def _shown(value: Fraction) -> str:
    return f"{float(value):g}"
