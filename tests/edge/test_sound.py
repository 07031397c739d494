import struct
from fractions import Fraction
from functools import cache
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from slipway_edge.sound import LONGEST, SoundError, decode, recognise, trimmed

RATE = 22050
FORMATS = [("WAV", "PCM_16"), ("WAV", "FLOAT"), ("WAV", "PCM_24"), ("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("MP3", None)]


def tone(seconds: float = 1.0, hertz: float = 440.0, rate: int = RATE) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def file_of(samples: np.ndarray, form: str = "WAV", subtype: str | None = "PCM_16", rate: int = RATE) -> bytes:
    out = BytesIO()
    soundfile.write(out, samples, rate, subtype, format=form)
    return out.getvalue()


def encoded(samples: np.ndarray, form: str, codec: str, rate: int = RATE, **options: str) -> bytes:
    """A file written by FFmpeg; `quality` is for a variable bit rate, the other options are those of the format."""
    out = BytesIO()
    layout = "stereo" if samples.ndim == 2 else "mono"
    coding = {"flags": "+qscale", "global_quality": options.pop("quality")} if "quality" in options else {}
    with av.open(out, "w", format=form, options=options) as container:
        stream = container.add_stream(codec, rate=rate, layout=layout, options=coding)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(np.atleast_2d(samples.T)), "fltp", layout)
        frame.rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        size = stream.codec_context.frame_size or 1024
        resampler = av.AudioResampler(stream.format, layout, rate, frame_size=size)
        for piece in [*resampler.resample(frame), *resampler.resample(None), None]:
            container.mux(stream.encode(piece))
    return out.getvalue()


@cache
def call() -> np.ndarray:
    """Five seconds of a quiet hum, then five with a loud call."""
    time = np.arange(10 * RATE) / RATE
    rough = 1 + 0.2 * (np.random.default_rng(0).random(len(time)) - 0.5)
    loud = (time > 5) * 0.3 * np.sin(2 * np.pi * 800 * time) * rough
    return (0.02 * np.sin(2 * np.pi * 300 * time) + loud).astype(np.float32)


@cache
def mp3(xing: bool, rate: int = RATE, samples: int = 10 * RATE) -> bytes:
    """An MP3 of variable rate, with or without the frame that says how long it is."""
    return encoded(
        call()[:samples], "mp3", "libmp3lame", rate, quality="472", write_xing=str(int(xing)), id3v2_version="0"
    )


def piped_flac() -> bytes:
    """A FLAC whose header states no number of samples."""
    content = encoded(call(), "flac", "flac")
    return content[:22] + bytes(4) + content[26:]


def wav(length: int | None = None, tail: bytes = b"", subtype: str = "PCM_16", form: str = "WAV") -> bytes:
    """The call as a WAV whose header states another length, with further bytes after the samples."""
    content = bytearray(file_of(call(), form, subtype))
    if length is not None:
        at = content.index(b"data") + 4
        content[at : at + 4] = struct.pack("<I", length)
        content[4:8] = struct.pack("<I", min(length + 36, 2**32 - 1))
    return bytes(content) + tail


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
def test_every_rate_is_converted_to_the_requested_one(rate: int) -> None:
    samples = decode(file_of(tone(rate=rate), rate=rate), RATE)
    assert len(samples) == RATE
    np.testing.assert_allclose(samples[1000:-1000], tone()[1000:-1000], atol=0.01)


def test_frequencies_too_high_for_the_rate_are_filtered_out() -> None:
    high = decode(file_of(tone(hertz=15000, rate=44100), rate=44100), RATE)
    assert np.abs(high[1000:-1000]).max() < 0.01


def test_channels_are_averaged() -> None:
    stereo = np.stack([tone(), np.zeros(RATE, np.float32)], axis=1)
    np.testing.assert_allclose(decode(file_of(stereo), RATE), tone() / 2, atol=1e-4)


def test_bytes_paths_and_samples_of_a_sound_are_decoded_equally(tmp_path: Path) -> None:
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
        (b"GIF89a and more", "not a sound", "its content is not WAV, FLAC, Ogg, MP3 or M4A"),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 ", "not a sound", "its content is not WAV"),
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
        ((np.full(1000, 0.1), 10**7), "not a sound", r"a rate of 1e\+07 Hz"),
        ((np.full(1000, 0.1), 22050.5), "not a sound", "a rate of 22050.5 Hz"),
        ((tone() * 32768, RATE), "out of range", "samples up to 16,384, where full scale is 1"),
        (7, "not a sound", "int; give a path, bytes"),
    ],
)
def test_a_sound_that_cannot_be_used_says_why(bad: object, kind: str, detail: str) -> None:
    with pytest.raises(SoundError, match=detail) as raised:
        decode(bad, RATE)  # type: ignore[arg-type]
    assert raised.value.kind == kind


