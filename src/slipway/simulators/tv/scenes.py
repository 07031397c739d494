"""Scenes: studios, pitches and drama, for programmes and for advertisements that look like them."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from slipway.simulators.tv.brand import BRANDS
from slipway.simulators.tv.canvas import Canvas, Painter, Rng
from slipway.simulators.tv.channel import Channel
from slipway.simulators.tv.colour import BLACK, WHITE, Colour, hsv, mix
from slipway.simulators.tv.people import bust, player

SCENES = {"news": "studio", "sports": "pitch"}
"""The scene of each kind of programme."""
FAITHFUL = 0.85
"""The share of videos that show the scene of their kind of programme."""


def scene_of(programme: str, scenes: Sequence[str], rng: Rng) -> str:
    """One of the scenes, usually that of the kind of programme."""
    drawn = scenes[int(rng.integers(len(scenes)))]
    return SCENES[programme] if programme in SCENES and rng.uniform() < FAITHFUL else drawn


def filmed(scene: Painter, rng: Rng) -> Painter:
    """A scene seen by a camera that pans and zooms slightly."""
    zoom, closer = rng.uniform(1, 1.25), rng.uniform(-0.1, 0.15)
    x, y = rng.uniform(0, 1, 2)
    pan = rng.uniform(-0.6, 0.6)

    def paint(canvas: Canvas, t: float) -> None:
        scene(canvas, t)
        shake = 0.03 * np.sin(40 * t)
        canvas.camera(max(1.02, zoom + closer * t), float(np.clip(x + pan * (t - 0.5) + shake, 0, 1)), float(y))

    return paint


def studio(channel: Channel, rng: Rng) -> Painter:
    """One or two presenters behind a desk, in front of a lit backdrop with a screen."""
    hue = rng.uniform()
    top, bottom = hsv(hue, 0.6, rng.uniform(0.15, 0.5)), hsv(hue + 0.05, 0.5, rng.uniform(0.35, 0.85))
    panels = [(rng.uniform(0, 1), rng.uniform(0.03, 0.12), hsv(hue + rng.normal(0, 0.08), 0.5, 0.9)) for _ in range(5)]
    screen = (rng.uniform(0.05, 0.6), hsv(rng.uniform(), 0.5, 0.7)) if rng.uniform() < 0.6 else None
    desk = hsv(rng.uniform(), rng.uniform(0.1, 0.6), rng.uniform(0.25, 0.8))
    low = rng.uniform(0.68, 0.82)
    people = [bust(rng) for _ in range(int(rng.integers(1, 3)))]
    places = [rng.uniform(0.3, 0.7)] if len(people) == 1 else [rng.uniform(0.22, 0.38), rng.uniform(0.6, 0.78)]
    tall = rng.uniform(0.5, 0.75) if len(people) == 1 else rng.uniform(0.42, 0.55)

    def paint(canvas: Canvas, t: float) -> None:
        canvas.fill(top, bottom)
        for x, width, colour in panels:
            canvas.box(x, 0, x + width, 0.7, mix(colour, bottom, 0.6))
        if screen:
            left, colour = screen
            canvas.box(left, 0.1, left + 0.34, 0.5, mix(colour, WHITE, 0.2))
            canvas.box(left + 0.01, 0.12, left + 0.33, 0.48, colour)
            canvas.shape([(left + 0.02, 0.46), (left + 0.14, 0.22), (left + 0.24, 0.4), (left + 0.32, 0.3)], top)
        canvas.blur(0.015)
        for person, place in zip(people, places, strict=True):
            person(canvas, place + 0.01 * np.sin(9 * t + place), low + 0.12, tall, t)
        canvas.box(0, low, 1, 1, mix(desk, BLACK, 0.35))
        canvas.shape([(0.06, low), (0.94, low), (1, low + 0.07), (0, low + 0.07)], mix(desk, WHITE, 0.3))
        canvas.box(0.3, low + 0.12, 0.7, 1, channel.dark)

    return paint


def pitch(rng: Rng) -> Painter:
    """Grass with lines, players of two teams and a stand with boards, from afar; or a close-up of one player."""
    if rng.uniform() < 0.25:
        return _close_up(rng)
    green = hsv(rng.uniform(0.25, 0.36), rng.uniform(0.5, 0.8), rng.uniform(0.4, 0.7))
    stripe = mix(green, WHITE if rng.uniform() < 0.5 else BLACK, 0.12)
    horizon = rng.uniform(0.12, 0.36)
    stand = hsv(rng.uniform(), 0.3, rng.uniform(0.2, 0.5))
    crowd = [(float(x), float(y)) for x, y in rng.uniform(0, 1, (60, 2))]
    crowd_colours = [hsv(rng.uniform(), 0.5, rng.uniform(0.4, 1)) for _ in crowd]
    hoardings = [(hsv(rng.uniform(), 0.8, 0.8), BRANDS[rng.integers(len(BRANDS))]) for _ in range(5)]
    teams = [hsv(rng.uniform(), rng.uniform(0.2, 0.95), rng.uniform(0.5, 1)) for _ in range(2)]
    spots = [(float(rng.uniform()), float(rng.uniform(horizon + 0.1, 0.95)), i % 2) for i in range(rng.integers(6, 14))]
    runs = rng.normal(0, 0.08, (len(spots), 2))
    circle = (rng.uniform(0.1, 0.9), rng.uniform(0.5, 0.7), rng.uniform(0.15, 0.3))
    lean, bands = rng.uniform(-0.3, 0.3), int(rng.integers(5, 10))
    ball = rng.uniform(0.2, 0.8, 2)

    def paint(canvas: Canvas, t: float) -> None:
        canvas.fill(green, mix(green, BLACK, 0.1))
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
            player(canvas, u + du * t, v + 0.3 * dv * t, 0.05 + 0.13 * (v - horizon), teams[team], t + u)
        canvas.disc(ball[0] + 0.2 * t, horizon + (1 - horizon) * ball[1], 0.012, WHITE)

    return paint


def _close_up(rng: Rng) -> Painter:
    """One player in front of blurred grass and stand."""
    green = hsv(rng.uniform(0.25, 0.36), 0.6, rng.uniform(0.4, 0.65))
    stand = hsv(rng.uniform(), 0.3, rng.uniform(0.25, 0.5))
    person, x = bust(rng, sport=True), rng.uniform(0.3, 0.7)
    blobs = [(*rng.uniform((0, 0), (1, 0.4)), hsv(rng.uniform(), 0.5, 0.8)) for _ in range(14)]

    def paint(canvas: Canvas, t: float) -> None:
        canvas.fill(green, mix(green, BLACK, 0.2))
        canvas.box(0, 0, 1, 0.42, stand)
        for u, v, colour in blobs:
            canvas.disc(float(u), float(v), 0.05, colour)
        canvas.blur(0.05)
        person(canvas, x + 0.08 * np.sin(4 * t), 1.1, 0.95, t)

    return paint


def drama(rng: Rng) -> Painter:
    """A room with people, a street at night or a landscape; some in wide screen with black bars."""
    scene = (_room, _street, _landscape)[int(rng.integers(3))](rng)
    bars = rng.uniform(0.06, 0.12) if rng.uniform() < 0.35 else 0
    grade, strength = hsv(rng.uniform(), 0.6, 0.5), rng.uniform(0, 0.25)

    def paint(canvas: Canvas, t: float) -> None:
        scene(canvas, t)
        canvas.show(Image.blend(canvas.image, Image.new("RGB", canvas.image.size, grade), strength))
        if bars:
            canvas.box(0, 0, 1, bars, BLACK)
            canvas.box(0, 1 - bars, 1, 1, BLACK)

    return paint


def _room(rng: Rng) -> Painter:
    wall = hsv(rng.uniform(), rng.uniform(0.1, 0.4), rng.uniform(0.3, 0.8))
    floor = hsv(0.08, 0.5, rng.uniform(0.2, 0.5))
    window = (rng.uniform(0.05, 0.7), hsv(rng.uniform(0.1, 0.6), 0.3, rng.uniform(0.4, 1)))
    sofa = (rng.uniform(0.05, 0.4), hsv(rng.uniform(), 0.5, rng.uniform(0.2, 0.6)))
    lamp, frame = rng.uniform(0.05, 0.95), (rng.uniform(0.1, 0.8), hsv(rng.uniform(), 0.5, 0.5))
    people = [(bust(rng), rng.uniform(0.15, 0.85), rng.uniform(0.5, 0.85)) for _ in range(int(rng.integers(1, 4)))]

    def paint(canvas: Canvas, t: float) -> None:
        canvas.fill(mix(wall, WHITE, 0.1), mix(wall, BLACK, 0.3))
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
    sky = hsv(rng.uniform(0.55, 0.75), 0.6, rng.uniform(0.1, 0.4))
    houses, left = [], -0.05
    while left < 1:
        wide = rng.uniform(0.1, 0.25)
        lit = rng.uniform(0, 1, 24) < 0.45
        houses.append(
            (left, left + wide, rng.uniform(0.08, 0.45), hsv(rng.uniform(), 0.3, rng.uniform(0.08, 0.3)), lit)
        )
        left += wide
    bodywork, start = hsv(rng.uniform(), 0.8, 0.6), rng.uniform(-0.1, 0.6)
    person = (bust(rng), rng.uniform(0.2, 0.8), rng.uniform(0.45, 0.7)) if rng.uniform() < 0.6 else None

    def paint(canvas: Canvas, t: float) -> None:
        canvas.fill(mix(sky, BLACK, 0.5), mix(sky, (240, 150, 90), 0.3))
        for x0, x1, top, colour, lit in houses:
            canvas.box(x0, top, x1, 0.75, colour)
            for number in np.flatnonzero(lit):
                x, y = x0 + 0.02 + (number % 4) * (x1 - x0) / 4.4, top + 0.04 + number // 4 * 0.08
                if y < 0.68:
                    canvas.box(x, y, x + 0.018, y + 0.035, (246, 214, 130))
        canvas.box(0, 0.75, 1, 1, (40, 40, 46))
        canvas.line([(0, 0.88), (1, 0.88)], (160, 150, 90))
        car(canvas, start + 0.3 * t, 0.86, 0.2, bodywork)
        canvas.disc(start + 0.3 * t + 0.21, 0.82, 0.02, (255, 250, 200))
        if person:
            person[0](canvas, person[1] + 0.05 * t, 1.05, person[2], t)

    return paint


def _landscape(rng: Rng) -> Painter:
    hour = rng.uniform(0.35, 1)
    sky, glow = hsv(rng.uniform(0.52, 0.62), 0.5, hour), hsv(rng.uniform(0.02, 0.15), 0.4, hour)
    hills = []
    for depth in range(3):
        heights = 0.35 + 0.17 * depth + 0.06 * rng.normal(size=7)
        hills.append((heights.tolist(), hsv(rng.uniform(0.2, 0.4), 0.4, hour * (0.6 - 0.13 * depth))))
    sun = rng.uniform(0.1, 0.9, 2)
    trees = [(rng.uniform(), rng.uniform(0.7, 0.95), rng.uniform(0.06, 0.16)) for _ in range(int(rng.integers(2, 8)))]
    person = (bust(rng), rng.uniform(0.2, 0.8), rng.uniform(0.3, 0.6)) if rng.uniform() < 0.6 else None

    def paint(canvas: Canvas, t: float) -> None:
        canvas.fill(sky, glow)
        canvas.disc(sun[0], 0.4 * sun[1], 0.06, mix(glow, WHITE, 0.7))
        for heights, colour in hills:
            ridge = [(number / 6, height) for number, height in enumerate(heights)]
            canvas.shape([*ridge, (1, 1), (0, 1)], colour)
        for x, y, size in trees:
            canvas.box(x - 0.006, y - size, x + 0.006, y, (70, 50, 34))
            canvas.disc(x + 0.004 * np.sin(8 * t), y - 1.3 * size, 0.7 * size, mix(hills[2][1], BLACK, 0.3))
        if person:
            person[0](canvas, person[1] + 0.06 * t, 1.0, person[2], t)

    return paint


def car(canvas: Canvas, x: float, y: float, length: float, colour: Colour) -> None:
    """Draw a car from the side, with its wheels at y."""
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
