"""Is a share of yes-or-no outcomes below (or above) a fixed limit? A test that may be looked at after every outcome.

It is the test of `slipway.statistics.sample_ratio` with two cells, k outcomes with and n - k without the event, whose
mixture is confined to the shares on the far side of the limit. Each of its likelihood ratios has a mean of at most 1
under every share on the near side, so the test is exact for the whole of it, and a share that is better than the limit
raises no alarm. The sample-ratio formula itself would: it is a test that the share equals the limit.
"""

import numpy as np
from scipy import special

from slipway.statistics.e_values import log_mean
from slipway.statistics.moments import Values
from slipway.statistics.sample_ratio import CONCENTRATIONS


def log_e_value_below(events: Values, units: Values, limit: float) -> Values:
    """Return ln e against a share of at least `limit`: large where the share is below it.

    Args:
        events: the number of units with the event.
        units: the number of all units.
        limit: the share, between 0 and 1 exclusively.

    Raises:
        ValueError: the limit is not between 0 and 1, or there are fewer than 0 or more events than units.
    """
    events, others = np.asarray(events, float), np.asarray(units, float) - events
    if not 0 < limit < 1:
        raise ValueError(f"the limit is {limit}; it must be between 0 and 1")
    if not ((events >= 0) & (others >= 0)).all():
        raise ValueError("the number of events is below 0 or above the number of units")
    ratios = [concentrated_log_e_value_below(events, events + others, limit, k) for k in CONCENTRATIONS]
    return log_mean(np.stack([np.asarray(one) for one in ratios]), axis=0)


def log_e_value_above(events: Values, units: Values, limit: float) -> Values:
    """Return ln e against a share of at most `limit`; arguments and errors as for `log_e_value_below`."""
    return log_e_value_below(np.asarray(units, float) - events, units, 1 - limit)


def concentrated_log_e_value_below(events: Values, units: Values, limit: float, concentration: float) -> Values:
    """Return ln e of `log_e_value_below` for one k: with a beta prior around the limit, confined to shares below it."""
    events, others = np.asarray(events, float), np.asarray(units, float) - events
    first, second = concentration * limit, concentration * (1 - limit)
    before = special.betaln(first, second) + np.log(special.betainc(first, second, limit))
    with np.errstate(divide="ignore"):  # ln 0: no weight is left below the limit
        inside = np.log(special.betainc(first + events, second + others, limit))
    likelihood = events * np.log(limit) + others * np.log1p(-limit)
    log_e: Values = special.betaln(first + events, second + others) + inside - before - likelihood
    return log_e
