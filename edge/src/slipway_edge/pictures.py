"""Decode pictures to arrays: JPEG, PNG and WebP, recognised by content, upright, RGB, squashed to size.

Every task whose examples are pictures reads them with this module. Of pictures with 16 bits per sample, the 8 highest
bits in use are kept: in use are as many bits as the file states (PNG's sBIT), otherwise the fewest of 8, 12 and 16 that
hold the brightest pixel. Of an animation, the first picture is read.
"""

from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from PIL import Image, UnidentifiedImageError

from slipway_edge.errors import DataError, ExampleError

LARGEST = 90_000_000
"""Pictures with more pixels are not decoded: each worker may hold one picture of this size at a time."""

Picture = bytes | str | Path | np.ndarray | Image.Image
"""A picture from a caller: an encoded file's bytes, its path, a PIL image, or an array, uint8 from 0 to 255: RGB
[height, width, 3], RGBA [height, width, 4], or grey [height, width]."""

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_EXIF_ORIENTATION = 0x0112
_PNG = b"\x89PNG\r\n\x1a\n"
_METADATA_CHUNKS = frozenset({b"tEXt", b"zTXt", b"iTXt", b"iCCP"})
"""Kinds of PNG chunks that describe a picture and are not needed to show it."""
_READ = ("JPEG", "PNG", "WEBP")
_DEPTHS = (8, 12, 16)
_OTHERS = (
    (0, b"GIF8", "GIF"),
    (0, b"BM", "BMP"),
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (4, b"ftypavi", "AVIF"),
    (4, b"ftyphei", "HEIC"),
    (4, b"ftypmif1", "HEIC"),
    (0, b"%PDF", "PDF"),
    (0, b"<svg", "SVG"),
)
"""Formats that are named in the error message but not read: offset and value of their signature, and name."""


class PictureError(ExampleError):
    """A picture cannot be decoded."""


def encode_picture(picture: Picture, height: int, width: int) -> np.ndarray:
    """Return a picture as uint8 RGB [height, width, 3], upright and squashed to size, transparent parts on white.

    Raises:
        PictureError: the picture is empty, not JPEG, PNG or WebP, truncated or otherwise damaged, or an array of
            another shape or dtype.
    """
    return _decoded(_given(picture), (height, width))


def decode_picture(picture: Picture) -> np.ndarray:
    """Return a picture in its own size as uint8 RGB [height, width, 3], upright, transparent parts on white.

    Raises:
        PictureError: for the same reasons as `encode_picture`.
    """
    return _decoded(_given(picture), None)


def _given(picture: Picture) -> bytes | Image.Image:
    """A caller's picture as bytes of a file or as a PIL image."""
    if isinstance(picture, np.ndarray):
        return Image.fromarray(_pixels(picture))
    if isinstance(picture, Image.Image) and picture.mode == "F":
        raise PictureError("not a picture", "a PIL image of mode F has no range; convert it to RGB")
    return picture if isinstance(picture, Image.Image) else _content(picture)


def _pixels(array: np.ndarray) -> np.ndarray:
    """A caller's array, checked, without an axis for a single channel."""
    pixels = array[..., 0] if array.ndim == 3 and array.shape[2] == 1 else array
    shaped = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] in (3, 4))
    if array.dtype == np.uint8 and array.size and shaped:
        return pixels
    if array.ndim == 3 and array.shape[0] in (1, 3, 4) and array.shape[2] > 4:
        remedy = "; its channels come first: use array.transpose(1, 2, 0)"
    elif array.dtype.kind == "f" and array.size and 0 <= array.min() <= array.max() <= 1:
        remedy = "; its values are from 0 to 1: use (255 * array).astype(np.uint8)"
    else:
        remedy = ""
    found = f"{array.dtype} {list(array.shape)}"
    raise PictureError("not a picture", f"an array must be uint8 [height, width, 3], not {found}{remedy}")


