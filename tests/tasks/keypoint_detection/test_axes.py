"""Places are read off distributions over columns and rows, more finely than their bins."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from slipway.tasks.keypoint_detection.axes import places, settings

HEIGHT, WIDTH = 96, 64
SPEC = {"axes": settings(HEIGHT, WIDTH)}


def gaussian(bins: int, at: float) -> np.ndarray:
    """A distribution over `bins`, its top at the share `at`."""
    away = (np.arange(bins) + 0.5 - at * bins) / SPEC["axes"]["sigma"]
    heights = np.exp(-(away**2) / 2)
    return heights / heights.sum()


def outputs(*points: tuple[float, float]) -> np.ndarray:
    """What a network would give for one person with keypoints at `points`, in shares."""
    each = [np.concatenate([gaussian(2 * WIDTH, x), gaussian(2 * HEIGHT, y)]) for x, y in points]
    return np.array([each], np.float32)


def test_an_axis_has_two_bins_a_pixel_and_a_spread_of_a_64th_of_the_longer_side() -> None:
    assert SPEC["axes"] == {"columns": 128, "rows": 192, "sigma": 3}


@examples(deadline=None, max_examples=50)
@given(x=st.floats(0.1, 0.9), y=st.floats(0.1, 0.9))
def test_the_top_of_a_gaussian_is_found_wherever_it_is(x: float, y: float) -> None:
    (((found_x, found_y, score),),) = places(outputs((x, y)), SPEC)
    assert [found_x, found_y] == pytest.approx([x, y], abs=0.002)
    assert score == pytest.approx(0.9694**2, abs=0.01), "what a Gaussian has within two deviations and half a bin"


@examples(deadline=None, max_examples=30)
@given(x=st.floats(0.1, 0.9), y=st.floats(0.1, 0.9))
def test_steps_of_an_eighth_bit_cost_a_third_of_a_pixel(x: float, y: float) -> None:
    stepped = (outputs((x, y)) * 256).round() / 256
    ((found,),) = places(stepped, SPEC)
    assert found[:2] * [WIDTH, HEIGHT] == pytest.approx([x * WIDTH, y * HEIGHT], abs=0.33)


def test_a_keypoint_at_the_edge_stays_inside_and_one_that_could_be_anywhere_scores_low() -> None:
    plain = np.concatenate([np.full(2 * WIDTH, 0.5 / WIDTH), np.full(2 * HEIGHT, 0.5 / HEIGHT)])[None, None]
    both = np.concatenate([outputs((0.0, 1.0)), plain], axis=1)
    found = places(both, SPEC)
    assert (found.shape, found.dtype) == ((1, 2, 3), np.float32)
    assert ((found >= 0) & (found <= 1)).all()
    assert found[0, 0, :2] == pytest.approx([0, 1], abs=0.03)
    assert found[0, 1, 2] == pytest.approx(13 / 128 * 13 / 192, rel=1e-3)


def test_of_two_tops_the_one_with_more_mass_counts_not_their_mean() -> None:
    mixed = 0.6 * outputs((0.2, 0.3)) + 0.4 * outputs((0.8, 0.9))
    assert places(mixed, SPEC)[0, 0] == pytest.approx([0.2, 0.3, 0.36 * 0.94], abs=0.01)


def test_each_keypoint_of_each_person_is_read_by_itself() -> None:
    two = np.concatenate([outputs((0.2, 0.3), (0.8, 0.7)), outputs((0.4, 0.5), (0.6, 0.1))])
    expected = [[[0.2, 0.3], [0.8, 0.7]], [[0.4, 0.5], [0.6, 0.1]]]
    np.testing.assert_allclose(places(two, SPEC)[..., :2], expected, atol=0.002)


def test_distributions_of_nothing_give_the_middle_and_no_score() -> None:
    assert places(np.zeros((1, 1, 320), np.float32), SPEC)[0, 0].tolist() == [0.5, 0.5, 0]
