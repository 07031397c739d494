"""A channel: the look of its overlays, the colours of its cameras, and the quality of its reception."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from slipway.simulators.tv.canvas import Rng
from slipway.simulators.tv.colour import Colour, hsv


@dataclass(frozen=True)
class Channel:
    """A channel: the look of its overlays and the quality of its reception."""

    name: str
    dark: Colour
    bright: Colour
    logo_right: bool
    logo_low: bool
    logo_in_ads: bool
    bug_right: bool
    round_by: float
    ticker: bool
    quality: int
    softness: float
    tint: tuple[float, ...]

    @staticmethod
    def pick(number: int, rng: Rng, shift: float) -> "Channel":
        """The channel with a number; `shift` is that of its world."""
        hue = 0.618 * number + rng.uniform(0, 0.15)
        mirrored = bool(rng.uniform() < shift)
        right = bool(rng.uniform() < 0.6)
        warmth = rng.normal(0, 0.03, 3)
        return Channel(
            name="".join(rng.choice(list("ABCDEKLMNRSTVX"), 2)) + str(rng.integers(1, 9)),
            dark=hsv(hue, rng.uniform(0.5, 0.9), rng.uniform(0.25, 0.5)),
            bright=hsv(hue + rng.uniform(0.3, 0.7), rng.uniform(0.6, 0.95), rng.uniform(0.8, 1)),
            logo_right=right != mirrored,
            logo_low=bool(rng.uniform() < 0.2),
            logo_in_ads=bool(rng.uniform() < 0.4),
            bug_right=bool(rng.uniform() < 0.4) != mirrored,
            round_by=float(rng.choice([0, 0.015, 0.03])),
            ticker=bool(rng.uniform() < 0.6),
            quality=int(rng.integers(28, 80)),
            softness=float(rng.choice([1, 1, 0.75, 0.6])),
            tint=_season(shift, 1 + warmth),
        )


def _season(shift: float, gains: np.ndarray) -> tuple[float, ...]:
    """The 3 x 4 colour matrix of a channel's cameras: gains by colour, and the world's shift in hue and contrast."""
    turn = shift * np.pi / 7
    grey = np.full((3, 3), 1 / 3)
    axis = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / np.sqrt(3)
    hue = grey + np.cos(turn) * (np.eye(3) - grey) + np.sin(turn) * axis
    contrast = 1 - 0.25 * min(shift, 2)
    matrix = np.column_stack([contrast * np.diag(gains) @ hue, np.full(3, (1 - contrast) * 110)])
    return tuple(float(value) for value in matrix.round(6).ravel())


def received(image: Image.Image, channel: Channel, brightness: float, rng: Rng) -> Image.Image:
    """The frame as received: with the cameras' colours, exposure, reduced resolution and noise."""
    matrix = np.array(channel.tint).reshape(3, 4)
    matrix[:, :3] *= brightness
    image = image.convert("RGB", tuple(float(value) for value in matrix.ravel()))
    if channel.softness < 1:
        small = (round(image.width * channel.softness), round(image.height * channel.softness))
        image = image.resize(small, Image.Resampling.BILINEAR).resize(image.size, Image.Resampling.BILINEAR)
    strength = rng.uniform(2, 7)
    grain = rng.integers(0, 256, (image.height, image.width, 1), np.uint8).astype(np.float32) - 127.5
    noisy = np.asarray(image) + grain * np.float32(strength / 74)
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))
