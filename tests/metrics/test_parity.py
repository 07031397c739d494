"""Parity of a converted model with the native one."""

import numpy as np
import pytest

from slipway.metrics.parity import differences, numbers


def test_differences_are_absolute_and_agreement_is_a_share() -> None:
    native = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.5, 0.5]])
    converted = np.array([[0.8, 0.2], [0.4, 0.6], [0.1, 0.9], [0.5, 0.5]])
    got = differences(native, converted, np.array([True, False, True, True]))
    assert got == {"agreement": 0.75, "max_difference": pytest.approx(0.2), "mean_difference": pytest.approx(0.1)}


def test_numbers_agree_within_a_hundredth() -> None:
    native = np.array([[100.0], [200.0], [300.0]])
    got = numbers(native, native + np.array([[0.5], [4.0], [0.0]]))
    assert got["agreement"] == pytest.approx(2 / 3, abs=1e-6)
    assert got["max_difference"] == pytest.approx(4 / 200)
