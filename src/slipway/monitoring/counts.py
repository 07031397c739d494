"""What answers say, summed by unit: all that mean confidence and shares of classes follow from."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from slipway.statistics import ratio_intervals
from slipway.statistics.ratio_intervals import Estimate
from slipway.traffic import answers


@dataclass(frozen=True)
class Counts:
    """Sums over the examples of each unit, all float [units].

    Attributes:
        examples: their number.
        confident: the number of those with a confidence.
        confidence: the sum of their confidence.
        classes: by class, the number of examples whose answer names it.
    """

    examples: np.ndarray
    confident: np.ndarray
    confidence: np.ndarray
    classes: dict[str, np.ndarray]

    def mean_confidence(self) -> Estimate:
        """Return the mean confidence of an example."""
        return ratio_intervals.mean(self.confidence, self.confident)

    def share(self, name: str) -> Estimate:
        """Return the share of examples whose answer names a class."""
        return ratio_intervals.share(self.classes[name], self.examples)


def count(given: Iterable[Sequence[Any]], units: pd.Series, classes: Sequence[str]) -> Counts:
    """Sum what answers say by unit.

    Args:
        given: for each request the answers for its examples, in the form for callers.
        units: [requests] the unit of each.
        classes: the classes to count first, also where no answer names them; others follow as they are named, sorted.
    """
    codes, names = pd.factorize(units)
    sums = np.zeros((len(names), 3))
    named: dict[str, np.ndarray] = {name: np.zeros(len(names)) for name in classes}
    others: dict[str, np.ndarray] = {}
    for code, request in zip(codes, given, strict=True):
        for said in map(answers.read, request):
            known = said.confidence is not None
            sums[code] += (1, known, said.confidence if known else 0.0)
            for name in said.classes:
                of = named if name in named else others
                of.setdefault(name, np.zeros(len(names)))[code] += 1
    examples, confident, confidence = sums.T
    return Counts(examples, confident, confidence, named | dict(sorted(others.items())))
