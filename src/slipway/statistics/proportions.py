"""Shares of which nothing was seen.

The end of their interval is that of Hanley and Lippman-Hand, "If Nothing Goes Wrong, Is Everything All Right?", JAMA
249, 1983; for one tail it is Clopper and Pearson's exact one.
"""


def unseen(level: float, count: int) -> float:
    """The most that the share of what was seen in none of `count` groups or examples is likely to be."""
    return float(1 - level ** (1 / count))
