"""Pictures and sounds as data URIs, so that a page has them in itself."""

import io
from base64 import b64encode

import av
import numpy as np
from PIL import Image

SIDE, QUALITY = 320, 82
"""The longest side of a picture in pixels, and the quality of its JPEG."""
RATE, BITS = 24_000, 48_000
"""The sample rate of a sound in Hz, and its bits per second."""


def reduced(picture: np.ndarray) -> np.ndarray:
    """Return a picture, uint8 [height, width, 3] or [height, width], with sides of at most `SIDE`."""
    image = Image.fromarray(picture)
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    return np.asarray(image)


def jpeg(picture: np.ndarray) -> str:
    """Return a picture, uint8 RGB [height, width, 3] or grey [height, width], as a JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=QUALITY)
    return _uri("image/jpeg", buffer.getvalue())


def mp3(samples: np.ndarray, rate: int) -> str:
    """Return a sound, samples [n] from -1 to 1 at `rate` Hz, as an MP3."""
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples, np.float32)[None], "fltp", "mono")
    frame.sample_rate = rate
    buffer = io.BytesIO()
    with av.open(buffer, "w", "mp3") as container:
        stream = container.add_stream("libmp3lame", RATE)
        stream.bit_rate, stream.layout, stream.format = BITS, "mono", "fltp"
        resampler = av.AudioResampler("fltp", "mono", RATE, stream.frame_size or None)
        for piece in (*resampler.resample(frame), *resampler.resample(None), None):
            container.mux(stream.encode(piece))
    return _uri("audio/mpeg", buffer.getvalue())


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{b64encode(content).decode()}"