def test_nan_samples_are_also_found_in_files() -> None:
    samples = tone()
    samples[7] = np.nan
    with pytest.raises(SoundError, match="not a number: 1 of 22050"):
        decode(file_of(samples, "WAV", "FLOAT"), RATE)


@settings(max_examples=60)
@given(chosen=st.sampled_from(FORMATS), keep=st.floats(0, 0.85))
def test_a_truncated_file_is_not_read_as_a_shorter_sound(chosen: tuple[str, str | None], keep: float) -> None:
    content = file_of(noise(2.0), *chosen)
    with pytest.raises(SoundError) as cut:
        decode(content[: int(keep * len(content))], RATE)
    assert cut.value.kind in {"empty file", "empty sound", "not a sound", "truncated", "damaged"}
    assert "0x" not in str(cut.value)


LIST = b"LIST" + struct.pack("<I", 8) + b"INFOIART"
TAGGED = b"ID3\x04\0\0\0\0\0\x0a" + bytes(10), b"TAG" + bytes(125)
WHOLE = {
    "variable rate without a Xing header": (lambda: mp3(xing=False), 10),
    "variable rate with one": (lambda: mp3(xing=True), 10),
    "two MP3 joined": (lambda: mp3(xing=True) * 2, 20),
    "two tagged MP3 joined": (lambda: (TAGGED[0] + mp3(xing=False) + TAGGED[1]) * 2, 20),
    "an APE tag behind": (lambda: mp3(xing=False) + b"APETAGEX" + bytes(200), 10),
    "constant rate without a header": (
        lambda: encoded(np.tile(call(), 3), "mp3", "libmp3lame", write_xing="0", id3v2_version="0"),
        30,
    ),
    "MP3 in a WAV": (lambda: encoded(call(), "wav", "libmp3lame"), 10),
    "M4A": (lambda: encoded(call(), "ipod", "aac"), 10),
    "FLAC written into a pipe": (piped_flac, 10),
    "two FLAC joined": (lambda: wav(form="FLAC") * 2, 20),
    "two Ogg chained": (lambda: file_of(call(), "OGG", "VORBIS") + file_of(call() / 2, "OGG", "VORBIS"), 20),
    "Opus": (lambda: encoded(call(), "ogg", "libopus", 48000), RATE * 10 / 48000),
    **{
        f"a WAV of length {size:#x}": (lambda size=size: wav(size), 10)
        for size in (0, 0x7FFFF000, 0x7FFFFFDA, 0x7FFFFFFF)
    },
    **{f"a WAV of length {size:#x}": (lambda size=size: wav(size), 10) for size in (0x80000000, 0xFFFFFFFF)},
    "a WAV whose length was not brought up to date": (lambda: wav(5 * RATE), 10),
    "a WAV with a chunk behind": (lambda: wav(tail=LIST), 10),
    "a WAV with padding behind": (lambda: wav(tail=bytes(512)), 10),
    "a WAV with chunks before": (lambda: wav().replace(b"data", b"junk\x05\0\0\0hello\0data", 1), 10),
    "RF64": (lambda: wav(form="RF64"), 10),
    **{kind: (lambda kind=kind: wav(subtype=kind), 10) for kind in ("PCM_U8", "PCM_32", "DOUBLE", "ULAW", "IMA_ADPCM")},
}


@pytest.mark.parametrize("name", WHOLE)
def test_a_sound_is_read_to_its_end_whatever_length_it_states(name: str) -> None:
    make, seconds = WHOLE[name]
    samples = decode(make(), RATE)
    assert len(samples) / RATE == pytest.approx(seconds, abs=0.1)
    part = len(samples) // 20
    assert np.abs(samples[-part:-2000]).max() > 0.1, "the call in its second half is heard"


