"""Pictures of football with the ball's box: `images/`, `labels/` (YOLO text) and `metadata.csv` (path, group).

A line of a label is `0 x y width height`, the middle and size of the box in shares of the picture. The file is empty if
no ball is visible, as in about 12 % of the pictures. Balls are 4 to 40 px wide in a picture 416 px high, and wider if
they move while the shutter is open. White socks and boots, spots, crossings of lines, heads, boards and bottles can be
confused with a ball.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops, ImageFilter

from slipway.simulators.sport.camera import SUPERSAMPLED, Canvas, Colour, Rng, View, finished, mix, moved
from slipway.simulators.sport.figure import BLACK, WHITE, Figure
from slipway.simulators.sport.football import Match, goal, pose, spot
from slipway.simulators.sport.skeleton import skeleton

Row = tuple[str, str]
DIAMETER = 0.22
ABSENT = 0.06
"""The share of pictures without a ball; in about as many, the ball is hidden."""
LEAST_SEEN = 0.35
"""A ball with a smaller visible share is not annotated."""
BALLS: tuple[tuple[Colour, Colour], ...] = (
    *(((244, 244, 240), (24, 24, 28)), ((240, 240, 240), (210, 40, 60)), ((244, 244, 240), (40, 80, 190))),
    *(((248, 232, 60), (60, 40, 130)), ((250, 150, 40), (30, 30, 30))),
)


def simulate(
    out: Path, groups: int, per_group: int, size: tuple[int, int], knobs: tuple[float, float], seed: int
) -> list[Row]:
    """Write the pictures and their labels, and return the rows of metadata.csv. Arguments as in `pose.simulate`."""
    (out / "images").mkdir()
    (out / "labels").mkdir()
    rows: list[Row] = []
    for group in range(groups):
        rng = np.random.default_rng([seed, group])
        match = Match.pick(rng, *size, *knobs)
        skin = BALLS[int(rng.choice(len(BALLS), p=[0.4, 0.2, 0.15, 0.15, 0.1]))]
        name = f"match{group:03d}"
        for number in range(per_group):
            stem = f"{name}-{number:03d}"
            image, label = _picture(match, skin, size, knobs, np.random.default_rng([seed, group, number]))
            image.save(out / f"images/{stem}.jpg", "JPEG", quality=match.film.quality)
            (out / f"labels/{stem}.txt").write_text(label)
            rows.append((f"images/{stem}.jpg", name))
    return rows


@dataclass(frozen=True)
class Ball:
    """A ball in front of a camera: its position (metres), its drawn position, and its motion during the exposure."""

    at: np.ndarray
    middle: np.ndarray
    radius: float
    depth: float
    way: np.ndarray
    skin: tuple[Colour, Colour]
    spin: float

    def _ends(self, pan: np.ndarray) -> np.ndarray:
        """The upper left and the lower right corner of the area that the moving ball covers, in drawn pixels."""
        reach = (np.abs(self.way) + np.abs(pan)) / 2 + self.radius
        return np.stack([self.middle - reach, self.middle + reach])

    def share(self, size: tuple[int, int], pan: np.ndarray) -> list[float]:
        """The box, cut at the edges of a picture of `size` (height, width): middle and size in shares of the picture.

        `pan` is the movement (across, down) of the camera during the exposure, in drawn pixels.
        """
        height, width = size
        left, top, right, bottom = finished(self._ends(pan)).clip(0, [[width, height]]).ravel().tolist()
        box = (left + right) / 2 / width, (top + bottom) / 2 / height, (right - left) / width, (bottom - top) / height
        return list(box)

    def stencil(self, ids: Canvas) -> None:
        """Draw the ball with value 1 into a canvas of mode L."""
        ids.capsule(self.middle - self.way / 2, self.radius, self.middle + self.way / 2, self.radius, 1)

    def paint(self, canvas: Canvas, light: float) -> None:
        """Draw the ball; `light` is the side of the light, from left (-1) to right (1)."""
        one, other = self.middle - self.way / 2, self.middle + self.way / 2
        if float(np.abs(self.way).max()) < 1:
            self._sharp(canvas, self.middle, light)
            return
        before, steps = canvas.image, 1 + int(min(6, np.abs(self.way).max() / max(1, self.radius / 2)))
        blurred: Image.Image | None = None
        for step in range(steps + 1):
            canvas.show(before.copy())
            self._sharp(canvas, one + (other - one) * (step / steps), light)
            blurred = canvas.image if blurred is None else Image.blend(blurred, canvas.image, 1 / (step + 1))
        canvas.show(blurred or before)

    def _sharp(self, canvas: Canvas, middle: np.ndarray, light: float) -> None:
        ground, patch = self.skin
        canvas.disc(middle, self.radius, mix(ground, BLACK, 0.4))
        toward = 0.14 * self.radius * np.array([light, -1])
        canvas.disc(middle + toward, 0.86 * self.radius, mix(ground, BLACK, 0.1))
        if self.radius > 3:
            for number in range(4):
                turn = self.spin + number * 2 * np.pi / 3
                reach = 0.0 if number == 3 else 0.66
                where = middle + reach * self.radius * np.array([np.cos(turn), np.sin(turn)])
                canvas.disc(where, (0.26 if number == 3 else 0.2) * self.radius, patch)
        canvas.disc(middle + 2.6 * toward, 0.3 * self.radius, mix(ground, (255, 255, 255), 0.5))


def _picture(
    match: Match, skin: tuple[Colour, Colour], size: tuple[int, int], knobs: tuple[float, float], rng: Rng
) -> tuple[Image.Image, str]:
    """A finished picture and its label."""
    height, width = size
    difficulty, shift = knobs
    across = height / 416 * float(np.exp(rng.uniform(np.log(4.5), np.log(36))))
    far = float(rng.uniform(10, 32))
    rise = float(rng.uniform(1.5, 0.45 * far)) + 1.5 * shift
    focal = across * far / DIAMETER
    metres = width * DIAMETER / across
    aim = (float(rng.normal(0, 0.05)), min(1.1, 0.3 * metres) + float(rng.uniform(-0.1, 0.1)), 0.0)
    view = View.look((0, rise, far), aim, focal, (width, height), float(rng.normal(0, 0.02)) + 0.07 * shift)
    figures = _players(match, view, metres, rng)
    ball = None if rng.uniform() < ABSENT else _ball(view, figures, metres, difficulty, skin, rng)
    if ball is not None and _seen(ball, figures) < LEAST_SEEN:
        ball = None
    canvas = Canvas(width * SUPERSAMPLED, height * SUPERSAMPLED)
    back = float(rng.uniform(4, 30))
    match.ground(canvas, view, rng, back)
    _clutter(canvas, view, rng, back, metres)
    match.shadows(canvas, view, figures)
    if ball is not None:
        _shadow(canvas, match, view, ball)
    things: list[Figure | Ball] = sorted([*figures, *([] if ball is None else [ball])], key=lambda thing: -thing.depth)
    for thing in things:
        thing.paint(canvas, match.lit_from)
    image = canvas.image
    pan = np.zeros(2)
    if rng.uniform() < 0.3 * difficulty:
        pan[0] = SUPERSAMPLED * float(rng.normal(0, 0.4 * across))
        image = moved(image, pan[0], pan[1])
    if rng.uniform() < 0.3 * difficulty:
        image = _glare(image, rng)
    label = "" if ball is None else f"0 {' '.join(f'{value:.6f}' for value in ball.share(size, pan))}\n"
    return match.film.develop(image, rng), label


def _players(match: Match, view: View, metres: float, rng: Rng) -> list[Figure]:
    """Players around the middle of a picture that shows `metres` across, the farthest first."""
    figures = []
    for _ in range(int(rng.integers(1, 3 + min(4, round(metres / 4))))):
        look = match.player(rng, float(rng.uniform()))
        at = np.array([rng.uniform(-0.5, 0.5) * metres, 0, rng.uniform(-0.5, 0.25) * min(metres, 10)])
        joints = skeleton(pose(rng), look.height, at, float(rng.uniform(-np.pi, np.pi)))
        joints[:, 1] -= min(0.0, float(joints[:, 1].min()))
        figures.append(Figure(joints, look, view))
    return sorted(figures, key=lambda figure: -figure.depth)


def _ball(
    view: View, figures: list[Figure], metres: float, difficulty: float, skin: tuple[Colour, Colour], rng: Rng
) -> Ball:
    """A ball inside the picture: on the ground, in the air, or at a player's foot, head or hand."""
    while True:
        kind = rng.uniform()
        somebody = figures[rng.integers(len(figures))].joints
        if kind < 0.3:
            at = np.array([rng.uniform(-0.5, 0.5) * metres, DIAMETER / 2, rng.uniform(-0.4, 0.25) * min(metres, 10)])
        elif kind < 0.5:
            at = np.array([rng.uniform(-0.5, 0.5) * metres, rng.uniform(0.2, 0.6 * metres), rng.uniform(-1, 1)])
        elif kind < 0.8:
            at = somebody[rng.integers(19, 21)] + rng.normal(0, 0.3, 3)
            at[1] = DIAMETER / 2 if rng.uniform() < 0.8 else rng.uniform(0.1, 0.6)
        elif kind < 0.9:
            at = somebody[rng.integers(23, 25)] + rng.normal(0, 0.1, 3)
        else:
            at = somebody[0] + rng.normal(0, 0.15, 3) + np.array([0, 0.2, 0])
        at[1] = max(at[1], DIAMETER / 2)
        middle, depth = view.project(at[None])
        radius = DIAMETER / 2 * view.scale(float(depth[0]))
        edge = np.array([view.width, view.height])
        if (middle[0] > 0.3 * radius).all() and (middle[0] < edge - 0.3 * radius).all():
            break
    fast = rng.uniform() < 0.2 + 0.3 * difficulty and at[1] > DIAMETER / 2
    speed = float(rng.exponential(0.6)) if fast else 0.0
    turn = float(rng.uniform(0, 2 * np.pi))
    way = min(speed, 1.6) * 2 * radius * np.array([np.cos(turn), 0.6 * np.sin(turn)])
    return Ball(at, middle[0], radius, float(depth[0]), way, skin, float(rng.uniform(0, 2 * np.pi)))


