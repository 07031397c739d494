"""Comparison of two models on the same examples: McNemar's test (Psychometrika 12, 1947), in its exact form."""

from scipy import stats


def mcnemar(worse: int, better: int, alternative: str = "greater") -> float:
    """Return the exact p-value of at least `worse` examples getting worse, if worse and better are equally likely."""
    if worse + better == 0:
        return 1.0
    return float(stats.binomtest(worse, worse + better, 0.5, alternative=alternative).pvalue)
