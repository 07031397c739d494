import numpy as np
import pytest

from slipway_edge.log_mel import LogMel

LOG_MEL = LogMel(rate=22050, n_fft=1024, hop=512, mels=64, fmin=50, fmax=11025, floor=-90, ceiling=0)


def tone(hertz: float, amplitude: float = 1.0, seconds: float = 0.5) -> np.ndarray:
    return (amplitude * np.sin(2 * np.pi * hertz * np.arange(round(seconds * 22050)) / 22050)).astype(np.float32)


def mel(hertz: np.ndarray | float) -> np.ndarray:
    return 2595 * np.log10(1 + np.asarray(hertz) / 700)


def test_a_frame_starts_every_hop_and_lies_within_the_sound() -> None:
    for frames in (1, 2, 40):
        assert LOG_MEL(tone(440, seconds=2)[: LOG_MEL.samples(frames)]).shape == (64, frames)
        assert LOG_MEL(tone(440, seconds=2)[: LOG_MEL.samples(frames + 1) - 1]).shape == (64, frames)


def test_long_sounds_are_the_same_block_by_block() -> None:
    sound = np.random.default_rng(0).standard_normal(LOG_MEL.samples(2100)).astype(np.float32) * 0.01
    np.testing.assert_array_equal(LOG_MEL(sound)[:, 2040:], LOG_MEL(sound[2040 * 512 :]))


@pytest.mark.parametrize("filters", [5, 20, 40, 60])
def test_a_tone_is_loudest_in_the_filter_of_its_pitch(filters: int) -> None:
    centres = np.linspace(mel(50), mel(11025), 66)[1:-1]
    hertz = 700 * (10 ** (centres[filters] / 2595) - 1)
    assert (LOG_MEL(tone(hertz)).argmax(axis=0) == filters).all()


def test_a_full_scale_sine_at_a_bin_has_about_0_db_and_a_tenth_of_it_20_db_less() -> None:
    loud, soft = (float(LOG_MEL(tone(186 * 22050 / 1024, amplitude)).max()) * 90 / 255 - 90 for amplitude in (1, 0.1))
    assert loud == pytest.approx(0, abs=2.5)
    assert loud - soft == pytest.approx(20, abs=0.5)


def test_filters_are_triangles_that_share_each_bin_between_two() -> None:
    filters = LOG_MEL.filters
    bins = np.arange(513) * 22050 / 1024
    inner = (bins > 110) & (bins < 10300)
    np.testing.assert_allclose(filters.sum(axis=0)[inner], 1, atol=1e-5)
    assert ((filters > 0).sum(axis=0) <= 2).all()
    assert filters.max() <= 1


def test_power_below_the_floor_is_0_and_above_the_ceiling_255() -> None:
    assert LOG_MEL(tone(1000, 1e-6)).max() == 0
    assert LOG_MEL(tone(1000, 30.0)).max() == 255
