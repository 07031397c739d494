"""The camera of a scene: the geometry of a pinhole camera, a canvas to draw on, and the film.

World coordinates are in metres: x to the right, y up, z towards the usual camera; the ground is y = 0. A scene is drawn
at `SUPERSAMPLED` times its size and then reduced; this is the only antialiasing.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

Colour = tuple[int, int, int]
Rng = np.random.Generator

SUPERSAMPLED = 2
NEAR = 0.3
"""The near plane: nothing closer to the eye is drawn (metres)."""


@dataclass(frozen=True)
class View:
    """A pinhole camera: position, axes (rows: right, up, forward), and focal length and middle in drawn pixels."""

    eye: np.ndarray
    axes: np.ndarray
    focal: float
    width: int
    height: int

    @staticmethod
    def look(eye: Sequence[float], at: Sequence[float], focal: float, size: tuple[int, int], roll: float = 0) -> "View":
        """A view from `eye` to `at`; `focal` is in pixels of the finished picture, `size` is its (width, height)."""
        forward = np.subtract(at, eye)
        forward = forward / np.linalg.norm(forward)
        right = np.array([-forward[2], 0, forward[0]])
        right = right / np.linalg.norm(right)
        up = np.cross(right, forward)
        right, up = np.cos(roll) * right + np.sin(roll) * up, np.cos(roll) * up - np.sin(roll) * right
        axes = np.stack([right, up, forward])
        return View(np.asarray(eye, float), axes, focal * SUPERSAMPLED, size[0] * SUPERSAMPLED, size[1] * SUPERSAMPLED)

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Project world points [n, 3] to drawn pixels [n, 2] and depths [n] in metres."""
        seen = (points - self.eye) @ self.axes.T
        depth = np.maximum(seen[:, 2], NEAR)
        scale = self.focal / depth
        return np.stack([self.width / 2 + seen[:, 0] * scale, self.height / 2 - seen[:, 1] * scale], 1), seen[:, 2]

    def scale(self, depth: float) -> float:
        """Drawn pixels per metre at a depth."""
        return self.focal / max(depth, NEAR)

    def horizon(self) -> float:
        """The row of the horizon in drawn pixels, if the camera is level."""
        return float(self.height / 2 + self.focal * self.axes[2, 1] / max(1e-6, self.axes[1, 1]))


def finished(drawn: np.ndarray) -> np.ndarray:
    """Convert drawn pixels to points of the finished picture, whose edges are at 0 and at its width or height."""
    return (drawn + 0.5) / SUPERSAMPLED


class Canvas:
    """A picture to draw on, at `SUPERSAMPLED` times its final size."""

    def __init__(self, width: int, height: int, mode: str = "RGB") -> None:
        self.image = Image.new(mode, (width, height))
        self.pen = ImageDraw.Draw(self.image)

    def show(self, image: Image.Image) -> None:
        """Replace the picture."""
        self.image = image
        self.pen = ImageDraw.Draw(image)

    def polygon(self, points: np.ndarray, colour: Colour | int) -> None:
        """Draw a filled polygon of pixels [n, 2]."""
        self.pen.polygon(points.ravel().tolist(), colour)

    def disc(self, at: np.ndarray, radius: float, colour: Colour | int) -> None:
        """Draw a filled circle."""
        x, y = at.tolist()
        self.pen.ellipse((x - radius, y - radius, x + radius, y + radius), colour)

    def capsule(self, one: np.ndarray, radius: float, other: np.ndarray, far: float, colour: Colour | int) -> None:
        """Draw a limb that tapers from a circle of `radius` at one end to a circle of radius `far` at the other."""
        x, y = (other - one).tolist()
        length = math.hypot(x, y)
        u, v = (x / length, y / length) if length > 0 else (1.0, 0.0)
        (a, b), (c, d) = one.tolist(), other.tolist()
        points = [(a + radius * (s * u - t * v), b + radius * (s * v + t * u)) for s, t in _ARC]
        points += [(c - far * (s * u - t * v), d - far * (s * v + t * u)) for s, t in _ARC]
        self.pen.polygon(points, colour)

    def ground(self, view: View, points: np.ndarray, colour: Colour) -> None:
        """Draw a polygon of world points [n, 3], cut off at the near plane; it is never thinner than a drawn pixel."""
        points = _in_front(view, points)
        if len(points) > 2:
            corners = view.project(points)[0].ravel().tolist()
            self.pen.polygon(corners, colour)
            self.pen.line(corners[:4], colour)  # Pillow leaves gaps in a polygon thinner than a pixel

    def stripe(self, view: View, start: Sequence[float], end: Sequence[float], width: float, colour: Colour) -> None:
        """Draw a line on the ground from (x, z) to (x, z); `width` is in metres."""
        (x, z), (u, w) = start, end
        length = float(np.hypot(u - x, w - z))
        across = width / 2 * np.array([-(w - z), 0, u - x]) / max(length, 1e-6)
        one, other = np.array([x, 0, z]), np.array([u, 0, w])
        self.ground(view, np.stack([one + across, other + across, other - across, one - across]), colour)

    def shade(self, mask: Image.Image, colour: Colour) -> None:
        """Blend in a colour with the brightness of the mask (L, any size) as opacity."""
        self.image.paste(colour, None, mask.resize(self.image.size, Image.Resampling.BILINEAR))


