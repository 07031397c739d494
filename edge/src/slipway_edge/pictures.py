"""Pictures as people have them, to arrays: JPEG, PNG and WebP told by content, upright, RGB, squashed to size.

Read by every task whose examples are pictures. Pictures of 16 bits keep the 8 highest of the bits that they use: as
many as the file says (PNG's sBIT), else the fewest of 8, 12 and 16 that hold the brightest pixel. Of an animation the
first picture is read.
"""

from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from slipway_edge.errors import DataError, ExampleError

LARGEST = 90_000_000
"""Pixels beyond which a picture is not decoded: each worker may hold one such picture at a time."""

Picture = bytes | str | Path | np.ndarray
"""A picture as callers have it: an encoded file's bytes, its path, or decoded RGB uint8 [height, width, 3]."""

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
_SPOKEN = frozenset({b"tEXt", b"zTXt", b"iTXt", b"iCCP"})
"""Kinds of PNG chunks that say something about a picture and are not needed to show it."""
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
"""Formats that are told, by what stands where at the start, and not read."""


class PictureError(ExampleError):
    """A picture cannot be decoded."""


def encode_picture(picture: Picture, height: int, width: int) -> np.ndarray:
    """One picture as uint8 RGB [height, width, 3], upright and squashed to size; transparency is laid on white.

    Raises:
        PictureError: it is empty, no JPEG, PNG or WebP, cut short or otherwise damaged, or an array of another form.
    """
    if isinstance(picture, np.ndarray):
        resized = Image.fromarray(_rgb_array(picture)).resize((width, height), Image.Resampling.BILINEAR)
        return np.array(resized)
    return _decoded(_content(picture), (height, width))


def decode_picture(picture: Picture) -> np.ndarray:
    """One picture in its own size as uint8 RGB [height, width, 3], upright; transparency is laid on white.

    Raises:
        PictureError: as `encode_picture`.
    """
    return _rgb_array(picture) if isinstance(picture, np.ndarray) else _decoded(_content(picture), None)


def _rgb_array(picture: np.ndarray) -> np.ndarray:
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8 or 0 in picture.shape:
        found = f"{picture.dtype} {list(picture.shape)}"
        raise PictureError("not a picture", f"an array must be uint8 [height, width, 3], not {found}")
    return picture


def _decoded(content: bytes, size: tuple[int, int] | None) -> np.ndarray:
    """The picture in `content`, squashed to `size` (height, width) where there is one."""
    recognise(content[:12])
    try:
        with Image.open(BytesIO(content), formats=_READ) as image:
            if size is not None:
                image.draft(None, (max(size), max(size)))
            if image.width * image.height > LARGEST:
                raise PictureError("too large", f"{image.width} x {image.height} pixels")
            orientation = _orientation(image)
            turn = _UPRIGHT.get(orientation)
            rgb = _rgb(image, content)
            if size is not None:
                stored = size if orientation in (5, 6, 7, 8) else size[::-1]
                rgb = rgb.resize(stored, Image.Resampling.BILINEAR)
            return np.array(rgb if turn is None else rgb.transpose(turn))
    except PictureError:
        raise
    except Exception as error:  # decoders raise nearly anything on damaged bytes
        if "MAX_TEXT" in str(error):
            return _decoded(_speechless(content), size)
        raise _told(error)


def _told(error: Exception) -> PictureError:
    """What is wrong with a picture, from what its decoder says."""
    if isinstance(error, Image.DecompressionBombError):
        return PictureError("too large", str(error))
    if isinstance(error, UnidentifiedImageError):  # its message holds a memory address
        return PictureError("damaged", "its header cannot be read")
    kind = "truncated" if "truncated" in str(error).lower() else "damaged"
    return PictureError(kind, str(error) or type(error).__name__)