@pytest.mark.parametrize(
    ("make", "kind", "detail"),
    [
        (lambda: mp3(xing=True)[:20000], "truncated", r"it ends after \d\.\d\d s of 10\.06 s"),
        (lambda: mp3(xing=True) + mp3(xing=True)[:20000], "truncated", r"of 20\.11 s"),
        (lambda: mp3(xing=True)[:20000] + bytes(range(256)) * 8 + mp3(xing=True)[22048:], "damaged", "after [678]"),
        (
            lambda: mp3(xing=True) + mp3(True, 44100),
            "mixed",
            r"its rate or number of channels changes after 1\d\.\d\d s",
        ),
        (lambda: wav()[:200000], "truncated", r"it ends after 4\.53 s, before its end"),
        (lambda: wav(form="RF64")[:200000], "truncated", "after 4.53 s"),
        (lambda: wav() + wav(), "joined", "another WAV follows it in the file"),
        (lambda: encoded(call(), "ipod", "aac") * 2, "joined", "another M4A follows it in the file"),
        (lambda: wav(0)[:44] + LIST, "empty sound", "0 samples"),
        (lambda: wav(form="FLAC") + wav(form="FLAC")[:150000], "truncated", "before its end"),
        (lambda: piped_flac()[:150000], "truncated", "before its end"),
        (lambda: encoded(call(), "ipod", "aac")[:30000], "damaged", "Invalid data"),
        (lambda: file_of(call() * 32768, "WAV", "FLOAT"), "out of range", "samples up to 11,4"),
    ],
)
def test_a_file_with_a_missing_or_foreign_part_is_refused(make: object, kind: str, detail: str) -> None:
    with pytest.raises(SoundError, match=detail) as raised:
        decode(make(), RATE)  # type: ignore[operator]
    assert raised.value.kind == kind


@pytest.mark.parametrize("count", [1000, 4000, 30000])
def test_an_ogg_ends_with_the_sample_that_it_states(count: int) -> None:
    assert len(decode(file_of(call()[-count:], "OGG", "VORBIS"), RATE)) == count


def test_a_missing_page_of_an_ogg_is_reported() -> None:
    content = file_of(call(), "OGG", "VORBIS")
    middle = len(content) // 2
    for damaged in (content[:middle] + content[middle + 3000 :], content[:middle] + b"\xaa" + content[middle + 1 :]):
        with pytest.raises(SoundError, match=r"truncated: it ends after [89]\.\d\d s of 10\.00 s"):
            decode(damaged, RATE)


@cache
def short(name: str) -> bytes:
    """Two seconds of noise in each format."""
    samples = noise(2.0)
    match name:
        case "wav" | "float" | "flac" | "ogg":
            form, subtype = {"float": ("WAV", "FLOAT"), "ogg": ("OGG", "VORBIS")}.get(name, (name.upper(), "PCM_16"))
            return file_of(samples, form, subtype)
        case "headless":
            return encoded(samples, "mp3", "libmp3lame", write_xing="0", id3v2_version="0")
        case "mp3":
            return encoded(samples, "mp3", "libmp3lame")
        case _:
            return encoded(samples, "ipod", "aac")


@settings(max_examples=80)
@given(data=st.data(), name=st.sampled_from(["wav", "float", "flac", "ogg", "mp3", "headless", "m4a"]))
def test_a_changed_file_gives_the_sound_that_is_there_or_a_reason(data: st.DataObject, name: str) -> None:
    content = bytearray(short(name))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.one_of(st.integers(0, 64), st.integers(0, len(content))))
        match data.draw(st.sampled_from(["set", "cut", "drop", "insert", "repeat"])):
            case "set":
                some = data.draw(st.binary(min_size=1, max_size=8))
                content[at : at + len(some)] = some
            case "cut":
                del content[max(at, 1) :]
            case "drop":
                del content[at : at + data.draw(st.integers(1, 5000))]
            case "insert":
                content[at:at] = data.draw(st.binary(min_size=1, max_size=64)) * data.draw(st.integers(1, 50))
            case "repeat":
                content += content[at:]
    try:
        samples = decode(bytes(content), RATE)
    except SoundError as error:
        assert error.detail
        assert "0x" not in error.detail
    else:
        assert samples.dtype == np.float32
        assert np.isfinite(samples).all()


@settings(max_examples=40)
@given(
    name=st.sampled_from(["wav", "float", "flac", "ogg", "mp3", "headless", "m4a"]),
    place=st.floats(0.2, 0.95),
    some=st.binary(min_size=1, max_size=16),
)
def test_bytes_changed_in_the_middle_never_shorten_a_sound_without_an_error(
    name: str, place: float, some: bytes
) -> None:
    content = bytearray(short(name))
    at = int(place * len(content))
    content[at : at + len(some)] = some
    try:
        samples = decode(bytes(content), RATE)
    except SoundError as error:
        assert error.kind in {"damaged", "truncated", "not a number", "out of range", "mixed"}
    else:
        assert len(samples) / RATE == pytest.approx(2.0, abs=0.15)


def test_digital_silence_is_trimmed_at_the_ends_only() -> None:
    silence, sound = np.zeros(500, np.float32), np.full(100, 0.1, np.float32)
    samples = np.concatenate([silence, sound, silence, sound, silence + 3e-5])
    np.testing.assert_array_equal(trimmed(samples), samples[500:1200])
    assert len(trimmed(silence)) == 500
