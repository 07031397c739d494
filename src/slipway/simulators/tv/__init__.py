"""A small world of live television: frames of programmes (`content`) and of advertisements (`ad`).

It stands in for a broadcaster's recordings, so that an advertisement detector can be built and judged without them.
Out come JPEG frames in the layout of image classification, `ad/v0001-03.jpg` and `content/v0000-00.jpg`, and
`metadata.csv` (path, label, group), where a group is a video: one segment of a programme or one advertisement.

A few channels each have a palette, a logo in a corner, a style of score bugs and tickers, and a compression. A video
is on one channel; its frames share a scene and differ by motion, camera, exposure and noise. Programmes are studios,
pitches and drama; advertisements are product shots, price cards, split screens, story shots and end cards.

What makes it hard is named in `World`: videos that wear the other class's clothes (`confusable`) and frames caught in
the cross-fade between a programme and an advertisement (`crossfade`). A frame keeps its video's label even where the
other picture of the cross-fade dominates, and some story shots of advertisements carry no mark at all, so no model can
be right about all frames.

Everything is drawn with Pillow in unit coordinates (x and y from 0 to 1), by painters: functions of a canvas and the
time in the video (0 to 1). Equal worlds and seeds give equal bytes.
"""

import colorsys
import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont
from pydantic import Field

from slipway.core.config import Section, Share

Colour = tuple[int, int, int]
Point = tuple[float, float]
Rng = np.random.Generator

WHITE: Colour = (245, 245, 245)
BLACK: Colour = (12, 12, 14)
BRANDS = ("LUMA", "Orvana", "KIVO", "Brightly", "NORDAL", "Zesta", "MONTE", "Pura", "VELOX", "Havn", "TRIO", "Cassio")
GOODS = ("coffee", "phone", "tyres", "bank", "yoghurt", "travel", "energy", "shampoo", "sofa", "insurance")
SLOGANS = ("Feel the difference", "New. Now.", "Made for you", "Taste the morning", "Only this week", "Go further")
HEADLINES = ("Storm warning for the coast", "Talks enter third day", "Minister answers critics", "Markets close higher")
PROGRAMMES = ("NEWS AT TEN", "THE MATCH", "HARBOUR ROAD", "MORNING SHOW", "WORLD TODAY", "LATE NIGHT")
TEAMS = ("ARS", "BOR", "LIS", "MIL", "OSL", "PRA", "RIG", "VIE", "TUR", "GEN")
NAMES = ("Anna Berg", "Jon Hale", "Mira Costa", "Dr. P. Lind", "T. Okoro", "Eva Novak")
SCENES = {"news": "studio", "sports": "pitch"}
"""The scene of each kind of programme."""
FAITHFUL = 0.85
"""Share of the videos of a channel with one kind of programme that show its scene."""
SKINS: tuple[Colour, ...] = ((241, 205, 178), (224, 172, 140), (190, 132, 96), (140, 90, 62), (96, 62, 46))
HAIRS: tuple[Colour, ...] = ((30, 24, 20), (86, 56, 34), (170, 126, 70), (120, 118, 116), (130, 60, 36))


class World(Section):
    """The `simulate` section.

    `programme`: what is on: `any`, or mostly `sports` (pitches with score bugs) or `news` (studios with tickers and
    straps), and advertisements made to look like it. `frames`: pictures in all, half of each class;
    `frames_per_video`: how many share a group; `channels`: how many stations. `confusable`: share of videos made to
    look like the other class: programmes with sponsors, price-like boards, titles and split screens, advertisements
    set on a pitch, in a studio or in a story, or beside live pictures. `crossfade`: share of a video's first and
    last frames that are mixed with the other class; in a third of them the other dominates, and these no model can
    get right. `shift`: how far colours, contrast and layout have moved from the world that is 0, such as with other
    cameras in another season; 1 is plainly visible.
    """

    programme: Literal["any", "sports", "news"] = "any"
    frames: Annotated[int, Field(ge=2)] = 2400
    frames_per_video: Annotated[int, Field(ge=1)] = 4
    channels: Annotated[int, Field(ge=1)] = 8
    height: Annotated[int, Field(ge=48)] = 144
    width: Annotated[int, Field(ge=64)] = 256
    confusable: Share = 0.1
    crossfade: Share = 0.12
    shift: Annotated[float, Field(ge=0, le=2)] = 0.0


