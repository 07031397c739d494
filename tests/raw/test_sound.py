from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from slipway.raw.sound import LONGEST, SoundError, decode, recognise, trimmed

RATE = 22050
FORMATS = [("WAV", "PCM_16"), ("WAV", "FLOAT"), ("WAV", "PCM_24"), ("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("MP3", None)]


def tone(seconds: float = 1.0, hertz: float = 440.0, rate: int = RATE) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def file_of(samples: np.ndarray, form: str = "WAV", subtype: str | None = "PCM_16", rate: int = RATE) -> bytes:
    out = BytesIO()
    soundfile.write(out, samples, rate, subtype, format=form)
    return out.getvalue()


def noise(seconds: float = 1.0, rate: int = RATE) -> np.ndarray:
    return (0.1 * np.random.default_rng(0).standard_normal(round(seconds * rate))).astype(np.float32)


@pytest.mark.parametrize(("form", "subtype"), FORMATS)
def test_every_format_gives_the_same_sound(form: str, subtype: str | None) -> None:
    content = file_of(tone(), form, subtype)
    recognise(content[:12])
    samples = decode(content, RATE)
    assert samples.dtype == np.float32
    middle = slice(4000, 18000)
    assert len(samples) == pytest.approx(RATE, abs=2304)
    assert np.sqrt((samples[middle] ** 2).mean()) == pytest.approx(0.5 / np.sqrt(2), rel=0.02)


@pytest.mark.parametrize("rate", [8000, 11025, 32000, 44100, 48000])
def test_every_rate_is_brought_to_the_one_asked_for(rate: int) -> None:
    samples = decode(file_of(tone(rate=rate), rate=rate), RATE)
    assert len(samples) == RATE
    np.testing.assert_allclose(samples[1000:-1000], tone()[1000:-1000], atol=0.01)


def test_what_is_too_high_for_the_rate_is_filtered_out() -> None:
    high = decode(file_of(tone(hertz=15000, rate=44100), rate=44100), RATE)
    assert np.abs(high[1000:-1000]).max() < 0.01


def test_channels_are_averaged() -> None:
    stereo = np.stack([tone(), np.zeros(RATE, np.float32)], axis=1)
    np.testing.assert_allclose(decode(file_of(stereo), RATE), tone() / 2, atol=1e-4)


def test_bytes_paths_and_samples_of_one_sound_decode_alike(tmp_path: Path) -> None:
    whole = np.round(tone() * 32768).astype(np.int16)
    content = file_of(whole)
    (tmp_path / "a.wav").write_bytes(content)
    given = [content, tmp_path / "a.wav", str(tmp_path / "a.wav"), (whole, RATE), (whole / 32768, RATE)]
    decoded = [decode(sound, RATE) for sound in given]
    for one in decoded[1:]:
        np.testing.assert_array_equal(one, decoded[0])


@pytest.mark.parametrize(
    ("bad", "kind", "detail"),
    [
        (b"", "empty file", "0 bytes"),
        (b"GIF89a and more", "not a sound", "neither WAV, FLAC, Ogg nor MP3"),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 ", "not a sound", "neither WAV"),
        (b"fLaC and then nothing of it", "damaged", "."),
        (Path("absent.wav"), "unreadable", "No such file"),
        (file_of(tone()[:0]), "empty sound", "0 samples"),
        (file_of(np.zeros(RATE, np.float32)), "silent", "no sample of 22050"),
        ((np.stack([tone(), -tone()], axis=1), RATE), "channels cancel", "in antiphase"),
        ((np.zeros(0), RATE), "empty sound", "0 samples"),
        ((np.array([0.1, np.nan, np.inf]), RATE), "not a number", "2 of 3 samples"),
        ((np.full((2, 2, 2), 0.1), RATE), "not a sound", r"not float64 \[2, 2, 2\]"),
        ((["a"], RATE), "not a sound", "not list"),
        ((tone(), 0), "not a sound", "a rate of 0 Hz"),
        ((np.full(1100 * (LONGEST + 1), 0.1), 1100), "too long", "cut it into clips"),
        (7, "not a sound", "int; give bytes"),
    ],
)
def test_a_sound_that_cannot_be_used_says_why(bad: object, kind: str, detail: str) -> None:
    with pytest.raises(SoundError, match=detail) as raised:
        decode(bad, RATE)  # type: ignore[arg-type]
    assert raised.value.kind == kind


def test_samples_that_are_no_numbers_are_found_in_files_too() -> None:
    samples = tone()
    samples[7] = np.nan
    with pytest.raises(SoundError, match="not a number: 1 of 22050"):
        decode(file_of(samples, "WAV", "FLOAT"), RATE)


@settings(deadline=None, max_examples=60)
@given(chosen=st.sampled_from(FORMATS), keep=st.floats(0, 0.85))
def test_a_file_that_was_cut_is_not_taken_for_a_shorter_sound(chosen: tuple[str, str | None], keep: float) -> None:
    content = file_of(noise(2.0), *chosen)
    with pytest.raises(SoundError) as cut:
        decode(content[: int(keep * len(content))], RATE)
    assert cut.value.kind in {"empty file", "empty sound", "not a sound", "truncated", "damaged"}
    assert "0x" not in str(cut.value)


def test_a_wav_written_as_a_stream_ends_where_it_ends() -> None:
    content = bytearray(file_of(tone()))
    content[40:44] = b"\xff\xff\xff\xff"
    assert len(decode(bytes(content), RATE)) == RATE


def test_digital_silence_is_trimmed_at_the_ends_only() -> None:
    silence, sound = np.zeros(500, np.float32), np.full(100, 0.1, np.float32)
    samples = np.concatenate([silence, sound, silence, sound, silence + 3e-5])
    np.testing.assert_array_equal(trimmed(samples), samples[500:1200])
    assert len(trimmed(silence)) == 500
