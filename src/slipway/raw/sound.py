"""Sounds as people have them, to samples: WAV, FLAC, Ogg and MP3 told by content, one channel, at one rate.

Read by every task whose examples are sounds.
"""

import re
from io import BytesIO
from math import gcd
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import resample_poly

from slipway.raw.folders import ExampleError

LONGEST = 600
"""Seconds beyond which a sound is not decoded: each worker may hold one such sound at a time."""
SILENT = 2.0**-14
"""Samples no larger than this (of full scale 1; two steps of 16 bits) are digital silence."""

Sound = bytes | str | Path | tuple[np.ndarray, int]
"""A sound as callers have it: an encoded file's bytes, its path, or samples [n] or [n, channels] and their rate in Hz,
floats of full scale 1 or integers of their type's."""

_CUT = re.compile(
    r"^(data : (?!0 |4294967295 )\d+ \(should be|Ogg ?: (junk after the|last page lacks))", re.MULTILINE | re.IGNORECASE
)
"""What libsndfile notes of a WAV shorter than its header says (0 and 2^32 - 1: written as a stream, of unknown length)
and of an Ogg without its end."""
_MP3_FRAMES = 2304
"""By how many samples the length that an MP3 announces may be off: two of its frames."""


class SoundError(ExampleError):
    """A sound cannot be decoded, or holds nothing to hear."""


def decode(sound: Sound, rate: int) -> np.ndarray:
    """One sound as float32 [n] at `rate` Hz: channels averaged, resampled with a polyphase filter.

    Raises:
        SoundError: it is empty, neither WAV, FLAC, Ogg nor MP3, cut short or otherwise damaged, longer than `LONGEST`,
            silent, holds samples that are no numbers, channels that cancel each other, or is an array of another form.
    """
    samples, found = _given(*sound) if isinstance(sound, tuple) else _read(_content(sound))
    if not len(samples):
        raise SoundError("empty sound", "0 samples")
    if not np.isfinite(samples).all():
        bad = int(np.count_nonzero(~np.isfinite(samples)))
        raise SoundError("not a number", f"{bad} of {samples.size} samples are NaN or infinite")
    mono = samples.mean(axis=1, dtype=np.float32) if samples.ndim == 2 else samples
    if np.abs(mono).max() <= SILENT < np.abs(samples).max():
        raise SoundError("channels cancel", "they are in antiphase, and their mean is silence; keep one of them")
    if np.abs(mono).max() <= SILENT:
        raise SoundError("silent", f"no sample of {len(mono)} is above digital silence")
    if found == rate:
        return mono
    common = gcd(found, rate)
    resampled: np.ndarray = resample_poly(mono, rate // common, found // common).astype(np.float32, copy=False)
    return resampled


def trimmed(samples: np.ndarray) -> np.ndarray:
    """Samples [n] without the digital silence at both ends."""
    loud = np.flatnonzero(np.abs(samples) > SILENT)
    return samples[loud[0] : loud[-1] + 1] if len(loud) else samples


def recognise(start: bytes) -> None:
    """Refuse a file whose first 12 bytes are of no format that is read.

    Raises:
        SoundError: it is empty, or neither WAV, FLAC, Ogg nor MP3.
    """
    if not start:
        raise SoundError("empty file", "0 bytes")
    wav = start[:4] in (b"RIFF", b"RF64") and start[8:12] == b"WAVE"
    mp3 = start[:3] == b"ID3" or (start[0] == 0xFF and len(start) > 1 and start[1] & 0xE6 == 0xE2)
    if not (wav or mp3 or start.startswith((b"fLaC", b"OggS"))):
        raise SoundError("not a sound", "neither WAV, FLAC, Ogg nor MP3 by its content")


def _content(sound: bytes | str | Path) -> bytes:
    if isinstance(sound, bytes):
        return sound
    if not isinstance(sound, str | Path):
        raise SoundError("not a sound", f"{type(sound).__name__}; give bytes, a path or (samples, rate)")
    try:
        return Path(sound).read_bytes()
    except OSError as error:
        raise SoundError("unreadable", error.strerror or str(error))


def _read(content: bytes) -> tuple[np.ndarray, int]:
    """Samples float32 [n, channels] and their rate."""
    recognise(content[:12])
    try:
        with soundfile.SoundFile(BytesIO(content)) as file:
            _refuse_longer(file.frames, file.samplerate)
            samples = file.read(dtype="float32", always_2d=True)
            missing, notes, rate = file.frames - len(samples), file.extra_info, int(file.samplerate)
    except (soundfile.LibsndfileError, RuntimeError) as error:  # the message of the whole holds a memory address
        reason = getattr(error, "error_string", "") or "it cannot be decoded"
        raise SoundError("damaged", reason.removeprefix("Error : ").rstrip("."))
    if _CUT.search(notes) or missing > _MP3_FRAMES:
        raise SoundError("truncated", f"it ends after {len(samples) / rate:.2f} s, before its end")
    return samples, rate


def _given(samples: np.ndarray, rate: int) -> tuple[np.ndarray, int]:
    """Samples of a caller as floats of full scale 1."""
    if not isinstance(samples, np.ndarray) or samples.ndim not in (1, 2) or samples.dtype.kind not in "if":
        found = f"{samples.dtype} {list(samples.shape)}" if isinstance(samples, np.ndarray) else type(samples).__name__
        raise SoundError("not a sound", f"samples must be floats or integers [n] or [n, channels], not {found}")
    if rate != int(rate) or rate <= 0:
        raise SoundError("not a sound", f"a rate of {rate} Hz; give the samples a second, as a whole number")
    _refuse_longer(len(samples), rate)
    scale = np.iinfo(samples.dtype).max + 1 if samples.dtype.kind == "i" else 1
    return (samples / scale).astype(np.float32), int(rate)


def _refuse_longer(count: int, rate: int) -> None:
    if count > LONGEST * rate:
        raise SoundError("too long", f"{count / rate:,.0f} s; cut it into clips of at most {LONGEST} s")
