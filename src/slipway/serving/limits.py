"""How large and how slow a request may be: every limit with its default, and the checks of what a request holds.

The server checks bodies (`slipway.serving.bodies`) and senders (`slipway.serving.deadline`) itself. An endpoint checks
rows, pictures and sounds with the functions here, before anything is decoded: a picture of a megabyte can become
gigabytes of pixels, and so can a sound.
"""

from dataclasses import dataclass, fields
from io import BytesIO

import numpy as np

from slipway.core.errors import ConfigError
from slipway.serving.problems import Problem

TITLE = "Too large"
_BRACKETS = b"[]{}"
_OTHERS = bytes(one for one in range(256) if one not in _BRACKETS)
_OPENING = np.zeros(256, np.int64)
_OPENING[list(b"[{")] = 1
_OPENING[list(b"]}")] = -1


@dataclass(frozen=True)
class Limits:
    """The largest request that is served, and the slowest.

    Sizes in bytes: `body` of a request, `upload` of a release, `head` of a request line with its headers. `depth`:
    levels of nested arrays and objects in JSON. `rows`, `files`: in one request. `pixels`: of one picture. `seconds`,
    `samples`: of one sound, the latter over all channels, before resampling.

    Times in seconds: `head_seconds` for the request line and the headers. `body_seconds` for the whole request, and one
    more for each `slowest` bytes of it that have arrived. `linger_seconds`: how long the rest of a body that was
    refused is still taken in, so that the client reads the answer instead of a closed connection.
    """

    body: int = 32 * 2**20
    upload: int = 2**30
    head: int = 16 * 2**10
    depth: int = 32
    rows: int = 10_000
    files: int = 64
    pixels: int = 50_000_000
    seconds: float = 120
    samples: int = 60_000_000
    head_seconds: float = 10
    body_seconds: float = 30
    slowest: int = 64 * 2**10
    linger_seconds: float = 5

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ConfigError: one is not positive.
        """
        for one in fields(self):
            if not 0 < (value := getattr(self, one.name)) < float("inf"):
                raise ConfigError(f"the limit {one.name} is {value!r}; it must be a positive number")


def check_rows(count: int, limits: Limits) -> None:
    """Check the number of rows of one request.

    Raises:
        Problem: 413, there are too many.
    """
    if count > limits.rows:
        raise Problem(413, TITLE, f"{count:,} rows, and one request may have {limits.rows:,}; send several")


def check_files(count: int, limits: Limits) -> None:
    """Check the number of pictures or sounds of one request.

    Raises:
        Problem: 413, there are too many.
    """
    if count > limits.files:
        raise Problem(413, TITLE, f"{count:,} files, and one request may have {limits.files:,}; send several")


def check_pixels(picture: bytes, limits: Limits) -> None:
    """Check the size of a picture, given as its file, by its header; nothing is decoded.

    A picture whose header cannot be read passes: it cannot be decoded either, and the decoder says why.

    Raises:
        Problem: 413, it has too many pixels.
    """
    from slipway_edge.pictures import PictureError, picture_size

    try:
        height, width = picture_size(picture)
    except PictureError as error:
        if error.kind == "too large":
            raise Problem(
                413, TITLE, f"more than {limits.pixels:,} pixels, and a picture may not have more; make it smaller"
            )
        return
    if height * width > limits.pixels:
        raise Problem(
            413,
            TITLE,
            f"{width:,} x {height:,} pixels, and a picture may have {limits.pixels:,} pixels; make it smaller",
        )


def check_sound(sound: bytes, limits: Limits) -> None:
    """Check the length of a sound, given as its file, by adding up its packets; nothing is decoded.

    This takes a third of the time of decoding it: 5 ms for a minute in FLAC, 20 ms in Ogg. So it belongs where the
    sound is decoded, not on the loop.

    What a file states about its length can be wrong, and so can what it states about a packet, so the larger of the
    stated and the usual length of a packet counts. A sound whose packets cannot be read passes: the decoder says why.

    Raises:
        Problem: 413, it is too long, or has too many samples over all channels.
    """
    import av

    from slipway_edge.sound import SoundError, recognise

    try:
        with av.open(BytesIO(sound), "r", recognise(sound[:12]), metadata_errors="replace") as container:
            stream = next(iter(container.streams.audio), None)
            if stream is None or stream.codec_context is None or not stream.rate:
                return
            rate, channels, usual = stream.rate, stream.channels, stream.codec_context.frame_size
            count = 0.0
            for packet in container.demux(stream):
                if not packet.size:
                    continue
                stated = float(packet.duration * packet.time_base * rate) if packet.duration and packet.time_base else 0
                count += max(stated, usual)
                _refuse_longer(count / rate, count * channels, limits)
    except (SoundError, av.FFmpegError):
        return


def _refuse_longer(seconds: float, samples: float, limits: Limits) -> None:
    if seconds > limits.seconds:
        raise Problem(413, TITLE, f"more than {limits.seconds:g} s, and a sound may not be longer; cut it into clips")
    if samples > limits.samples:
        raise Problem(
            413,
            TITLE,
            f"more than {limits.samples:,} samples over all channels, and a sound may not have more; cut it into "
            "clips, or mix its channels",
        )


def check_depth(content: bytes, limits: Limits) -> None:
    """Check how deep a JSON document is nested, before it is parsed.

    orjson refuses more than 1,024 levels (its versions before 3.9.15 overflowed the stack); `json` raises
    RecursionError at about as many. Code that walks through the values may stand less. A document with no more brackets
    than levels, such as a row, needs no more than a count of them. Where the document is not JSON, the parser gets no
    further than this did, so it meets no deeper level either. This holds for UTF-8, in which JSON is sent (RFC 8259).
    `json` would also read UTF-16 and UTF-32, in which a bracket has bytes of 0.

    Raises:
        Problem: 413, it is nested too deep; 422, it is not in UTF-8.
    """
    if content.count(b"[") + content.count(b"{") <= limits.depth:
        return
    if b"\0" in content:
        raise Problem(422, "Not JSON", "the body has bytes of 0, as UTF-16 has; send JSON in UTF-8")
    if b"\\" in content:
        content = content.replace(b"\\\\", b"").replace(b'\\"', b"")
    outside_strings = b"".join(content.split(b'"')[::2])
    brackets = np.frombuffer(outside_strings.translate(None, _OTHERS), np.uint8)
    deepest = int(np.cumsum(_OPENING[brackets]).max(initial=0))
    if deepest > limits.depth:
        raise Problem(413, TITLE, f"JSON nested {deepest:,} levels deep, and {limits.depth} are allowed; send it flat")
