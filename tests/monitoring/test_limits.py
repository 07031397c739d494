"""A figure is within a limit only if its whole interval is; what straddles it is not known."""

import numpy as np
import pytest

from slipway.monitoring.limits import CLASSES, CONFIDENCE, ERRORS, SLOW, Level, Limit
from slipway.statistics.ratio_intervals import Estimate

LIMIT = Limit(0.1, 0.3, (10, 20))


@pytest.mark.parametrize(
    ("low", "high", "level"),
    [
        (-0.1, 0.1, "healthy"),
        (0.02, 0.05, "healthy"),
        (-0.11, 0.05, "unknown"),
        (0.05, 0.4, "unknown"),
        (0.11, 0.2, "warning"),
        (-0.4, -0.11, "warning"),
        (0.31, 0.5, "critical"),
        (-0.5, -0.31, "critical"),
        (np.nan, np.nan, "unknown"),
        (-np.inf, np.inf, "unknown"),
    ],
)
def test_levels(low: float, high: float, level: Level) -> None:
    assert LIMIT.level(Estimate((low + high) / 2, low, high, 50)) == level
    assert LIMIT.deducted(level) == {"warning": 10, "critical": 20}.get(level, 0)


def test_all_deductions_together_leave_no_points() -> None:
    assert sum(limit.points[1] for limit in (ERRORS, SLOW, CONFIDENCE, CLASSES)) == 100