def _decoded(picture: bytes | Image.Image, size: tuple[int, int] | None) -> np.ndarray:
    """A picture, squashed to `size` (height, width) unless that is None."""
    if isinstance(picture, bytes):
        recognise(picture[:12])
    try:
        if isinstance(picture, Image.Image):
            return _upright(picture, b"", size)
        with Image.open(BytesIO(picture), formats=_READ) as image:
            if size is not None:
                image.draft(None, (max(size), max(size)))
            return _upright(image, picture, size)
    except PictureError:
        raise
    except Exception as error:  # decoders raise almost any exception on damaged bytes
        if isinstance(picture, bytes) and "MAX_TEXT" in str(error):
            return _decoded(_without_metadata(picture), size)
        raise _picture_error(error)


def _upright(image: Image.Image, content: bytes, size: tuple[int, int] | None) -> np.ndarray:
    """An image as uint8 RGB, upright; `content` are the bytes of its file, empty if they are not known."""
    if image.width * image.height > LARGEST:
        raise PictureError("too large", f"{image.width} x {image.height} pixels")
    orientation = _orientation(image)
    turn = _UPRIGHT.get(orientation)
    rgb = _rgb(image, content)
    if size is not None:
        stored = size if orientation in (5, 6, 7, 8) else size[::-1]
        rgb = rgb.resize(stored, Image.Resampling.BILINEAR)
    return np.array(rgb if turn is None else rgb.transpose(turn))


def _picture_error(error: Exception) -> PictureError:
    """The error to raise for an exception of the decoder."""
    if isinstance(error, Image.DecompressionBombError):
        return PictureError("too large", str(error))
    if isinstance(error, UnidentifiedImageError):  # its message holds a memory address
        return PictureError("damaged", "its header cannot be read")
    kind = "truncated" if "truncated" in str(error).lower() else "damaged"
    return PictureError(kind, str(error) or type(error).__name__)


def picture_size(picture: Picture) -> tuple[int, int]:
    """Return the height and width of the upright picture in pixels.

    Raises:
        PictureError: the picture's header cannot be read.
    """
    given = _given(picture)
    if isinstance(given, Image.Image):
        return _upright_size(given)
    try:
        with Image.open(BytesIO(given), formats=_READ) as image:
            return _upright_size(image)
    except Exception as error:  # as above
        if "MAX_TEXT" in str(error):
            return picture_size(_without_metadata(given))
        raise _picture_error(error)


def _upright_size(image: Image.Image) -> tuple[int, int]:
    turned = _orientation(image) in (5, 6, 7, 8)
    return (image.width, image.height) if turned else (image.height, image.width)


def recognise(start: bytes) -> None:
    """Check by its first 12 bytes that a file has a format that is read.

    Raises:
        PictureError: the file is empty, or not JPEG, PNG or WebP.
    """
    if not start:
        raise PictureError("empty file", "0 bytes")
    webp = start[:4] == b"RIFF" and start[8:12] == b"WEBP"
    if webp or start.startswith((b"\xff\xd8\xff", _PNG)):
        return
    for at, magic, name in _OTHERS:
        if start[at:].startswith(magic):
            raise PictureError("not a picture", f"{name} is not supported: save it as JPEG, PNG or WebP")
    raise PictureError("not a picture", "its content is not JPEG, PNG or WebP")


def _content(picture: bytes | str | Path) -> bytes:
    if isinstance(picture, bytes):
        return picture
    if not isinstance(picture, str | Path):
        raise PictureError(
            "not a picture", f"{type(picture).__name__}; give a path, bytes, a PIL image or a uint8 array"
        )
    try:
        return Path(picture).read_bytes()
    except OSError as error:
        raise PictureError("unreadable", error.strerror or str(error))


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_EXIF_ORIENTATION, 1))
    except Exception:  # a picture with broken EXIF is still a picture
        return 1


