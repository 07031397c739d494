"""Parts of the examples."""

import numpy as np

from slipway.metrics.breakdown import tenths


def test_tenths_are_equally_large_and_equal_values_keep_their_order() -> None:
    parts = tenths(np.array([0.5] * 10 + [0.9] * 5 + [0.1] * 5))
    assert parts.names.tolist() == list(range(1, 11)) and parts.counts.tolist() == [2] * 10
    assert parts.codes[15:].tolist() == [0, 0, 1, 1, 2] and parts.codes[:4].tolist() == [2, 3, 3, 4]
