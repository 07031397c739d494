"""Several goals or arms: p-values adjusted so that any false alarm among them keeps the stated probability.

`multipletests` of statsmodels gives the same. It collects garbage at each call, which stops a server for 50 ms or more,
and its import loads pandas.
"""

from collections.abc import Mapping

import numpy as np


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Return each p-value adjusted by the method of Holm (Scandinavian Journal of Statistics 6, 1979).

    It holds whatever the dependence between the tests, and for p-values that are valid at any number of looks it does
    too.

    Args:
        p_values: the p-value of each goal, arm, or goal and arm.
    """
    given = np.array(list(p_values.values()), float)
    order = np.argsort(given, kind="stable")
    steps = given[order] * np.arange(len(given), 0, -1)
    adjusted = np.empty_like(given)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return dict(zip(p_values, adjusted.tolist(), strict=True))