def _rgb(image: Image.Image, content: bytes) -> Image.Image:
    if image.mode.startswith("I"):
        image = Image.fromarray(_eight_bits(np.asarray(image).clip(0, 65535), content))
    elif content.startswith(_PNG) and content[24] == 16:
        image = _from_16_bits(image, content)
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        image = Image.alpha_composite(white, layer)
    return image.convert("RGB")


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the kind and the complete bytes of each chunk of a PNG that may be truncated."""
    at = len(_PNG)
    while at + 12 <= len(png):
        length = int.from_bytes(png[at : at + 4], "big")
        yield png[at + 4 : at + 8], png[at : at + 12 + length]
        at += 12 + length


def _without_metadata(png: bytes) -> bytes:
    """A PNG without its texts and colour profile: Pillow refuses those larger than a megabyte."""
    return _PNG + b"".join(chunk for kind, chunk in _chunks(png) if kind not in _METADATA_CHUNKS)


def _from_16_bits(high: Image.Image, content: bytes) -> Image.Image:
    """A colour PNG with 16 bits per sample; Pillow has read the 8 high bits, and the low ones are read if needed."""
    pixels = np.array(high)
    colours = pixels[..., :3]
    if int(colours.max()) >= 2**4 and _significant_bits(content) is None:
        return high
    with Image.open(BytesIO(content), formats=_READ) as low:
        low.tile = [tile._replace(args=str(tile.args).replace(";16B", ";16L")) for tile in low.tile]
        sixteen = colours.astype(np.uint16) * 256 + np.asarray(low)[..., :3]
    pixels[..., :3] = _eight_bits(sixteen, content)
    return Image.fromarray(pixels, high.mode)


def _eight_bits(sixteen: np.ndarray, content: bytes) -> np.ndarray:
    """The 8 highest bits in use, uint8."""
    used = _significant_bits(content) or next(depth for depth in _DEPTHS if int(sixteen.max()) < 2**depth)
    eight: np.ndarray = (sixteen >> max(used - 8, 0)).clip(0, 255).astype(np.uint8)
    return eight


def _significant_bits(content: bytes) -> int | None:
    """The number of bits per sample in use that a PNG states in its sBIT chunk, None without a valid one."""
    stated = next((chunk[8:9] for kind, chunk in _chunks(content) if kind == b"sBIT"), b"")
    return stated[0] if stated and 1 <= stated[0] <= 16 else None


def encode_pictures(pictures: Sequence[Picture], height: int, width: int) -> np.ndarray:
    """Return the pictures that a caller gives to a Predictor as uint8 RGB [n, height, width, 3].

    Raises:
        DataError: a picture cannot be decoded; the message says which one.
    """
    out = np.empty((len(pictures), height, width, 3), np.uint8)
    for position, picture in enumerate(pictures):
        try:
            out[position] = encode_picture(picture, height, width)
        except PictureError as error:
            name = f" ({picture})" if isinstance(picture, str | Path) else ""
            raise DataError(f"picture {position}{name}: {error}")
    return out


class Pictures:
    """A task whose inputs are pictures, uint8 RGB [height, width, 3]; see `slipway_edge.predictor.Task`.

    They are turned upright by EXIF and squashed to size with an antialiased bilinear filter; the model itself scales
    the values.
    """

    data_fields: ClassVar[Mapping[str, Any]] = {}
    spec_fields: ClassVar[Mapping[str, Any]] = {"input": {"shape": [int, int, 3]}}

    def __init__(self, data: Mapping[str, Any]) -> None:
        pass

    def preprocess(self, examples: Sequence[Picture], spec: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        """Return pictures (bytes, paths or RGB arrays) as uint8 [n, height, width, 3], and their positions [n].

        Raises:
            DataError: a picture cannot be decoded; the message says which one.
        """
        height, width, _ = spec["input"]["shape"]
        return encode_pictures(examples, height, width), np.arange(len(examples))
