"""The perceptual hash that finds near copies of pictures; `slipway_edge.pictures` decodes pictures."""

import numpy as np
from PIL import Image


def difference_hash(encoded: np.ndarray) -> int:
    """Return the 64-bit dHash of one encoded picture [height, width, 3]; near copies differ in few bits."""
    grey = Image.fromarray(encoded).convert("L").resize((9, 8), Image.Resampling.BOX)
    pixels = np.asarray(grey)
    bits = np.packbits(pixels[:, 1:] > pixels[:, :-1])
    return int.from_bytes(bits.tobytes(), "big")