def _seen(ball: Ball, figures: list[Figure]) -> float:
    """The visible share of the ball: not hidden by nearer figures or cut off by the picture's edge."""
    view = figures[0].view
    ids = Canvas(view.width, view.height, "L")
    ball.stencil(ids)
    for figure in figures:
        if figure.depth < ball.depth:
            figure.stencil(ids, 2)
    whole = np.pi * ball.radius**2 + 2 * ball.radius * float(np.linalg.norm(ball.way))
    return float((np.asarray(ids.image) == 1).sum() / whole)


def _shadow(canvas: Canvas, match: Match, view: View, ball: Ball) -> None:
    """Draw the shadows of the ball, one for each light."""
    for light in match.lights:
        sun = np.array(light)
        fallen = ball.at - sun * (ball.at[1] / sun[1])
        drawn, depth = view.project(fallen[None])
        if depth[0] < 1:
            continue
        radius = DIAMETER / 2 * view.scale(float(depth[0]))
        flat = radius * max(0.2, -float(view.axes[2, 1]))
        (x, y) = drawn[0].tolist()
        left, top, right, bottom = (
            round(x - radius) - 2,
            round(y - flat) - 2,
            round(x + radius) + 3,
            round(y + flat) + 3,
        )
        if right <= 0 or bottom <= 0 or left >= view.width or top >= view.height:
            continue
        mask = Canvas(right - left, bottom - top, "L")
        mask.pen.ellipse((2, 2, right - left - 3, bottom - top - 3), 60 if match.night else 120)
        canvas.image.paste(BLACK, (left, top), mask.image)


