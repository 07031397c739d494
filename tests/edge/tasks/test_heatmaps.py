"""Places are computed from heatmaps with sub-cell accuracy."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from slipway_edge.tasks.keypoint_detection.heatmaps import places


def gaussian(x: float, y: float, sigma: float, height: int = 16, width: int = 12) -> np.ndarray:
    """A heatmap [height, width] with its maximum at (x, y), in cells."""
    rows, columns = np.mgrid[:height, :width] + 0.5
    return np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2))


@settings(max_examples=50)
@given(x=st.floats(1.1, 10.9), y=st.floats(1.1, 14.9), sigma=st.sampled_from([1.0, 1.5, 2.0]))
def test_the_maximum_of_a_gaussian_is_found_at_any_position(x: float, y: float, sigma: float) -> None:
    (((found_x, found_y, score),),) = places(gaussian(x, y, sigma)[None, :, :, None])
    np.testing.assert_allclose([found_x * 12, found_y * 16], [x, y], atol=1e-3)
    assert gaussian(0.5, 0.5, sigma).max() >= score > 0.75


@settings(max_examples=30)
@given(x=st.floats(2, 10), y=st.floats(2, 14))
def test_steps_of_an_eighth_bit_cost_a_twentieth_of_a_cell(x: float, y: float) -> None:
    heatmap = (gaussian(x, y, 1.5) * 256).round() / 256
    ((found,),) = places(heatmap[None, :, :, None])
    np.testing.assert_allclose(found[:2] * [12, 16], [x, y], atol=0.05)


def test_a_maximum_at_an_edge_or_on_a_plateau_stays_in_its_cell() -> None:
    heatmaps = np.zeros((1, 4, 4, 3), np.float32)
    heatmaps[0, 0, 3, 0] = 0.9
    heatmaps[0, :, :, 1] = 0.2
    heatmaps[0, 2, :, 2] = 0.5
    found = places(heatmaps)
    assert (found.shape, found.dtype) == ((1, 3, 3), np.float32)
    assert ((found[..., :2] >= 0) & (found[..., :2] <= 1)).all()
    assert found[0, 0, 0] > 0.75
    assert found[0, 0, 1] < 0.25
    np.testing.assert_allclose(found[0, :, 2], [0.9, 0.2, 0.5])
    np.testing.assert_allclose(found[0, 1, :2], 0.125)


def test_each_map_of_each_example_is_read_independently() -> None:
    maps = np.stack([[gaussian(3, 4, 1), gaussian(9, 12, 1)], [gaussian(5, 6, 1), gaussian(7, 8, 1)]])
    found = places(np.moveaxis(maps, 1, -1))[..., :2] * [12, 16]
    np.testing.assert_allclose(found, [[[3, 4], [9, 12]], [[5, 6], [7, 8]]], atol=1e-3)