def picture_size(picture: Picture) -> tuple[int, int]:
    """Height and width in pixels of a picture as `encode_picture` sees it: upright.

    Raises:
        PictureError: its header cannot be read.
    """
    if isinstance(picture, np.ndarray):
        return int(picture.shape[0]), int(picture.shape[1])
    content = _content(picture)
    try:
        with Image.open(BytesIO(content), formats=_READ) as image:
            turned = _orientation(image) in (5, 6, 7, 8)
            return (image.width, image.height) if turned else (image.height, image.width)
    except Exception as error:  # as above
        if "MAX_TEXT" in str(error):
            return picture_size(_speechless(content))
        raise _told(error)


def recognise(start: bytes) -> None:
    """Refuse a file whose first 12 bytes are of no format that is read.

    Raises:
        PictureError: it is empty, or neither JPEG, PNG nor WebP.
    """
    if not start:
        raise PictureError("empty file", "0 bytes")
    webp = start[:4] == b"RIFF" and start[8:12] == b"WEBP"
    if webp or start.startswith((b"\xff\xd8\xff", _PNG)):
        return
    for at, magic, name in _OTHERS:
        if start[at:].startswith(magic):
            raise PictureError("not a picture", f"{name}, which is not read: save it as JPEG, PNG or WebP")
    raise PictureError("not a picture", "neither JPEG, PNG nor WebP by its content")


def _content(picture: bytes | str | Path) -> bytes:
    if isinstance(picture, bytes):
        return picture
    if not isinstance(picture, str | Path):
        raise PictureError("not a picture", f"{type(picture).__name__}; give bytes, a path or a uint8 array")
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
        image = _of_sixteen(image, content)
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        image = Image.alpha_composite(white, layer)
    return image.convert("RGB")


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The kind and all the bytes of each chunk of a PNG, as far as it is whole."""
    at = len(_PNG)
    while at + 12 <= len(png):
        length = int.from_bytes(png[at : at + 4], "big")
        yield png[at + 4 : at + 8], png[at : at + 12 + length]
        at += 12 + length


def _speechless(png: bytes) -> bytes:
    """A PNG without its texts and colour profile, of which Pillow reads no more than a megabyte each."""
    return _PNG + b"".join(chunk for kind, chunk in _chunks(png) if kind not in _SPOKEN)


def _of_sixteen(high: Image.Image, content: bytes) -> Image.Image:
    """A colour PNG of 16 bits, of which Pillow has read the 8 high ones of each; the low ones are read where needed."""
    pixels = np.array(high)
    colours = pixels[..., :3]
    if int(colours.max()) >= 2**4 and _said_bits(content) is None:
        return high
    with Image.open(BytesIO(content), formats=_READ) as low:
        low.tile = [tile._replace(args=str(tile.args).replace(";16B", ";16L")) for tile in low.tile]
        sixteen = colours.astype(np.uint16) * 256 + np.asarray(low)[..., :3]
    pixels[..., :3] = _eight_bits(sixteen, content)
    return Image.fromarray(pixels, high.mode)


def _eight_bits(sixteen: np.ndarray, content: bytes) -> np.ndarray:
    """The 8 highest bits of those that are used, uint8."""
    used = _said_bits(content) or next(depth for depth in _DEPTHS if int(sixteen.max()) < 2**depth)
    eight: np.ndarray = (sixteen >> max(used - 8, 0)).clip(0, 255).astype(np.uint8)
    return eight


def _said_bits(content: bytes) -> int | None:
    """How many bits of a sample a PNG says that it uses."""
    said = next((chunk[8:9] for kind, chunk in _chunks(content) if kind == b"sBIT"), b"")
    return said[0] if said and 1 <= said[0] <= 16 else None


def encode_pictures(pictures: Sequence[Picture], height: int, width: int) -> np.ndarray:
    """Pictures as callers of a Predictor have them, as uint8 RGB [n, height, width, 3].

    Raises:
        DataError: a picture cannot be decoded; the message says which.
    """
    out = np.empty((len(pictures), height, width, 3), np.uint8)
    for position, picture in enumerate(pictures):
        try:
            out[position] = encode_picture(picture, height, width)
        except PictureError as error:
            name = f" ({picture})" if isinstance(picture, str | Path) else ""
            raise DataError(f"picture {position}{name}: {error}")
    return out
