"""Decode sounds to samples: WAV, FLAC, Ogg, MP3 and M4A, recognised by content, as one channel at one rate.

A file is decoded to its end, whatever length it states: a program that writes into a pipe, joins files or is
interrupted states a wrong length or none. A file that holds less than it states is truncated. Every task whose examples
are sounds reads them with this module.
"""

import re
import struct
from io import BytesIO
from math import gcd, inf
from pathlib import Path
from typing import Any

import av
import numpy as np
from scipy.signal import resample_poly

from slipway_edge.errors import ExampleError

LONGEST = 600
"""Sounds of more seconds are not decoded: each worker may hold one sound of this length at a time."""
RATES = (1_000, 768_000)
"""The lowest and the highest sample rate in Hz."""
LOUDEST = 16.0
"""The largest plausible sample, where full scale is 1: floats may exceed 1 for a while, but not by 24 dB."""
MOST_CHANNELS = 64
"""An array with more channels, and more channels than samples, has its axes in the other order."""
SILENT = 2.0**-14
"""Samples no larger than this (of full scale 1; two steps of 16 bits) are digital silence."""

Sound = bytes | str | Path | tuple[np.ndarray, int]
"""A sound from a caller: an encoded file's bytes, its path, or samples [n] or [n, channels] and their rate in Hz, as
soundfile.read returns them; full scale is 1 for floats and the range of the type for integers."""

_SLACK = 2304
"""How many samples the stated length of a compressed sound may be wrong by: two frames of an MP3."""
_STREAMED = 2**31 - 2**16
"""From this value on, a WAV's length is a placeholder: programs that write into a pipe put in about the largest one."""
_XING = re.compile(
    rb"\xff([\xe2-\xff])..(?:\0{9}|\0{17}|\0{32})(?:Xing|Info)...[\1\3\5\7\x09\x0b\x0d\x0f](.{4})", re.DOTALL
)
"""The frame of an MP3 that states how many frames follow: the second byte of its header, and that number."""
_PAGE = re.compile(rb"OggS\0(.)(.{8})(.{4}).{8}(.)", re.DOTALL)
"""A page of an Ogg: flags (2 begins a stream, 4 ends it), position in samples, stream, number of segments."""
_CHUNK = re.compile(rb"[ -~]{4}(.{4})", re.DOTALL)
"""The head of a part of a WAV: its name, and the length of what follows."""
_TAGS = (b"ID3", b"TAG", b"APETAGEX", b"LYRICSBEGIN")


class SoundError(ExampleError):
    """A sound cannot be decoded, or is silent."""


