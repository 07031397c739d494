"""Frames of a batter who plays one of six strokes: a folder for each stroke, and `metadata.csv` (path, group: innings).

A frame is a moment of a stroke (`strokes`) near the impact. Each batter has an individual style. `difficulty` moves
strokes towards similar strokes (cover and straight drive, pull and hook, cut and cover drive) and frames towards the
backlift, where all strokes look alike, so no model can be right about all frames.

The coordinates are those of the batter's body: x points to the bowler, z to the off side. A left-hander is a mirror
image. All frames of an innings share batter, kit, ground, light and camera, which is at the bowler's end or at the side
of the pitch.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageFont

from slipway.simulators.sport.camera import SUPERSAMPLED, Canvas, Colour, Film, Rng, View, mix, moved
from slipway.simulators.sport.figure import BLACK, WHITE, Figure, Look
from slipway.simulators.sport.skeleton import KEYPOINTS, Pose, Vector, blend, skeleton
from slipway.simulators.sport.strokes import AWAY, NEIGHBOURS, STROKES, position

Row = tuple[str, str]
COLOURS: tuple[Colour, ...] = (
    *((30, 70, 170), (250, 205, 60), (20, 110, 70), (120, 20, 40), (30, 30, 36), (60, 170, 220), (200, 40, 50)),
)
BAT = 0.5
"""The length of the bat below the upper hand, as a share of the batter's height."""


def simulate(
    out: Path, groups: int, per_group: int, size: tuple[int, int], knobs: tuple[float, float], seed: int
) -> list[Row]:
    """Write the frames, and return the rows of metadata.csv. Arguments as in `pose.simulate`."""
    for stroke in STROKES:
        (out / stroke).mkdir()
    rows: list[Row] = []
    for group in range(groups):
        innings = Innings.pick(np.random.default_rng([seed, group]), size, knobs)
        name = f"innings{group:04d}"
        for number in range(per_group):
            stroke = STROKES[(number + group) % len(STROKES)]
            path = f"{stroke}/{name}-{number:02d}.jpg"
            image = innings.frame(stroke, size, knobs, np.random.default_rng([seed, group, number]))
            image.save(out / path, "JPEG", quality=innings.film.quality)
            rows.append((path, name))
    return rows


