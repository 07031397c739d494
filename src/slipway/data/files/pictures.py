"""Pictures as examples: JPEG, PNG or WebP, recognised by content.

Encoded: uint8 RGB [height, width, 3], turned upright by EXIF and squashed to size with an antialiased bilinear filter;
the model itself scales the values. Each picture also has a 64-bit difference hash (dHash: whether each pixel of a 9 x 8
grey thumbnail is darker than its right neighbour), by which near-duplicates are found.
"""

from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from slipway.core.protocol import Usage
from slipway.core.spec import Spec
from slipway.data import files, usage
from slipway.data.readers.pictures import difference_hash
from slipway_edge.pictures import encode_picture, recognise


class Data(files.Labels):
    """The `data` section: the size that pictures are encoded to, and what their classes and groups are."""

    height: Annotated[int, Field(ge=8)]
    width: Annotated[int, Field(ge=8)]


class Pictures(files.Files):
    """A task whose examples are pictures; see `slipway.core.protocol.Task`."""

    noun: ClassVar[str] = "pictures"
    recognise = staticmethod(recognise)
    hash = staticmethod(difference_hash)

    def input(self) -> dict[str, Any]:
        """Return the spec's `input`: RGB in bytes."""
        return {"shape": [self.data.height, self.data.width, 3], "dtype": "uint8"}

    def inputs(self, path: Path) -> np.ndarray:
        """Return the one input of a picture, uint8 [1, height, width, 3].

        Raises:
            PictureError: it cannot be decoded.
        """
        return encode_picture(path, self.data.height, self.data.width)[None]

    def usage(self, spec: Spec, shown: int, golden: np.ndarray | None) -> Usage:
        """Return how the model is called: with whole pictures."""
        return usage.pictures(spec, shown)