def _clutter(canvas: Canvas, view: View, rng: Rng, back: float, metres: float) -> None:
    """Draw things that look like a ball or hide one: a goal, spots, bottles, a flag, white marks on boards."""
    if rng.uniform() < 0.35 and back > 8:
        goal(canvas, view, float(rng.uniform(-0.5, 0.5)) * metres, -float(rng.uniform(3, back - 3)))
    if rng.uniform() < 0.25:
        spot(canvas, view, float(rng.uniform(-0.5, 0.5)) * metres, float(rng.uniform(-3, 2)), WHITE)
    for _ in range(int(rng.integers(0, 3))):
        x, z = float(rng.uniform(-0.5, 0.5)) * metres, float(rng.uniform(-0.4, 0.2)) * min(metres, 10)
        ends, depth = view.project(np.array([[x, 0.03, z], [x, 0.2, z], [x, 0.25, z]]))
        wide = 0.035 * view.scale(float(depth[0]))
        kind = rng.uniform()
        if kind < 0.4:
            canvas.capsule(ends[0], wide, ends[1], wide, (225, 232, 238))
            canvas.disc(ends[2], 0.6 * wide, (220, 60, 50))
        elif kind < 0.7:
            canvas.capsule(ends[0], 1.6 * wide, ends[0] + [4 * wide, 0.5 * wide], wide, (236, 236, 232))
    if rng.uniform() < 0.3:
        foot, _ = view.project(np.array([[0, 0.45, -back]]))
        size = 0.2 * view.scale(float(view.eye[2]) + back)
        for x in rng.uniform(0, view.width, 3).tolist():
            canvas.disc(np.array([x, foot[0, 1]]), size, WHITE)


def _glare(image: Image.Image, rng: Rng) -> Image.Image:
    """Add stray light: a soft bright patch, as from a floodlight or the sun in the lens."""
    small = Image.new("L", (32, 32))
    canvas = Canvas(32, 32, "L")
    canvas.disc(rng.uniform(0, 32, 2), float(rng.uniform(3, 9)), int(rng.integers(60, 170)))
    small = canvas.image.filter(ImageFilter.GaussianBlur(4))
    light = small.resize(image.size, Image.Resampling.BILINEAR)
    return ImageChops.screen(image, Image.merge("RGB", (light, light, light.point(lambda value: round(0.85 * value)))))
