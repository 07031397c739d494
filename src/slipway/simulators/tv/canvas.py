"""Drawing in unit coordinates: x and y from 0 to 1, across and down, for any size of the picture.

Painters draw pictures: they are functions of a canvas and the time in the video, from 0 to 1.
"""

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from slipway.simulators.tv.colour import Colour

Point = tuple[float, float]
Rng = np.random.Generator


class Canvas:
    """A picture with drawing in unit coordinates."""

    def __init__(self, width: int, height: int) -> None:
        self.image = Image.new("RGB", (width, height))
        self.width, self.height = width, height
        self._pen = ImageDraw.Draw(self.image)

    def show(self, image: Image.Image) -> None:
        """Replace the picture."""
        self.image = image
        self._pen = ImageDraw.Draw(image)

    def at(self, points: Sequence[Point]) -> list[Point]:
        """Convert unit points to pixels."""
        return [(x * self.width, y * self.height) for x, y in points]

    def fill(self, top: Colour, bottom: Colour) -> None:
        """Fill the whole picture with a gradient from top to bottom."""
        column = np.linspace(top, bottom, 16).round().astype(np.uint8)[:, None]
        self.show(Image.fromarray(column).resize((self.width, self.height), Image.Resampling.BILINEAR))

    def box(self, left: float, top: float, right: float, bottom: float, colour: Colour, round_by: float = 0) -> None:
        """Draw a filled rectangle with corners rounded by a share of the picture's height."""
        ends = self.at([(left, top), (max(left, right), max(top, bottom))])
        if round_by:
            self._pen.rounded_rectangle(ends, round_by * self.height, colour)
        else:
            self._pen.rectangle(ends, colour)

    def disc(self, x: float, y: float, radius: float, colour: Colour, stretch: float = 1) -> None:
        """Draw an ellipse, `stretch` times as tall as wide; the radius is a share of the height."""
        across = radius * self.height / self.width
        self._pen.ellipse(self.at([(x - across, y - radius * stretch), (x + across, y + radius * stretch)]), colour)

    def ring(self, left: float, top: float, right: float, bottom: float, colour: Colour, width: int = 1) -> None:
        """Draw the outline of an ellipse."""
        self._pen.ellipse(self.at([(left, top), (right, bottom)]), outline=colour, width=width)

    def shape(self, points: Sequence[Point], colour: Colour) -> None:
        """Draw a filled polygon."""
        self._pen.polygon(self.at(points), colour)

    def line(self, points: Sequence[Point], colour: Colour, width: int = 1) -> None:
        """Draw a polyline; `width` is in pixels."""
        self._pen.line(self.at(points), colour, width)

    def text(self, x: float, y: float, text: str, size: float, colour: Colour, anchor: str = "lm") -> None:
        """Draw text; `size` is a share of the height."""
        self._pen.text(self.at([(x, y)])[0], text, colour, _font(max(6, round(size * self.height))), anchor)

    def blur(self, radius: float) -> None:
        """Blur the whole picture; `radius` is a share of the height."""
        self.show(self.image.filter(ImageFilter.BoxBlur(radius * self.height)))

    def camera(self, zoom: float, x: float, y: float) -> None:
        """Show only a part of the picture: `zoom` from 1; x and y from 0 to 1 give its position."""
        width, height = self.width / zoom, self.height / zoom
        left, top = x * (self.width - width), y * (self.height - height)
        whole = (self.width, self.height)
        part = (left, top, left + width, top + height)
        self.show(self.image.resize(whole, Image.Resampling.BILINEAR, part))

    def inset(self, painter: "Painter", t: float, left: float, top: float, right: float, bottom: float) -> None:
        """Draw another picture within a rectangle."""
        (x0, y0), (x1, y1) = self.at([(left, top), (right, bottom)])
        part = Canvas(max(8, round(x1 - x0)), max(8, round(y1 - y0)))
        painter(part, t)
        self.image.paste(part.image, (round(x0), round(y0)))


Painter = Callable[[Canvas, float], None]


def layered(painters: Sequence[Painter]) -> Painter:
    """Combine painters into one that draws each over those before it."""

    def paint(canvas: Canvas, t: float) -> None:
        for painter in painters:
            painter(canvas, t)

    return paint


def star(canvas: Canvas, x: float, y: float, radius: float, tips: int, inner: float) -> list[Point]:
    """The outline of a star around (x, y) with a tip at the top: 2 x `tips` points, undistorted in the picture.

    `radius` is the radius of the tips as a share of the height; `inner` is the radius of the notches as a share of
    `radius`.
    """
    ratio = canvas.height / canvas.width
    turns = np.arange(2 * tips) * np.pi / tips - np.pi / 2
    reach = np.where(np.arange(2 * tips) % 2, inner, 1.0) * radius
    return [(x + r * ratio * np.cos(a), y + r * np.sin(a)) for r, a in zip(reach.tolist(), turns.tolist(), strict=True)]


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