def decode(sound: Sound, rate: int) -> np.ndarray:
    """Return a sound as float32 [n] at `rate` Hz: channels averaged, resampled with a polyphase filter.

    Raises:
        SoundError: the sound is empty, of a format that is not supported, truncated or otherwise damaged, longer than
            `LONGEST`, silent, or far over full scale; its samples are not all finite; its channels cancel each other;
            or it is an array of another shape or dtype.
    """
    samples, found = _from_array(sound) if isinstance(sound, tuple) else _read(_content(sound))
    if not len(samples):
        raise SoundError("empty sound", "0 samples")
    if not np.isfinite(samples).all():
        bad = int(np.count_nonzero(~np.isfinite(samples)))
        raise SoundError("not a number", f"{bad} of {samples.size} samples are NaN or infinite")
    if (peak := np.abs(samples).max()) > LOUDEST:
        raise SoundError(
            "out of range", f"samples up to {peak:,.0f}, where full scale is 1; divide them by their range"
        )
    mono = samples.mean(axis=1, dtype=np.float32) if samples.ndim == 2 else samples
    if np.abs(mono).max() <= SILENT < peak:
        raise SoundError("channels cancel", "they are in antiphase, and their mean is silence; keep one of them")
    if np.abs(mono).max() <= SILENT:
        raise SoundError("silent", f"no sample of {len(mono)} is above digital silence")
    if found == rate:
        return mono
    common = gcd(found, rate)
    resampled: np.ndarray = resample_poly(mono, rate // common, found // common).astype(np.float32, copy=False)
    return resampled


def trimmed(samples: np.ndarray) -> np.ndarray:
    """Return the samples [n] without the digital silence at both ends."""
    loud = np.flatnonzero(np.abs(samples) > SILENT)
    return samples[loud[0] : loud[-1] + 1] if len(loud) else samples


def recognise(start: bytes) -> str:
    """Return the format of a file by its first 12 bytes, as FFmpeg names it.

    Raises:
        SoundError: the file is empty, or its format is not supported.
    """
    if not start:
        raise SoundError("empty file", "0 bytes")
    if start[:4] in (b"RIFF", b"RF64") and start[8:12] == b"WAVE":
        return "wav"
    if start[:3] == b"ID3" or (start[0] == 0xFF and len(start) > 1 and start[1] & 0xE6 == 0xE2):
        return "mp3"
    if start[4:8] == b"ftyp":
        return "mp4"
    for signature, name in ((b"fLaC", "flac"), (b"OggS", "ogg")):
        if start.startswith(signature):
            return name
    raise SoundError("not a sound", "its content is not WAV, FLAC, Ogg, MP3 or M4A")


def _content(sound: bytes | str | Path) -> bytes:
    if isinstance(sound, bytes):
        return sound
    if isinstance(sound, np.ndarray):
        raise SoundError("not a sound", "an array without its rate; give (samples, rate in Hz)")
    if not isinstance(sound, str | Path):
        raise SoundError("not a sound", f"{type(sound).__name__}; give a path, bytes or (samples, rate in Hz)")
    try:
        return Path(sound).read_bytes()
    except OSError as error:
        raise SoundError("unreadable", error.strerror or str(error))


def _read(content: bytes) -> tuple[np.ndarray, int]:
    """Samples float32 [n, channels] and their rate."""
    form = recognise(content[:12])
    options: dict[str, str] = {}
    stated = 0.0
    match form:
        case "wav":
            options, stated = _wav(content)
        case "mp3":
            stated = _mp3(content)
        case "ogg":
            stated = _ogg(content)
        case "mp4" if content.count(b"moov") > 1 and b"moof" not in content:  # two indexes, and FFmpeg reads only one
            raise SoundError("joined", "another M4A follows it in the file; split them")
    blocks: list[np.ndarray] = []
    rate, channels, count, undecoded = 0, 0, 0, b""
    try:
        with av.open(BytesIO(content), "r", form, options=options, metadata_errors="replace") as container:
            stream = next(iter(container.streams.audio), None)
            if stream is None or stream.codec_context is None:
                raise SoundError("not a sound", "it has no audio stream that can be decoded")
            stream.codec_context.options = {"err_detect": "crccheck+explode"}
            for packet in container.demux(stream):
                try:
                    frames = packet.decode()
                except av.FFmpegError:
                    undecoded = undecoded or bytes(packet)
                    continue
                for frame in frames:
                    if not rate:
                        rate, channels = frame.sample_rate, frame.layout.nb_channels
                        _check_rate(rate)
                    if undecoded and not undecoded.startswith(_TAGS):
                        raise SoundError("damaged", f"it cannot be decoded after {count / rate:.2f} s")
                    if (frame.sample_rate, frame.layout.nb_channels) != (rate, channels):
                        raise SoundError("mixed", f"its rate or number of channels changes after {count / rate:.2f} s")
                    blocks.append(_floats(frame))
                    count += frame.samples
                    _refuse_longer(count, rate)
            if form in ("flac", "mp4") and stream.duration and stream.time_base:
                stated = float(stream.duration * stream.time_base * rate)
    except av.FFmpegError as error:
        raise SoundError("damaged", (error.strerror or "it cannot be decoded").rstrip("."))
    if stated > count + (0 if form == "flac" else _SLACK) or undecoded.startswith(b"\xff"):
        whole = f" of {stated / rate:.2f} s" if count < stated < inf and rate else ", before its end"
        raise SoundError("truncated", f"it ends after {count / max(rate, 1):.2f} s{whole}")
    if not blocks:
        raise SoundError("empty sound", "0 samples")
    if form == "ogg" and count - _SLACK <= stated < count:  # FFmpeg does not cut the last block of a single page
        count = int(stated)
    return np.concatenate(blocks)[:count], rate


def _floats(frame: av.AudioFrame) -> np.ndarray:
    """A decoded frame as float32 [n, channels], full scale being 1."""
    samples = frame.to_ndarray()
    samples = samples.T if frame.format.is_planar else samples.reshape(-1, frame.layout.nb_channels)
    if samples.dtype == np.uint8:
        samples = samples.astype(np.int16) - 128
        return (samples / 128).astype(np.float32)
    return _full_scale(samples)


def _full_scale(samples: np.ndarray) -> np.ndarray:
    """Samples as float32: floats unchanged, integers divided by their type's range."""
    if samples.dtype.kind == "i":
        return (samples / (np.iinfo(samples.dtype).max + 1)).astype(np.float32)
    return samples.astype(np.float32, copy=False)


def _wav(content: bytes) -> tuple[dict[str, str], float]:
    """FFmpeg's options for a WAV, and how many samples it states: infinitely many if it is truncated, otherwise 0.

    Its stated length is ignored if it is a placeholder, or if no chunk follows the samples: then the length was written
    before the samples.

    Raises:
        SoundError: the WAV states a length of 0 and has no samples, or another WAV follows it.
    """
    at, long = 12, 0
    while content[at : at + 4] != b"data":
        if at + 8 > len(content):
            return {}, 0
        (size,) = struct.unpack_from("<I", content, at + 4)
        if content[at : at + 4] == b"ds64" and at + 24 <= len(content):
            (long,) = struct.unpack_from("<Q", content, at + 16)
        at += 8 + size + size % 2
    size = int.from_bytes(content[at + 4 : at + 8], "little")
    size = long if size == 2**32 - 1 and long else size
    end = at + 8 + size
    if size >= _STREAMED and size != long:
        return {"ignore_length": "1"}, 0
    if end > len(content):
        return {}, inf
    end += not _CHUNK.match(content, end)  # the byte that makes an odd length even
    if content[end : end + 4] in (b"RIFF", b"RF64"):
        raise SoundError("joined", "another WAV follows it in the file; split them")
    chunk = _CHUNK.match(content, end)
    if chunk and size:
        return {}, 0
    if chunk and end + 8 + int.from_bytes(chunk[1], "little") <= len(content):
        raise SoundError("empty sound", "0 samples")
    return ({"ignore_length": "1"} if content[end:].strip(b"\0") else {}), 0


def _mp3(content: bytes) -> int:
    """The number of samples that an MP3 states, or several MP3s in one file."""
    stated = 0
    for header, frames in _XING.findall(content):
        stated += int.from_bytes(frames) * (1152 if header[0] & 0x18 == 0x18 else 576)
    return stated


def _ogg(content: bytes) -> float:
    """The total number of samples that the consecutive streams of an Ogg state; infinite if its end is missing."""
    stated = last = 0
    whole = False
    for page in _PAGE.finditer(content):
        if page[1][0] & 2:
            stated, last = stated + last, 0
        last = max(last, int.from_bytes(page[2], "little", signed=True))
        body = page.end() + page[4][0]
        whole = bool(page[1][0] & 4) and body + sum(content[page.end() : body]) <= len(content)
    return stated + last if whole else inf


def _from_array(sound: tuple[Any, ...]) -> tuple[np.ndarray, int]:
    """A caller's samples as floats, full scale being 1, and their rate."""
    if len(sound) != 2 or not isinstance(sound[1], int | float | np.integer | np.floating):
        found = ", ".join(type(one).__name__ for one in sound)
        raise SoundError("not a sound", f"({found}); give (samples, rate in Hz), in this order")
    samples, rate = sound
    if not isinstance(samples, np.ndarray) or samples.ndim not in (1, 2) or samples.dtype.kind not in "if":
        found = f"{samples.dtype} {list(samples.shape)}" if isinstance(samples, np.ndarray) else type(samples).__name__
        raise SoundError("not a sound", f"samples must be floats or integers [n] or [n, channels], not {found}")
    if samples.ndim == 2 and samples.shape[1] > max(samples.shape[0], MOST_CHANNELS):
        found = f"{list(samples.shape)} has the channels first"
        raise SoundError("not a sound", f"samples must be [n] or [n, channels]; {found}: use samples.T")
    _check_rate(rate)
    _refuse_longer(len(samples), rate)
    return _full_scale(samples), int(rate)


def _check_rate(rate: float) -> None:
    lowest, highest = RATES
    if rate % 1 or not lowest <= rate <= highest:
        raise SoundError(
            "not a sound", f"a rate of {rate:g} Hz; it must be a whole number from {lowest:,} to {highest:,}"
        )


def _refuse_longer(count: int, rate: int) -> None:
    if count > LONGEST * rate:
        raise SoundError("too long", f"more than {LONGEST} s; cut it into clips")