def simulate(world: World, seed: int, out: Path) -> None:
    """Write the frames of `world` and metadata.csv into the folder `out`, which is made where it does not exist."""
    channels = [
        _channel(number, np.random.default_rng([seed, 0, number]), world.shift) for number in range(world.channels)
    ]
    rows: list[tuple[str, str, str]] = []
    for kind, label in enumerate(("content", "ad")):
        (out / label).mkdir(parents=True, exist_ok=True)
        total = (world.frames + 1 - kind) // 2
        for video, first in enumerate(range(0, total, world.frames_per_video)):
            rng = np.random.default_rng([seed, 1, kind, video])
            channel = channels[int(rng.integers(world.channels))]
            count = min(world.frames_per_video, total - first)
            name = f"v{2 * video + kind:04d}"
            for number, frame in enumerate(_video(world, channel, label, count, rng)):
                path = f"{label}/{name}-{number:02d}.jpg"
                frame.save(out / path, "JPEG", quality=channel.quality)
                rows.append((path, label, name))
    with (out / "metadata.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("path", "label", "group"))
        writer.writerows(sorted(rows))


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
        """Unit points in pixels."""
        return [(x * self.width, y * self.height) for x, y in points]

    def fill(self, top: Colour, bottom: Colour) -> None:
        """The whole picture, shaded from top to bottom."""
        column = np.linspace(top, bottom, 16).round().astype(np.uint8)[:, None]
        self.show(Image.fromarray(column).resize((self.width, self.height), Image.Resampling.BILINEAR))

    def box(self, left: float, top: float, right: float, bottom: float, colour: Colour, round_by: float = 0) -> None:
        """A filled rectangle, its corners rounded by a share of the picture's height."""
        ends = self.at([(left, top), (max(left, right), max(top, bottom))])
        if round_by:
            self._pen.rounded_rectangle(ends, round_by * self.height, colour)
        else:
            self._pen.rectangle(ends, colour)

    def disc(self, x: float, y: float, radius: float, colour: Colour, stretch: float = 1) -> None:
        """A circle whose radius is a share of the height, `stretch` times as tall as wide."""
        across = radius * self.height / self.width
        self._pen.ellipse(self.at([(x - across, y - radius * stretch), (x + across, y + radius * stretch)]), colour)

    def ring(self, left: float, top: float, right: float, bottom: float, colour: Colour, width: int = 1) -> None:
        """The outline of an ellipse."""
        self._pen.ellipse(self.at([(left, top), (right, bottom)]), outline=colour, width=width)

    def shape(self, points: Sequence[Point], colour: Colour) -> None:
        """A filled polygon."""
        self._pen.polygon(self.at(points), colour)

    def line(self, points: Sequence[Point], colour: Colour, width: int = 1) -> None:
        """A polyline, `width` in pixels."""
        self._pen.line(self.at(points), colour, width)

    def text(self, x: float, y: float, text: str, size: float, colour: Colour, anchor: str = "lm") -> None:
        """Text whose size is a share of the height."""
        self._pen.text(self.at([(x, y)])[0], text, colour, _font(max(6, round(size * self.height))), anchor)

    def blur(self, radius: float) -> None:
        """Soften all that is there; `radius` is a share of the height."""
        self.show(self.image.filter(ImageFilter.BoxBlur(radius * self.height)))

    def camera(self, zoom: float, x: float, y: float) -> None:
        """Look at a part: `zoom` from 1, x and y from 0 to 1 within the room that leaves."""
        width, height = self.width / zoom, self.height / zoom
        left, top = x * (self.width - width), y * (self.height - height)
        whole = (self.width, self.height)
        part = (left, top, left + width, top + height)
        self.show(self.image.resize(whole, Image.Resampling.BILINEAR, part))

    def inset(self, painter: "Painter", t: float, left: float, top: float, right: float, bottom: float) -> None:
        """Another picture within a rectangle."""
        (x0, y0), (x1, y1) = self.at([(left, top), (right, bottom)])
        part = Canvas(max(8, round(x1 - x0)), max(8, round(y1 - y0)))
        painter(part, t)
        self.image.paste(part.image, (round(x0), round(y0)))


Painter = Callable[[Canvas, float], None]


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


@dataclass(frozen=True)
class Channel:
    """A station: what its overlays look like and how well its picture arrives."""

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


def _channel(number: int, rng: Rng, shift: float) -> Channel:
    hue = 0.618 * number + rng.uniform(0, 0.15)
    mirrored = bool(rng.uniform() < shift)
    right = bool(rng.uniform() < 0.6)
    warmth = rng.normal(0, 0.03, 3)
    return Channel(
        name="".join(rng.choice(list("ABCDEKLMNRSTVX"), 2)) + str(rng.integers(1, 9)),
        dark=_hsv(hue, rng.uniform(0.5, 0.9), rng.uniform(0.25, 0.5)),
        bright=_hsv(hue + rng.uniform(0.3, 0.7), rng.uniform(0.6, 0.95), rng.uniform(0.8, 1)),
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


def _video(world: World, channel: Channel, label: str, count: int, rng: Rng) -> list[Image.Image]:
    make = {"ad": _ad, "content": _content}
    shots = make[label](channel, bool(rng.uniform() < world.confusable), world.programme, rng)
    other_rng = np.random.default_rng(rng.integers(2**63))
    other = make["content" if label == "ad" else "ad"](channel, False, world.programme, other_rng)
    cuts = np.sort(rng.uniform(0.2, 0.85, len(shots) - 1))
    dimmed = rng.uniform(0.35, 0.7) if rng.uniform() < 0.12 else rng.uniform(0.85, 1.1)
    frames = []
    for number in range(count):
        t = (number + 0.5 + rng.uniform(-0.3, 0.3)) / count
        canvas = Canvas(world.width, world.height)
        shots[int(np.searchsorted(cuts, t))](canvas, t)
        image = canvas.image
        at_a_cut = number in (0, count - 1)
        if at_a_cut and rng.uniform() < world.crossfade:
            beyond = Canvas(world.width, world.height)
            other[-1 if number == 0 else 0](beyond, 1 - t)
            image = Image.blend(beyond.image, image, rng.uniform(0.25, 1))
        elif at_a_cut and rng.uniform() < 0.1:
            image = ImageEnhance.Brightness(image).enhance(rng.uniform(0.12, 0.6))
        frames.append(_received(image, channel, dimmed * rng.uniform(0.96, 1.04), rng))
    return frames


def _received(image: Image.Image, channel: Channel, brightness: float, rng: Rng) -> Image.Image:
    """The frame as it arrives: the cameras' colours, exposure, lost resolution and noise."""
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


# Programmes: a scene, the channel's overlays on it, and sometimes what an advertisement would show.


def _scene(programme: str, scenes: Sequence[str], rng: Rng) -> str:
    """One of the scenes, mostly the one that the kind of programme shows."""
    drawn = scenes[int(rng.integers(len(scenes)))]
    return SCENES[programme] if programme in SCENES and rng.uniform() < FAITHFUL else drawn


def _content(channel: Channel, confusable: bool, programme: str, rng: Rng) -> list[Painter]:
    scene = _scene(programme, ("studio", "pitch", "drama"), rng)
    logo: list[Painter] = [_logo(channel)] if rng.uniform() < 0.9 else []
    overlays: list[Painter] = []
    shots: list[Painter]
    if scene == "studio":
        shots = [_filmed(_studio(channel, rng), rng) for _ in range(2)]
        if channel.ticker and rng.uniform() < 0.7:
            overlays.append(_ticker(channel, rng))
        if rng.uniform() < 0.5:
            overlays.append(_name_strap(channel, rng))
    elif scene == "pitch":
        shots = [_filmed(_pitch(rng), rng) for _ in range(2)]
        if rng.uniform() < 0.85:
            overlays.append(_score_bug(channel, rng))
    else:
        shots = [_filmed(_drama(rng), rng) for _ in range(2)]
    kind = int(rng.integers(4)) if confusable else None
    if kind == 0:
        overlays.append(_sponsor(rng))
    elif kind == 3:
        shots = [_halves(channel, *shots)] * 2
    shots = [_layered([shot, *overlays]) for shot in shots]
    if kind == 1:
        shots[1] = _board(channel, rng)
    elif kind == 2:
        shots[0] = _title(channel, rng)
    return [_layered([shot, *logo]) for shot in shots]


def _filmed(scene: Painter, rng: Rng) -> Painter:
    """A scene through a camera that pans and zooms a little."""
    zoom, closer = rng.uniform(1, 1.25), rng.uniform(-0.1, 0.15)
    x, y = rng.uniform(0, 1, 2)
    pan = rng.uniform(-0.6, 0.6)

    def paint(canvas: Canvas, t: float) -> None:
        scene(canvas, t)
        shake = 0.03 * np.sin(40 * t)
        canvas.camera(max(1.02, zoom + closer * t), float(np.clip(x + pan * (t - 0.5) + shake, 0, 1)), float(y))

    return paint


def _layered(painters: Sequence[Painter]) -> Painter:
    def paint(canvas: Canvas, t: float) -> None:
        for painter in painters:
            painter(canvas, t)

    return paint


def _studio(channel: Channel, rng: Rng) -> Painter:
    """One or two presenters behind a desk, before a lit backdrop with a screen."""
    hue = rng.uniform()
    top, bottom = _hsv(hue, 0.6, rng.uniform(0.15, 0.5)), _hsv(hue + 0.05, 0.5, rng.uniform(0.35, 0.85))
    panels = [(rng.uniform(0, 1), rng.uniform(0.03, 0.12), _hsv(hue + rng.normal(0, 0.08), 0.5, 0.9)) for _ in range(5)]
    screen = (rng.uniform(0.05, 0.6), _hsv(rng.uniform(), 0.5, 0.7)) if rng.uniform() < 0.6 else None
    desk = _hsv(rng.uniform(), rng.uniform(0.1, 0.6), rng.uniform(0.25, 0.8))
    low = rng.uniform(0.68, 0.82)
    people = [_person(rng) for _ in range(int(rng.integers(1, 3)))]
    places = [rng.uniform(0.3, 0.7)] if len(people) == 1 else [rng.uniform(0.22, 0.38), rng.uniform(0.6, 0.78)]
    tall = rng.uniform(0.5, 0.75) if len(people) == 1 else rng.uniform(0.42, 0.55)

    def paint(canvas: Canvas, t: float) -> None:
        canvas.fill(top, bottom)
        for x, width, colour in panels:
            canvas.box(x, 0, x + width, 0.7, _mix(colour, bottom, 0.6))
        if screen:
            left, colour = screen
            canvas.box(left, 0.1, left + 0.34, 0.5, _mix(colour, WHITE, 0.2))
            canvas.box(left + 0.01, 0.12, left + 0.33, 0.48, colour)
            canvas.shape([(left + 0.02, 0.46), (left + 0.14, 0.22), (left + 0.24, 0.4), (left + 0.32, 0.3)], top)
        canvas.blur(0.015)
        for person, place in zip(people, places, strict=True):
            person(canvas, place + 0.01 * np.sin(9 * t + place), low + 0.12, tall, t)
        canvas.box(0, low, 1, 1, _mix(desk, BLACK, 0.35))
        canvas.shape([(0.06, low), (0.94, low), (1, low + 0.07), (0, low + 0.07)], _mix(desk, WHITE, 0.3))
        canvas.box(0.3, low + 0.12, 0.7, 1, channel.dark)

    return paint


def _person(rng: Rng, sport: bool = False) -> Callable[[Canvas, float, float, float, float], None]:
    """Head and shoulders, or with enough room the whole upper body: painter of (canvas, x, y of the waist, size, t)."""
    skin, hair = SKINS[rng.integers(len(SKINS))], HAIRS[rng.integers(len(HAIRS))]
    suit = _hsv(rng.uniform(), rng.uniform(0.1, 0.8), rng.uniform(0.15, 0.8))
    shirt, tie = _hsv(rng.uniform(), 0.1, 0.95), _hsv(rng.uniform(), 0.8, 0.6)
    long_hair = rng.uniform() < 0.5
    wide = rng.uniform(0.85, 1.1)
    number = str(rng.integers(2, 30))

    def paint(canvas: Canvas, x: float, waist: float, size: float, t: float) -> None:
        ratio = canvas.height / canvas.width
        head = 0.17 * size
        top = waist - size
        across = size * ratio * 0.36 * wide
        nod = 0.01 * size * np.sin(23 * t)
        face = top + head + nod
        if long_hair:
            canvas.disc(x, face + 0.3 * head, 1.25 * head, hair, 1.25)
        canvas.shape(
            [
                (x - across, waist),
                (x - across * 0.95, top + 0.5 * size),
                (x - 0.3 * across, top + 0.38 * size),
                (x + 0.3 * across, top + 0.38 * size),
                (x + across * 0.95, top + 0.5 * size),
                (x + across, waist),
            ],
            suit,
        )
        neck = 0.28 * across
        if not sport:
            lapels = [(x - neck, top + 0.37 * size), (x + neck, top + 0.37 * size), (x, top + 0.7 * size)]
            canvas.shape(lapels, shirt)
            knot = [(x - neck / 4, top + 0.42 * size), (x + neck / 4, top + 0.42 * size), (x, top + 0.72 * size)]
            canvas.shape(knot, tie)
        else:
            canvas.text(x, top + 0.75 * size, number, 0.22 * size, shirt, "mm")
        canvas.box(x - neck / 2, face, x + neck / 2, top + 0.42 * size, _mix(skin, BLACK, 0.15))
        canvas.disc(x, face - 0.15 * head, 1.02 * head, hair, 1.2)
        canvas.disc(x, face + 0.12 * head, 0.85 * head, skin, 1.2)
        eye = 0.35 * head * ratio
        for side in (-eye, eye):
            canvas.disc(x + side, face, 0.1 * head, BLACK)
        mouth = 0.05 + 0.08 * abs(np.sin(31 * t))
        canvas.disc(x, face + 0.65 * head, 0.28 * head, (150, 60, 60), mouth / 0.28)

    return paint


def _pitch(rng: Rng) -> Painter:
    """Grass with lines, players of two teams and a stand with hoardings; from afar, or one player close by."""
    if rng.uniform() < 0.25:
        return _close_up(rng)
    green = _hsv(rng.uniform(0.25, 0.36), rng.uniform(0.5, 0.8), rng.uniform(0.4, 0.7))
    stripe = _mix(green, WHITE if rng.uniform() < 0.5 else BLACK, 0.12)
    horizon = rng.uniform(0.12, 0.36)
    stand = _hsv(rng.uniform(), 0.3, rng.uniform(0.2, 0.5))
    crowd = [(float(x), float(y)) for x, y in rng.uniform(0, 1, (60, 2))]
    crowd_colours = [_hsv(rng.uniform(), 0.5, rng.uniform(0.4, 1)) for _ in crowd]
    hoardings = [(_hsv(rng.uniform(), 0.8, 0.8), BRANDS[rng.integers(len(BRANDS))]) for _ in range(5)]
    teams = [_hsv(rng.uniform(), rng.uniform(0.2, 0.95), rng.uniform(0.5, 1)) for _ in range(2)]
    spots = [(float(rng.uniform()), float(rng.uniform(horizon + 0.1, 0.95)), i % 2) for i in range(rng.integers(6, 14))]
    runs = rng.normal(0, 0.08, (len(spots), 2))
    circle = (rng.uniform(0.1, 0.9), rng.uniform(0.5, 0.7), rng.uniform(0.15, 0.3))
    lean, bands = rng.uniform(-0.3, 0.3), int(rng.integers(5, 10))
    ball = rng.uniform(0.2, 0.8, 2)

    def paint(canvas: Canvas, t: float) -> None:
        canvas.fill(green, _mix(green, BLACK, 0.1))
        for band in range(0, bands, 2):
            left, right = band / bands, (band + 1) / bands
            spread = 0.5 + lean
            base = [(spread + (x - 0.5) * 2.2, 1.0) for x in (right, left)]
            canvas.shape([(left, horizon), (right, horizon), *base], stripe)
        x, y, radius = circle
        canvas.ring(x - radius, y - radius * 0.6, x + radius, y + radius * 0.6, WHITE)
        canvas.line([(x, horizon), (x + lean, 1)], WHITE)
        canvas.line([(0, horizon + 0.04), (1, horizon + 0.04)], WHITE)
        canvas.box(0, 0, 1, horizon - 0.06, stand)
        for (u, v), colour in zip(crowd, crowd_colours, strict=True):
            canvas.disc(u, v * (horizon - 0.07), 0.012, colour)
        for number, (colour, brand) in enumerate(hoardings):
            canvas.box(number / 5, horizon - 0.06, (number + 1) / 5, horizon, colour)
            canvas.text(number / 5 + 0.1, horizon - 0.03, brand, 0.05, WHITE, "mm")
        for (u, v, team), (du, dv) in sorted(zip(spots, runs.tolist(), strict=True), key=lambda one: one[0][1]):
            _player(canvas, u + du * t, v + 0.3 * dv * t, 0.05 + 0.13 * (v - horizon), teams[team], t + u)
        canvas.disc(ball[0] + 0.2 * t, horizon + (1 - horizon) * ball[1], 0.012, WHITE)

    return paint


def _player(canvas: Canvas, x: float, y: float, size: float, shirt: Colour, t: float) -> None:
    """A running figure, its feet at (x, y)."""
    ratio = canvas.height / canvas.width
    stride = 0.5 * size * ratio * np.sin(20 * t)
    canvas.disc(x + 0.01, y, 0.5 * size, _mix(shirt, BLACK, 0.8), 0.2)
    canvas.line(
        [(x - stride, y), (x, y - 0.8 * size), (x + stride, y)], SKINS[1], max(1, round(canvas.height * size / 5))
    )
    half = 0.35 * size * ratio
    canvas.box(x - half, y - size, x + half, y - 0.65 * size, WHITE)
    canvas.box(x - half, y - 1.7 * size, x + half, y - 0.95 * size, shirt)
    canvas.disc(x, y - 1.95 * size, 0.28 * size, SKINS[2])


def _close_up(rng: Rng) -> Painter:
    """One player before blurred grass and stand."""
    green = _hsv(rng.uniform(0.25, 0.36), 0.6, rng.uniform(0.4, 0.65))
    stand = _hsv(rng.uniform(), 0.3, rng.uniform(0.25, 0.5))
    person, x = _person(rng, sport=True), rng.uniform(0.3, 0.7)
    blobs = [(*rng.uniform((0, 0), (1, 0.4)), _hsv(rng.uniform(), 0.5, 0.8)) for _ in range(14)]

    def paint(canvas: Canvas, t: float) -> None:
        canvas.fill(green, _mix(green, BLACK, 0.2))
        canvas.box(0, 0, 1, 0.42, stand)
        for u, v, colour in blobs:
            canvas.disc(float(u), float(v), 0.05, colour)
        canvas.blur(0.05)
        person(canvas, x + 0.08 * np.sin(4 * t), 1.1, 0.95, t)

    return paint


def _drama(rng: Rng) -> Painter:
    """A room with people, a street at night or a landscape; some in wide screen with black bars."""
    scene = (_room, _street, _landscape)[int(rng.integers(3))](rng)
    bars = rng.uniform(0.06, 0.12) if rng.uniform() < 0.35 else 0
    grade, strength = _hsv(rng.uniform(), 0.6, 0.5), rng.uniform(0, 0.25)

    def paint(canvas: Canvas, t: float) -> None:
        scene(canvas, t)
        canvas.show(Image.blend(canvas.image, Image.new("RGB", canvas.image.size, grade), strength))
        if bars:
            canvas.box(0, 0, 1, bars, BLACK)
            canvas.box(0, 1 - bars, 1, 1, BLACK)

    return paint


def _room(rng: Rng) -> Painter:
    wall = _hsv(rng.uniform(), rng.uniform(0.1, 0.4), rng.uniform(0.3, 0.8))
    floor = _hsv(0.08, 0.5, rng.uniform(0.2, 0.5))
    window = (rng.uniform(0.05, 0.7), _hsv(rng.uniform(0.1, 0.6), 0.3, rng.uniform(0.4, 1)))
    sofa = (rng.uniform(0.05, 0.4), _hsv(rng.uniform(), 0.5, rng.uniform(0.2, 0.6)))
    lamp, frame = rng.uniform(0.05, 0.95), (rng.uniform(0.1, 0.8), _hsv(rng.uniform(), 0.5, 0.5))
    people = [(_person(rng), rng.uniform(0.15, 0.85), rng.uniform(0.5, 0.85)) for _ in range(int(rng.integers(1, 4)))]

    def paint(canvas: Canvas, t: float) -> None:
        canvas.fill(_mix(wall, WHITE, 0.1), _mix(wall, BLACK, 0.3))
        left, light = window
        canvas.box(left, 0.1, left + 0.22, 0.55, light)
        canvas.line([(left + 0.11, 0.1), (left + 0.11, 0.55)], WHITE, 2)
        canvas.line([(left, 0.32), (left + 0.22, 0.32)], WHITE, 2)
        canvas.box(frame[0], 0.15, frame[0] + 0.1, 0.35, frame[1])
        canvas.box(0, 0.78, 1, 1, floor)
        canvas.box(sofa[0], 0.55, sofa[0] + 0.5, 0.85, sofa[1], 0.04)
        canvas.line([(lamp, 0.35), (lamp, 0.8)], BLACK, 2)
        canvas.shape(
            [(lamp - 0.02, 0.25), (lamp + 0.02, 0.25), (lamp + 0.05, 0.38), (lamp - 0.05, 0.38)], (250, 226, 160)
        )
        canvas.blur(0.01)
        for person, x, size in people:
            person(canvas, x + 0.03 * np.sin(5 * t + x), 1.05, size, t + x)

    return paint


def _street(rng: Rng) -> Painter:
    sky = _hsv(rng.uniform(0.55, 0.75), 0.6, rng.uniform(0.1, 0.4))
    houses, left = [], -0.05
    while left < 1:
        wide = rng.uniform(0.1, 0.25)
        lit = rng.uniform(0, 1, 24) < 0.45
        houses.append(
            (left, left + wide, rng.uniform(0.08, 0.45), _hsv(rng.uniform(), 0.3, rng.uniform(0.08, 0.3)), lit)
        )
        left += wide
    car, start = _hsv(rng.uniform(), 0.8, 0.6), rng.uniform(-0.1, 0.6)
    person = (_person(rng), rng.uniform(0.2, 0.8), rng.uniform(0.45, 0.7)) if rng.uniform() < 0.6 else None

    def paint(canvas: Canvas, t: float) -> None:
        canvas.fill(_mix(sky, BLACK, 0.5), _mix(sky, (240, 150, 90), 0.3))
        for x0, x1, top, colour, lit in houses:
            canvas.box(x0, top, x1, 0.75, colour)
            for number in np.flatnonzero(lit):
                x, y = x0 + 0.02 + (number % 4) * (x1 - x0) / 4.4, top + 0.04 + number // 4 * 0.08
                if y < 0.68:
                    canvas.box(x, y, x + 0.018, y + 0.035, (246, 214, 130))
        canvas.box(0, 0.75, 1, 1, (40, 40, 46))
        canvas.line([(0, 0.88), (1, 0.88)], (160, 150, 90))
        _car(canvas, start + 0.3 * t, 0.86, 0.2, car)
        canvas.disc(start + 0.3 * t + 0.21, 0.82, 0.02, (255, 250, 200))
        if person:
            person[0](canvas, person[1] + 0.05 * t, 1.05, person[2], t)

    return paint


def _landscape(rng: Rng) -> Painter:
    hour = rng.uniform(0.35, 1)
    sky, glow = _hsv(rng.uniform(0.52, 0.62), 0.5, hour), _hsv(rng.uniform(0.02, 0.15), 0.4, hour)
    hills = []
    for depth in range(3):
        heights = 0.35 + 0.17 * depth + 0.06 * rng.normal(size=7)
        hills.append((heights.tolist(), _hsv(rng.uniform(0.2, 0.4), 0.4, hour * (0.6 - 0.13 * depth))))
    sun = rng.uniform(0.1, 0.9, 2)
    trees = [(rng.uniform(), rng.uniform(0.7, 0.95), rng.uniform(0.06, 0.16)) for _ in range(int(rng.integers(2, 8)))]
    person = (_person(rng), rng.uniform(0.2, 0.8), rng.uniform(0.3, 0.6)) if rng.uniform() < 0.6 else None

    def paint(canvas: Canvas, t: float) -> None:
        canvas.fill(sky, glow)
        canvas.disc(sun[0], 0.4 * sun[1], 0.06, _mix(glow, WHITE, 0.7))
        for heights, colour in hills:
            ridge = [(number / 6, height) for number, height in enumerate(heights)]
            canvas.shape([*ridge, (1, 1), (0, 1)], colour)
        for x, y, size in trees:
            canvas.box(x - 0.006, y - size, x + 0.006, y, (70, 50, 34))
            canvas.disc(x + 0.004 * np.sin(8 * t), y - 1.3 * size, 0.7 * size, _mix(hills[2][1], BLACK, 0.3))
        if person:
            person[0](canvas, person[1] + 0.06 * t, 1.0, person[2], t)

    return paint


def _car(canvas: Canvas, x: float, y: float, length: float, colour: Colour) -> None:
    """A car seen from the side, its wheels on y."""
    tall = 0.3 * length * canvas.width / canvas.height
    canvas.shape([(x + 0.2 * length, y - tall), (x + 0.7 * length, y - tall), (x + 0.85 * length, y), (x, y)], colour)
    glass = [
        (x + 0.25 * length, y - 0.9 * tall),
        (x + 0.65 * length, y - 0.9 * tall),
        (x + 0.72 * length, y - 0.55 * tall),
    ]
    canvas.shape([*glass, (x + 0.18 * length, y - 0.55 * tall)], (150, 180, 200))
    canvas.box(x, y - 0.55 * tall, x + length, y - 0.1 * tall, colour, 0.02)
    for wheel in (0.2, 0.8):
        canvas.disc(x + wheel * length, y - 0.08 * tall, 0.25 * tall, BLACK)


# What a channel lays over its programmes.


def _logo(channel: Channel) -> Painter:
    x = 0.9 if channel.logo_right else 0.1
    y = (0.78 if channel.ticker else 0.9) if channel.logo_low else 0.1

    def paint(canvas: Canvas, t: float) -> None:
        canvas.box(x - 0.055, y - 0.05, x + 0.055, y + 0.05, channel.dark, channel.round_by)
        canvas.text(x, y, channel.name, 0.08, WHITE, "mm")

    return paint


def _score_bug(channel: Channel, rng: Rng) -> Painter:
    home, away = rng.choice(TEAMS, 2, replace=False)
    goals, minute = rng.integers(0, 4, 2), rng.uniform(1, 88)
    colours = [_hsv(rng.uniform(), 0.8, 0.8) for _ in range(2)]
    left = 0.58 if channel.bug_right else 0.04
    top = 0.05 if channel.bug_right != channel.logo_right or channel.logo_low else 0.86

    def paint(canvas: Canvas, t: float) -> None:
        canvas.box(left, top, left + 0.38, top + 0.1, channel.dark, channel.round_by)
        canvas.box(left + 0.14, top, left + 0.24, top + 0.1, channel.bright)
        for side, colour in ((0.0, colours[0]), (0.37, colours[1])):
            canvas.box(left + side, top, left + side + 0.012, top + 0.1, colour)
        canvas.text(left + 0.075, top + 0.05, str(home), 0.075, WHITE, "mm")
        canvas.text(left + 0.305, top + 0.05, str(away), 0.075, WHITE, "mm")
        canvas.text(left + 0.19, top + 0.05, f"{goals[0]}-{goals[1]}", 0.08, BLACK, "mm")
        clock = minute + 1.5 * t
        canvas.box(left, top + 0.1, left + 0.1, top + 0.17, BLACK)
        canvas.text(left + 0.05, top + 0.135, f"{int(clock):02d}:{int(clock * 60) % 60:02d}", 0.055, WHITE, "mm")

    return paint


def _ticker(channel: Channel, rng: Rng) -> Painter:
    line = "   +++   ".join(str(item) for item in rng.permutation(HEADLINES)) + "   +++   "
    start = rng.uniform(-0.6, 0)

    def paint(canvas: Canvas, t: float) -> None:
        canvas.box(0, 0.88, 1, 0.97, channel.dark)
        canvas.text(start - 0.5 * t, 0.925, 2 * line, 0.065, WHITE)
        canvas.box(0, 0.88, 0.14, 0.97, channel.bright)
        canvas.text(0.07, 0.925, "LIVE", 0.065, BLACK, "mm")

    return paint


def _name_strap(channel: Channel, rng: Rng) -> Painter:
    name, topic = NAMES[rng.integers(len(NAMES))], HEADLINES[rng.integers(len(HEADLINES))]
    left = rng.uniform(0.04, 0.2)

    def paint(canvas: Canvas, t: float) -> None:
        canvas.box(left, 0.7, left + 0.42, 0.79, channel.bright, channel.round_by)
        canvas.box(left, 0.79, left + 0.6, 0.86, channel.dark)
        canvas.text(left + 0.02, 0.745, name, 0.07, BLACK)
        canvas.text(left + 0.02, 0.825, topic, 0.05, WHITE)

    return paint


# Programmes that look like advertisements.


def _sponsor(rng: Rng) -> Painter:
    """A sponsor's mark in the corner of a programme."""
    brand = _brand(rng)
    low = bool(rng.uniform() < 0.5)

    def paint(canvas: Canvas, t: float) -> None:
        y = 0.76 if low else 0.24
        canvas.box(0.66, y - 0.08, 0.97, y + 0.08, WHITE, 0.02)
        canvas.text(0.68, y - 0.045, "brought to you by", 0.04, BLACK)
        brand.mark(canvas, 0.72, y + 0.03, 0.04)
        canvas.text(0.76, y + 0.03, brand.name, 0.075, brand.dark)

    return paint


def _board(channel: Channel, rng: Rng) -> Painter:
    """A full-screen table of results or share prices, whose figures look like prices."""
    names = [TEAMS[number] for number in rng.permutation(len(TEAMS))[:5]]
    figures = [f"{value:.2f}" for value in rng.uniform(1, 90, 5)]
    heading = str(rng.choice(["MARKETS", "RESULTS", "TABLE", "POLL"]))

    def paint(canvas: Canvas, t: float) -> None:
        canvas.fill(channel.dark, _mix(channel.dark, BLACK, 0.5))
        canvas.box(0.12, 0.1, 0.88, 0.24, channel.bright, channel.round_by)
        canvas.text(0.5, 0.17, heading, 0.1, BLACK, "mm")
        for row, (name, figure) in enumerate(zip(names, figures, strict=True)):
            y = 0.34 + 0.12 * row
            canvas.box(0.12, y - 0.05, 0.88, y + 0.05, _mix(channel.dark, WHITE, 0.15 + 0.1 * (row % 2)))
            canvas.text(0.16, y, name, 0.085, WHITE)
            canvas.text(0.84, y, figure, 0.085, WHITE, "rm")

    return paint


def _title(channel: Channel, rng: Rng) -> Painter:
    """A programme's title, composed like an end card."""
    brand = _brand(rng)
    programme = PROGRAMMES[rng.integers(len(PROGRAMMES))]
    address = f"{channel.name.lower()}.tv/{programme.split()[0].lower()}"

    def paint(canvas: Canvas, t: float) -> None:
        canvas.fill(channel.dark, _mix(channel.dark, channel.bright, 0.35))
        brand.mark(canvas, 0.5, 0.3, 0.12)
        canvas.text(0.5, 0.58, programme, 0.15, WHITE, "mm")
        canvas.text(0.5, 0.76, address, 0.075, channel.bright, "mm")

    return paint


def _halves(channel: Channel, left: Painter, right: Painter) -> Painter:
    """Two live pictures side by side, as in an interview between studios."""

    def paint(canvas: Canvas, t: float) -> None:
        canvas.fill(channel.dark, _mix(channel.dark, BLACK, 0.4))
        canvas.inset(left, t, 0.03, 0.15, 0.49, 0.75)
        canvas.inset(right, t, 0.51, 0.15, 0.97, 0.75)

    return paint


# Advertisements: shots of goods, prices, stories, and a card at the end.


@dataclass(frozen=True)
class Brand:
    """What is advertised: a name, its colours and the shape of its mark."""

    name: str
    goods: str
    slogan: str
    dark: Colour
    bright: Colour
    sides: int

    def mark(self, canvas: Canvas, x: float, y: float, radius: float) -> None:
        """The brand's mark: a disc or a star-like polygon with a cut-out."""
        if self.sides < 3:
            canvas.disc(x, y, radius, self.bright)
            canvas.disc(x + 0.3 * radius * canvas.height / canvas.width, y, 0.6 * radius, self.dark)
        else:
            canvas.shape(_star(canvas, x, y, radius, self.sides, 0.55), self.bright)


def _brand(rng: Rng) -> Brand:
    hue = rng.uniform()
    return Brand(
        name=BRANDS[rng.integers(len(BRANDS))],
        goods=GOODS[rng.integers(len(GOODS))],
        slogan=SLOGANS[rng.integers(len(SLOGANS))],
        dark=_hsv(hue, rng.uniform(0.5, 0.95), rng.uniform(0.25, 0.7)),
        bright=_hsv(hue + rng.uniform(0.25, 0.75), rng.uniform(0.5, 0.95), rng.uniform(0.8, 1)),
        sides=int(rng.choice([0, 0, 3, 4, 5, 8])),
    )


def _star(canvas: Canvas, x: float, y: float, radius: float, tips: int, inner: float) -> list[Point]:
    ratio = canvas.height / canvas.width
    turns = np.arange(2 * tips) * np.pi / tips - np.pi / 2
    reach = np.where(np.arange(2 * tips) % 2, inner, 1.0) * radius
    return [(x + r * ratio * np.cos(a), y + r * np.sin(a)) for r, a in zip(reach.tolist(), turns.tolist(), strict=True)]


def _ad(channel: Channel, confusable: bool, programme: str, rng: Rng) -> list[Painter]:
    brand = _brand(rng)
    shots: list[Painter]
    if confusable:
        scenes = {"pitch": _pitch(rng), "studio": _studio(channel, rng), "drama": _drama(rng)}
        scene = _filmed(scenes[_scene(programme, list(scenes), rng)], rng)
        kind = int(rng.integers(4))
        if kind == 0:
            shots = [scene, _layered([scene, _wordmark(brand, rng)])]
        elif kind == 1:
            shots = [_layered([scene, _wordmark(brand, rng)])] * 2
        elif kind == 2:
            shots = [_beside_live(brand, _layered([scene, _logo(channel)]), rng)] * 2
        else:
            shots = [_layered([scene, _phone_line(brand, rng)]), _end_card(brand, rng)]
    else:
        middle = (_product_shot, _price_card, _split_screen)
        shots = [middle[int(rng.integers(3))](brand, rng) for _ in range(int(rng.integers(1, 3)))]
        if rng.uniform() < 0.75:
            shots.append(_end_card(brand, rng))
    if channel.logo_in_ads:
        logo = _logo(channel)
        shots = [_layered([shot, logo]) for shot in shots]
    return shots


def _product(brand: Brand, rng: Rng) -> Callable[[Canvas, float, float, float], None]:
    """A bottle, carton, phone, tin or car: painter of (canvas, x, y of its foot, size)."""
    kind = int(rng.integers(5))
    body, label = (brand.dark, brand.bright) if rng.uniform() < 0.5 else (brand.bright, brand.dark)
    body = _mix(body, WHITE, rng.uniform(0, 0.4))
    shine = _mix(body, WHITE, 0.5)

    def paint(canvas: Canvas, x: float, foot: float, size: float) -> None:
        ratio = canvas.height / canvas.width
        half = size * ratio * (0.16, 0.3, 0.24, 0.24, 0.6)[kind]
        canvas.disc(x, foot, 1.1 * half / ratio, _mix(brand.dark, BLACK, 0.6), 0.12)
        if kind == 0:
            canvas.box(x - half, foot - 0.62 * size, x + half, foot, body, 0.03)
            canvas.box(x - 0.4 * half, foot - 0.95 * size, x + 0.4 * half, foot - 0.55 * size, body)
            canvas.box(x - 0.5 * half, foot - size, x + 0.5 * half, foot - 0.9 * size, label)
            canvas.box(x - half, foot - 0.45 * size, x + half, foot - 0.15 * size, label)
        elif kind == 1:
            canvas.box(x - half, foot - 0.8 * size, x + half, foot, body)
            top, far, back = foot - 0.8 * size, x + 1.3 * half, foot - 0.88 * size
            canvas.shape(
                [(x + half, foot), (far, foot - 0.1 * size), (far, back), (x + half, top)], _mix(body, BLACK, 0.3)
            )
            canvas.shape([(x - half, top), (x + half, top), (far, back), (x - 0.7 * half, back)], shine)
            canvas.box(x - 0.8 * half, foot - 0.6 * size, x + 0.8 * half, foot - 0.25 * size, label)
        elif kind == 2:
            canvas.box(x - half, foot - 0.95 * size, x + half, foot, BLACK, 0.04)
            canvas.box(x - 0.88 * half, foot - 0.88 * size, x + 0.88 * half, foot - 0.08 * size, body)
            for number in range(6):
                u, v = x - 0.5 * half + (number % 3) * 0.5 * half, foot - 0.7 * size + number // 3 * 0.2 * size
                canvas.disc(u, v, 0.06 * size, label)
        elif kind == 3:
            canvas.box(x - half, foot - 0.6 * size, x + half, foot, body)
            canvas.disc(x, foot - 0.6 * size, half / ratio, shine, 0.3)
            canvas.box(x - half, foot - 0.42 * size, x + half, foot - 0.14 * size, label)
        else:
            _car(canvas, x - half, foot, 2 * half, body)
        if kind in (0, 1, 3):
            name_at = foot - (0.3, 0.42, 0, 0.28)[kind] * size
            canvas.text(x, name_at, brand.name, 0.12 * size, _contrast(label), "mm")
            canvas.box(x - 0.8 * half, foot - 0.55 * size, x - 0.65 * half, foot - 0.05 * size, shine)

    return paint


def _product_shot(brand: Brand, rng: Rng) -> Painter:
    product = _product(brand, rng)
    light = _mix(brand.bright, WHITE, rng.uniform(0.2, 0.8))
    back = _mix(brand.dark, BLACK, rng.uniform(0, 0.6)) if rng.uniform() < 0.5 else _mix(light, WHITE, 0.5)
    x = rng.uniform(0.25, 0.75)
    writing = 0.24 if x > 0.5 else 0.76
    size, grows = rng.uniform(0.6, 0.85), rng.uniform(-0.1, 0.2)
    price = f"{rng.integers(1, 99)}.{rng.choice([49, 90, 95, 99])}" if rng.uniform() < 0.5 else ""
    rays = rng.uniform() < 0.4

    def paint(canvas: Canvas, t: float) -> None:
        canvas.fill(back, _mix(back, light, 0.5))
        if rays:
            canvas.shape(_star(canvas, x, 0.5, 1.6, 14, 0.2), _mix(back, light, 0.3))
        canvas.disc(x, 0.55, 0.45, _mix(back, light, 0.5))
        canvas.blur(0.03)
        product(canvas, x + 0.02 * np.sin(6 * t), 0.9, size + grows * t)
        canvas.text(writing, 0.2, brand.name, 0.14, _contrast(back), "mm")
        canvas.text(writing, 0.35, brand.slogan, 0.065, _contrast(back), "mm")
        if price:
            canvas.shape(_star(canvas, writing, 0.68, 0.2, 12, 0.8), brand.bright)
            canvas.text(writing, 0.68, price, 0.12, _contrast(brand.bright), "mm")

    return paint


def _price_card(brand: Brand, rng: Rng) -> Painter:
    count = int(rng.integers(2, 5))
    products = [_product(_brand(rng), rng) for _ in range(count)]
    prices = [f"{rng.integers(0, 60)}.{rng.choice([49, 79, 95, 99])}" for _ in range(count)]
    offer = str(rng.choice(["SALE", "-50%", "2 FOR 1", "OFFERS", "-30%"]))
    back = _mix(brand.bright, WHITE, rng.uniform(0, 0.85))

    def paint(canvas: Canvas, t: float) -> None:
        canvas.fill(back, back)
        canvas.box(0, 0, 1, 0.24, brand.dark)
        canvas.text(0.04, 0.12, offer, 0.18, WHITE)
        canvas.text(0.96, 0.12, brand.name, 0.11, brand.bright, "rm")
        for number, (product, price) in enumerate(zip(products, prices, strict=True)):
            x = (number + 0.5) / count
            product(canvas, x, 0.78, min(0.5, 1.2 / count) + 0.02 * np.sin(8 * t + number))
            canvas.box(x - 0.09, 0.81, x + 0.09, 0.95, (210, 30, 30), 0.02)
            canvas.text(x, 0.88, price, 0.11, WHITE, "mm")

    return paint


def _split_screen(brand: Brand, rng: Rng) -> Painter:
    product, scene = _product(brand, rng), _filmed(_drama(rng), rng)
    edge, swapped = rng.uniform(0.4, 0.6), bool(rng.uniform() < 0.5)
    back = _mix(brand.dark, WHITE, rng.uniform(0, 0.7))

    def paint(canvas: Canvas, t: float) -> None:
        canvas.fill(back, _mix(back, brand.bright, 0.3))
        canvas.inset(scene, t, *((edge, 0, 1, 1) if swapped else (0, 0, edge, 1)))
        canvas.box(edge - 0.006, 0, edge + 0.006, 1, WHITE)
        x = edge / 2 if swapped else (1 + edge) / 2
        product(canvas, x, 0.72, 0.55)
        canvas.text(x, 0.86, brand.name, 0.12, _contrast(back), "mm")

    return paint


def _end_card(brand: Brand, rng: Rng) -> Painter:
    pale = rng.uniform() < 0.4
    back = _mix(brand.bright, WHITE, 0.85) if pale else brand.dark
    address = f"www.{brand.name.lower()}.com" if rng.uniform() < 0.7 else f"{brand.name.lower()}.com/{brand.goods}"
    small = bool(rng.uniform() < 0.5)

    def paint(canvas: Canvas, t: float) -> None:
        canvas.fill(back, _mix(back, BLACK, 0.15))
        brand.mark(canvas, 0.5, 0.28, 0.13 + 0.02 * t)
        canvas.text(0.5, 0.54, brand.name, 0.2, _contrast(back), "mm")
        canvas.text(0.5, 0.69, brand.slogan, 0.075, _contrast(back), "mm")
        canvas.text(0.5, 0.82, address, 0.08, _contrast(back), "mm")
        if small:
            terms = "Offer ends soon. Terms apply. See stores for details and stock."
            for y in (0.92, 0.96):
                canvas.text(0.5, y, terms, 0.03, _contrast(back), "mm")

    return paint


# Advertisements that look like programmes.


def _wordmark(brand: Brand, rng: Rng) -> Painter:
    """A brand's name and slogan over a story shot."""
    y, side = rng.uniform(0.15, 0.85), float(rng.choice([0.26, 0.5, 0.74]))
    plain = bool(rng.uniform() < 0.4)

    def paint(canvas: Canvas, t: float) -> None:
        if not plain:
            canvas.box(side - 0.2, y - 0.09, side + 0.2, y + 0.12, brand.dark)
        canvas.text(side, y, brand.name, 0.14, WHITE, "mm")
        canvas.text(side, y + 0.09, brand.slogan, 0.055, WHITE, "mm")

    return paint


def _beside_live(brand: Brand, live: Painter, rng: Rng) -> Painter:
    """The live picture shrunk into a corner, the advertisement around it."""
    product = _product(brand, rng)
    size = rng.uniform(0.5, 0.68)
    right = bool(rng.uniform() < 0.5)

    def paint(canvas: Canvas, t: float) -> None:
        canvas.fill(brand.dark, _mix(brand.dark, brand.bright, 0.3))
        left = 0.97 - size if right else 0.03
        canvas.inset(live, t, left, 0.05, left + size, 0.05 + size)
        product(canvas, (1 - size) / 2 if right else (1 + size) / 2, 0.62, 0.5)
        canvas.text(0.5, 0.86, f"{brand.name}  {brand.slogan}", 0.1, WHITE, "mm")

    return paint


def _phone_line(brand: Brand, rng: Rng) -> Painter:
    """The band of a teleshop: built like a ticker, but it sells."""
    number = "0800 " + " ".join(str(pair) for pair in rng.integers(10, 99, 3))
    price = f"{rng.integers(9, 99)}.{rng.choice([90, 95, 99])}"

    def paint(canvas: Canvas, t: float) -> None:
        canvas.box(0, 0.84, 1, 0.97, brand.dark)
        canvas.text(0.03, 0.905, f"CALL {number}", 0.08, WHITE)
        canvas.box(0.76, 0.82, 1, 0.97, brand.bright)
        canvas.text(0.88, 0.895, price, 0.1, _contrast(brand.bright), "mm")

    return paint


def _hsv(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, saturation, min(value, 1))
    return round(255 * red), round(255 * green), round(255 * blue)


def _mix(one: Colour, other: Colour, share: float) -> Colour:
    """`one` with a share of `other`."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _contrast(back: Colour) -> Colour:
    """White or black, whichever reads better on `back`."""
    return BLACK if 0.3 * back[0] + 0.59 * back[1] + 0.11 * back[2] > 140 else WHITE