@dataclass(frozen=True)
class Innings:
    """The properties that all frames of a group share."""

    batter: Look
    fielders: tuple[Look, ...]
    left_handed: bool
    style: np.ndarray
    eye: tuple[float, float, float]
    tall: float
    side_on: bool
    keeper: float
    bowler: bool
    grass: Colour
    strip: Colour
    behind: Colour
    spectators: Image.Image
    blade: Colour
    ball: Colour
    sun: tuple[float, float, float]
    caption: str
    film: Film

    @staticmethod
    def pick(rng: Rng, size: tuple[int, int], knobs: tuple[float, float]) -> "Innings":
        """The innings of one group."""
        difficulty, shift = knobs
        whites = bool(rng.uniform() < 0.4)
        one, other = rng.permutation(len(COLOURS))[:2].tolist()
        shirt, trousers = (WHITE, WHITE) if whites else (COLOURS[one], COLOURS[one] if rng.uniform() < 0.7 else BLACK)
        worn = {"socks": WHITE, "boots": WHITE, "trousers": True, "second": WHITE}
        batter = Look.person(
            rng,
            **worn,
            shirt=shirt,
            shorts=trousers,
            long_sleeves=bool(rng.uniform() < 0.3),
            gloves=WHITE if rng.uniform() < 0.7 else COLOURS[one],
            helmet=mix(COLOURS[one], BLACK, 0.35),
            pads=WHITE if whites or rng.uniform() < 0.5 else COLOURS[one],
        )
        fielding = WHITE if whites else COLOURS[other]
        keeper = float(rng.choice([0.0, rng.uniform(1.6, 2.4), rng.uniform(8, 14)], p=[0.25, 0.3, 0.45]))
        side_on = bool(rng.uniform() < 0.4 * difficulty)
        turn = float(rng.normal(0, 0.08 + 0.14 * difficulty)) + 0.25 * shift
        if side_on:
            turn += np.pi / 2 * (1 if rng.uniform() < 0.7 else -1)
        far = float(rng.uniform(18, 26)) if side_on else float(rng.uniform(26, 48))
        rise = float(rng.uniform(1.2, 0.22 * far)) + 2 * shift
        dark = rng.uniform(0.75, 1.1)
        dusty = float(rng.uniform(0, 1))
        heading = rng.uniform(0, 2 * np.pi)
        return Innings(
            batter=batter,
            fielders=tuple(
                Look.person(rng, **worn, shirt=fielding, shorts=fielding, **extra)
                for extra in (
                    {"gloves": (230, 200, 90), "pads": WHITE, "helmet": BLACK if 0 < keeper < 4 else None},
                    {},
                    {},
                )
            ),
            left_handed=bool(rng.uniform() < 0.2),
            style=rng.normal(0, 1, 12),
            eye=(far * float(np.cos(turn)), rise, far * float(np.sin(turn))),
            tall=float(rng.uniform(0.7, 0.82)),
            side_on=side_on,
            keeper=keeper,
            bowler=bool(rng.uniform() < 0.35),
            grass=(round(78 * dark), round(134 * dark), round(56 * dark)),
            strip=mix((172, 152, 116), (134, 140, 90), dusty),
            behind=(COLOURS[rng.integers(len(COLOURS))], WHITE, (24, 26, 30))[rng.integers(3)],
            spectators=_spectators(rng),
            blade=mix((240, 214, 160), (214, 174, 112), float(rng.uniform())),
            ball=((150, 24, 30), (150, 24, 30), (240, 240, 236), (240, 110, 140))[rng.integers(4)],
            sun=(float(np.cos(heading)), -float(rng.uniform(0.6, 2)), float(np.sin(heading))),
            caption=f"{''.join(rng.choice(list('ADKLNPSW'), 3))}  {rng.integers(300)}-{rng.integers(10)}",
            film=Film.pick(rng, difficulty, shift),
        )

    def frame(self, stroke: str, size: tuple[int, int], knobs: tuple[float, float], rng: Rng) -> Image.Image:
        """A finished frame of a stroke."""
        height, width = size
        difficulty, shift = knobs
        time = float(np.clip(rng.normal(1.3, 0.1 + 0.5 * difficulty), 0.3, 2.0))
        view = self._view(size, shift, rng)
        batter = self._batter(stroke, time, difficulty, view, rng)
        canvas = Canvas(width * SUPERSAMPLED, height * SUPERSAMPLED)
        self._ground(canvas, view, rng)
        others = [figure for figure in self._others(view, rng) if figure.drawn[:, 1].min() < view.height]
        self._shadows(canvas, view, [batter, *others])
        self._people(canvas, view, [batter, *others])
        if rng.uniform() < 0.55:
            self._ball(canvas, view, stroke, time, rng)
        if self.style[8] > 0.6:
            _captioned(canvas, self.caption, self.behind)
        image = canvas.image
        if rng.uniform() < 0.4:
            reach = SUPERSAMPLED * height / 112 * 3.5 * difficulty
            image = moved(image, float(rng.normal(0, reach)), float(rng.normal(0, 0.5 * reach)))
        return self.film.develop(image, rng)

    def _view(self, size: tuple[int, int], shift: float, rng: Rng) -> View:
        """The camera of the innings, pointed at the batter, whose height is the share `tall` of the picture's."""
        height, width = size
        focal = self.tall * height * float(np.linalg.norm(self.eye)) / 1.85
        side = 0.3 if self.left_handed else -0.3
        at = (0.2 + float(rng.normal(0, 0.08)), 0.92 + float(rng.normal(0, 0.05)), side + float(rng.normal(0, 0.08)))
        return View.look(self.eye, at, focal, (width, height), float(rng.normal(0, 0.015)) + 0.07 * shift)

    def _batter(self, stroke: str, time: float, difficulty: float, view: View, rng: Rng) -> Figure:
        pose, hand, bat = position(stroke, time)
        lean = min(0.48, abs(float(rng.normal(0, 0.3))) * difficulty)
        like, like_hand, like_bat = position(NEIGHBOURS[stroke], time)
        pose = blend(pose, like, lean)
        own = 0.018 + 0.012 * difficulty
        hand = hand * (1 - lean) + like_hand * lean + 0.6 * own * self.style[:3] + rng.normal(0, own, 3)
        bat = bat * (1 - lean) + like_bat * lean + 4 * own * self.style[3:6] + rng.normal(0, 5 * own, 3)
        bat = bat / np.linalg.norm(bat)
        upper: Vector = tuple(hand.tolist())
        lower: Vector = tuple((hand + 0.065 * bat).tolist())
        pose = replace(pose.jittered(rng, own), grip=(upper, lower))
        z = -0.35 if not self.left_handed else 0.35
        facing = np.pi if self.left_handed else 0.0
        joints = skeleton(pose, self.batter.height, np.array([0, 0, z]), facing, flip=self.left_handed)
        joints[:, 1] -= min(0.0, float(joints[:, 1].min()))
        upper_wrist, along = joints[KEYPOINTS.index("left_wrist")], bat * [1, 1, -1 if self.left_handed else 1]
        held = np.stack([upper_wrist - 0.03 * along, upper_wrist + BAT * self.batter.height * along])
        return Figure(joints, self.batter, view, held, self.blade)

    def _others(self, view: View, rng: Rng) -> list[Figure]:
        """The wicketkeeper, slip, bowler and umpire, if the innings has them."""
        side = -1 if self.left_handed else 1
        found: list[Figure] = []

        def place(who: int, pose: Pose, x: float, z: float, facing: float) -> None:
            look = self.fielders[who]
            joints = skeleton(pose.jittered(rng, 0.012), look.height, np.array([x, 0, z]), facing)
            joints[:, 1] -= min(0.0, float(joints[:, 1].min()))
            found.append(Figure(joints, look, view))

        ready = Pose(
            hips=(0, 0.3, -0.08),
            lean=(0.7, 0),
            head=(0, -0.5),
            feet=((0.15, 0.04, 0), (-0.15, 0.04, 0)),
            hands=((-0.08, -0.2, 0.2), (-0.08, -0.2, 0.2)),
        )
        if self.keeper:
            place(0, ready, -1.2 - self.keeper, side * 0.6, np.pi / 2)
            if self.keeper > 4:
                place(1, ready, -1.5 - self.keeper, side * 2.6, np.pi / 2 - 0.1 * side)
        stride = Pose(
            lean=(0.4, 0.1),
            feet=((0.06, 0.04, 0.22), (-0.06, 0.14, -0.28)),
            hands=((0.05, -0.2, 0.2), (0.1, -0.15, -0.2)),
        )
        if self.side_on:
            place(
                2, Pose(), float(self.style[6]) * 1.5, -np.sign(self.eye[2]) * (14 + 4 * abs(float(self.style[7]))), 0
            )
        elif self.bowler:
            place(2, stride, 13 + float(self.style[6]), 1.6 * float(np.sign(self.style[7])), -np.pi / 2)
        return found

    def _ground(self, canvas: Canvas, view: View, rng: Rng) -> None:
        width, height = canvas.image.size
        canvas.pen.rectangle((0, 0, width, height), self.grass)
        for number in range(-8, 9):
            low = 5.0 * number
            points = np.array([(low, 0, -80), (low + 2.5, 0, -80), (low + 2.5, 0, 60), (low, 0, 60)], float)
            canvas.ground(view, points, mix(self.grass, (150, 190, 110), 0.12))
        canvas.ground(view, np.array([(-2.2, 0, -1.5), (22, 0, -1.5), (22, 0, 1.5), (-2.2, 0, 1.5)], float), self.strip)
        worn = mix(self.strip, BLACK, 0.1)
        canvas.ground(view, np.array([(-1, 0, -0.5), (20, 0, -0.4), (20, 0, 0.4), (-1, 0, 0.5)], float), worn)
        canvas.stripe(view, (0, -1.6), (0, 1.6), 0.06, WHITE)
        canvas.stripe(view, (-1.22, -1.32), (-1.22, 1.32), 0.06, WHITE)
        for z in (-1.32, 1.32):
            canvas.stripe(view, (-2.4, z), (0, z), 0.06, WHITE)
        back = -view.axes[2] * [1, 0, 1]
        edge = -back / np.linalg.norm(back) * (42 if self.side_on else 48)
        bottom, top = view.project(np.stack([edge, edge + np.array([0, 1, 0])]))[0][:, 1].tolist()
        if bottom <= 0:
            return
        if top > 0:
            shown = self.spectators.resize((width, max(1, round(top) + 1)), Image.Resampling.BILINEAR)
            canvas.image.paste(shown, (0, 0))
        canvas.pen.rectangle((0, top, width, bottom), self.behind)
        if not self.side_on:
            middle = float(view.project(np.array([[edge[0], 0, 0]]))[0][0, 0])
            wide = 3.5 * view.scale(float(np.linalg.norm(edge - view.eye)))
            canvas.pen.rectangle((middle - wide, bottom - 6 * (bottom - top), middle + wide, bottom), self.behind)

    def _shadows(self, canvas: Canvas, view: View, figures: list[Figure]) -> None:
        shadow = Canvas(view.width // 2, view.height // 2, "L")
        half = View(view.eye, view.axes, view.focal / 2, *shadow.image.size)
        for figure in figures:
            figure.shadow(shadow, half, np.array(self.sun), 100)
        canvas.shade(shadow.image, BLACK)

    def _people(self, canvas: Canvas, view: View, figures: list[Figure]) -> None:
        """Draw the figures, the farthest first, and the stumps between the figures behind and in front of them."""
        stumps = float((np.array([-1.22, 0.35, 0]) - view.eye) @ view.axes[2])
        lit = -0.5 if self.sun[0] > 0 else 0.5
        people = sorted(figures, key=lambda figure: -figure.depth)
        for figure in people:
            if figure.depth > stumps:
                figure.paint(canvas, lit)
        self._stumps(canvas, view)
        for figure in people:
            if figure.depth <= stumps:
                figure.paint(canvas, lit)

    def _stumps(self, canvas: Canvas, view: View) -> None:
        wood = (214, 178, 110)
        for z in (-0.1, 0.0, 0.1):
            ends, depth = view.project(np.array([[-1.22, 0, z], [-1.22, 0.71, z]]))
            radius = max(0.8, 0.022 * view.scale(float(depth[0])))
            canvas.capsule(ends[0], radius, ends[1], radius, wood)

    def _ball(self, canvas: Canvas, view: View, stroke: str, time: float, rng: Rng) -> None:
        side = np.array([1, 1, -1 if self.left_handed else 1])
        _, hand, bat = position(stroke, 1.0)
        meet = (hand + 0.42 * bat) * self.batter.height * side + [0, 0, -0.35 * side[2]]
        late = time - 1.0
        way = np.array(AWAY[stroke]) * side if late > 0 else np.array([-1, -0.05, 0])
        at = meet + way * late * 3.5 * float(rng.uniform(0.5, 1.5))
        at[1] = max(at[1], 0.04)
        middle, depth = view.project(at[None])
        radius = max(1.0, 0.036 * view.scale(float(depth[0])))
        canvas.disc(middle[0], radius, mix(self.ball, BLACK, 0.3))
        canvas.disc(middle[0] - 0.25 * radius, 0.6 * radius, self.ball)


def _spectators(rng: Rng) -> Image.Image:
    """A stand or trees, out of focus behind the boundary."""
    colours = np.asarray((*COLOURS, WHITE, (200, 170, 150), (60, 60, 66)), np.float32)
    trees = rng.uniform() < 0.3
    dots = np.array([50, 90, 50], np.float32) if trees else colours[rng.integers(0, len(colours), (24, 60))]
    return Image.fromarray((dots * rng.uniform(0.35, 0.9, (24, 60, 1))).clip(0, 255).astype(np.uint8))


def _captioned(canvas: Canvas, text: str, colour: Colour) -> None:
    """Draw a broadcaster's caption with the score."""
    width, height = canvas.image.size
    canvas.pen.rectangle((0.04 * width, 0.88 * height, 0.5 * width, 0.96 * height), mix(colour, BLACK, 0.5))
    canvas.pen.text((0.06 * width, 0.92 * height), text, WHITE, ImageFont.load_default(0.07 * height), "lm")