_ARC = tuple((math.cos(turn), math.sin(turn)) for turn in (math.pi * (0.5 + step / 5) for step in range(6)))
"""The half circle at the end of a capsule that points along x."""


def _in_front(view: View, points: np.ndarray) -> np.ndarray:
    """Clip a convex polygon at the near plane (Sutherland and Hodgman)."""
    depth = (points - view.eye) @ view.axes[2] - 2 * NEAR
    if (depth > 0).all():
        return points
    kept: list[np.ndarray] = []
    for (one, near), (other, far) in zip(
        zip(points, depth, strict=True),
        zip(np.roll(points, -1, 0), np.roll(depth, -1), strict=True),
        strict=True,
    ):
        if near > 0:
            kept.append(one)
        if (near > 0) != (far > 0):
            kept.append(one + (other - one) * (near / (near - far)))
    return np.array(kept).reshape(-1, 3)


@dataclass(frozen=True)
class Film:
    """The recording as JPEG: gains by colour, exposure, contrast, softness (radius in pixels), noise and quality."""

    gains: tuple[float, float, float]
    exposure: float
    contrast: float
    softness: float
    noise: float
    quality: int

    @staticmethod
    def pick(rng: Rng, difficulty: float, shift: float) -> "Film":
        """The film of one group; `shift` adds a cold cast, less light, less contrast and a softer lens."""
        cast = 1 + rng.normal(0, 0.02 + 0.04 * difficulty, 3) + shift * np.array([-0.16, 0.02, 0.16])
        red, green, blue = cast.tolist()
        return Film(
            gains=(red, green, blue),
            exposure=float(rng.uniform(1 - 0.3 * difficulty, 1 + 0.2 * difficulty) * (1 - 0.22 * min(shift, 2))),
            contrast=float(rng.uniform(1 - 0.3 * difficulty, 1) * (1 - 0.2 * min(shift, 2))),
            softness=float(rng.uniform(0, 0.9) * difficulty + 0.7 * shift),
            noise=float(rng.uniform(1, 3 + 8 * difficulty) * (1 + 0.5 * shift)),
            quality=int(rng.integers(round(90 - 40 * difficulty), 94)),
        )

    def develop(self, image: Image.Image, rng: Rng, flicker: float = 0.05) -> Image.Image:
        """Develop a drawn picture into the finished one: reduced, softened, exposed, and with noise."""
        image = image.reduce(SUPERSAMPLED)
        if self.softness > 0.2:
            image = image.filter(ImageFilter.GaussianBlur(self.softness))
        level = self.contrast * self.exposure * (1 + flicker * float(rng.uniform(-1, 1)))
        light = np.asarray(image, np.float32) * (level * np.asarray(self.gains, np.float32))
        light += np.float32((1 - self.contrast) * 105)
        light += rng.standard_normal((image.height, image.width, 1), np.float32) * np.float32(self.noise)
        return Image.fromarray(light.clip(0, 255).astype(np.uint8))


def moved(image: Image.Image, across: float, down: float) -> Image.Image:
    """Apply the motion blur of a panning camera: the mean of the picture along a path of (across, down) pixels."""
    steps = int(min(7, 1 + max(abs(across), abs(down)) // 2))
    result = image
    for step, share in enumerate(np.linspace(-0.5, 0.5, steps).tolist() if steps > 1 else []):
        there = ImageChops.offset(image, round(share * across), round(share * down))
        result = Image.blend(result, there, 1 / (step + 1))
    return result


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """Mix `one` with a share of `other`."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue
