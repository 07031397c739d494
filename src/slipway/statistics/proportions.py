"""Shares of events that never occurred.

The upper bound is that of Hanley and Lippman-Hand, "If Nothing Goes Wrong, Is Everything All Right?", JAMA 249, 1983;
for one tail it equals the exact bound of Clopper and Pearson.
"""


def unseen(level: float, count: int) -> float:
    """Return the upper bound, at `level`, of the share of an event that occurs in none of `count` examples (groups)."""
    return float(1 - level ** (1 / count))
