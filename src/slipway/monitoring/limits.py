"""The limits of a healthy model, and what it costs to be beyond them: all of them are here.

A figure with an interval is within a limit if its whole interval is, and beyond it if its whole interval is beyond it.
Otherwise it is not known. Differences have limits on both sides.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import numpy as np

from slipway.statistics.ratio_intervals import Estimate

Level = Literal["healthy", "warning", "critical", "unknown"]


@dataclass(frozen=True)
class Limit:
    """Two limits of a figure, and the points that are deducted beyond each of them."""

    warning: float
    critical: float
    points: tuple[int, int]

    def level(self, found: Estimate) -> Level:
        """Return where a figure is, or the distance of a difference from 0."""
        if not np.isfinite([found.low, found.high]).all():
            return "unknown"
        least, most = max(found.low, -found.high, 0.0), max(abs(found.low), abs(found.high))
        if least > self.critical:
            return "critical"
        if least > self.warning:
            return "warning"
        return "healthy" if most <= self.warning else "unknown"

    def deducted(self, level: Level) -> int:
        """Return the points that are deducted at a level."""
        return {"warning": self.points[0], "critical": self.points[1]}.get(level, 0)


ERRORS = Limit(0.02, 0.05, (20, 40))
"""The share of requests that fail. The alert ModelErrorRateHigh has the same critical limit."""
SLOW_SECONDS = 1.0
"""An answer that takes longer is slow, as in the alert ModelInferenceLatencyHigh."""
SLOW = Limit(0.05, 0.50, (10, 20))
"""The share of answers that are slow: beyond 0.05 is a p95 above a second, beyond 0.5 a median above it."""
CONFIDENCE = Limit(0.05, 0.15, (10, 20))
"""The difference of the mean confidence from that on the test examples."""
CLASSES = Limit(0.10, 0.30, (10, 20))
"""The difference of the share of a class from that among the test predictions."""
LEAST_UNITS = 20
"""The units of the window and the groups of the test examples below which a difference is not judged."""
SILENCE = timedelta(days=1)
"""After this time without a request it is not known how the model does."""
