"""A 64-bit hash of a spectrogram that changes little when the sound is compressed or made quieter.

On a 9 x 9 thumbnail of the spectrogram, each bit is whether the difference between neighbouring pitches grows from one
time to the next, after Haitsma and Kalker, "A highly robust audio fingerprinting system", ISMIR 2002. Differences in
time alone would be the same for most sounds that fade out, such as a bark and a sneeze.
"""

import numpy as np
from PIL import Image


def fingerprint(spectrogram: np.ndarray) -> int:
    """Return the hash of a spectrogram uint8 [mels, frames]; near-duplicates differ in few bits."""
    thumbnail = Image.fromarray(spectrogram.astype(np.float32)).resize((9, 9), Image.Resampling.BOX)
    growing = np.diff(np.diff(np.asarray(thumbnail), axis=0), axis=1) > 0
    return int.from_bytes(np.packbits(growing).tobytes(), "big")
