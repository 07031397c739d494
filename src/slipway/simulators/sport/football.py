"""A football match: its players, their actions, and the ground."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from PIL import Image, ImageChops, ImageFont

from slipway.simulators.sport.camera import SUPERSAMPLED, Canvas, Colour, Film, Rng, View, mix
from slipway.simulators.sport.figure import BLACK, WHITE, Figure, Look
from slipway.simulators.sport.skeleton import Pose, mirrored

KITS: tuple[Colour, ...] = (
    *((200, 30, 40), (30, 60, 170), (240, 240, 238), (250, 205, 40), (20, 20, 24), (110, 180, 230), (120, 20, 50)),
    *((20, 120, 70), (240, 120, 30), (90, 40, 130)),
)
KEEPERS: tuple[Colour, ...] = ((190, 240, 60), (250, 130, 40), (240, 90, 170), (60, 200, 200), (90, 90, 96))
BOOTS: tuple[Colour, ...] = ((16, 16, 18), (240, 240, 238), (230, 240, 70), (240, 80, 60), (60, 160, 240))
SPONSORS = ("LUMA", "Orvana", "KIVO", "NORDAL", "Zesta", "MONTE", "VELOX", "Havn", "TRIO", "Cassio")
CROWD = 96
"""Rows of the texture that represents a crowd; it is made once for each match."""


@dataclass(frozen=True)
class Match:
    """The properties that all pictures of a group share: kits, ground, light, boards, crowd and film."""

    looks: tuple[dict[str, object], dict[str, object]]
    keepers: tuple[dict[str, object], dict[str, object]]
    grass: Colour
    mown: Colour
    bands: float
    night: bool
    lights: tuple[tuple[float, float, float], ...]
    lit_from: float
    boards: tuple[tuple[str, Colour, Colour], ...]
    stand: Image.Image
    turf: np.ndarray
    film: Film

    @staticmethod
    def pick(rng: Rng, height: int, width: int, difficulty: float, shift: float) -> "Match":
        """The match of one group."""
        first, second = rng.permutation(len(KITS))[:2].tolist()
        dark = rng.uniform(0.75, 1.05)
        grass = (round(62 * dark), round(128 * dark), round(52 * dark))
        night = bool(rng.uniform() < 0.45)
        turns = rng.uniform(0, 2 * np.pi) + np.array([0, 1.7, 3.1, 4.6])[: 4 if night else 1]
        steep = rng.uniform(1.2, 2.2) if night else rng.uniform(0.5, 1.6)
        return Match(
            looks=(_kit(KITS[first], rng), _kit(KITS[second], rng)),
            keepers=(_keeper(rng), _keeper(rng)),
            grass=grass,
            mown=mix(grass, (120, 170, 90), float(rng.uniform(0.1, 0.35))),
            bands=float(rng.uniform(3, 7)),
            night=night,
            lights=tuple((float(np.cos(turn)), -float(steep), float(np.sin(turn))) for turn in turns),
            lit_from=float(np.sign(np.cos(turns[0])) * 0.6) * -1,
            boards=tuple(_board(rng) for _ in range(6)),
            stand=_stand(rng, night),
            turf=_turf(rng, height * SUPERSAMPLED, width * SUPERSAMPLED),
            film=Film.pick(rng, difficulty, shift),
        )

    def player(self, rng: Rng, role: float) -> Look:
        """A goalkeeper if `role` is below 0.08, an official if it is below 0.12, or else a player of either team."""
        team = int(rng.integers(2))
        if role < 0.08:
            return Look.person(rng, **self.keepers[team])
        if role < 0.12:
            worn = {"shirt": BLACK, "second": BLACK, "shorts": BLACK, "socks": BLACK, "boots": BLACK}
            return Look.person(rng, **worn)
        return Look.person(rng, **{**self.looks[team], "boots": BOOTS[rng.integers(len(BOOTS))]})

    def ground(self, canvas: Canvas, view: View, rng: Rng, back: float) -> None:
        """Draw grass, mown in bands, with some lines, and boards and crowd `back` metres behind the middle of play."""
        width, height = canvas.image.size
        canvas.pen.rectangle((0, 0, width, height), self.grass)
        turn = bool(rng.uniform() < 0.5)
        start = float(rng.uniform(0, 2 * self.bands))
        for number in range(-6, 7):
            low, high = start + 2 * number * self.bands, start + (2 * number + 1) * self.bands
            corners = [(low, -60), (high, -60), (high, 40), (low, 40)]
            points = np.array([(x, 0, z) if turn else (z, 0, x) for x, z in corners], float)
            canvas.ground(view, points, self.mown)
        canvas.show(_textured(canvas.image, self.turf, rng))
        _lines(canvas, view, rng)
        self._behind(canvas, view, rng, back)

    def _behind(self, canvas: Canvas, view: View, rng: Rng, back: float) -> None:
        width, height = canvas.image.size
        foot = view.project(np.array([[0, 0, -back], [0, 0.95, -back]]))[0][:, 1]
        bottom, top = float(foot[0]), float(foot[1])
        if bottom <= 0:
            return
        if top > 0:
            left = int(rng.integers(0, 64))
            rows = max(1, min(CROWD, round(top / max(2, height / 110))))
            columns = max(8, round(rows * width / max(top, 1)))
            part = self.stand.crop((left, CROWD - rows, left + columns, CROWD))
            canvas.image.paste(part.resize((width, round(top) + 1), Image.Resampling.BILINEAR), (0, 0))
        wide = (bottom - top) * 6
        start = -float(rng.uniform(0, wide))
        for number in range(int((width - start) / max(wide, 1)) + 1):
            name, colour, ink = self.boards[number % len(self.boards)]
            x = start + number * wide
            canvas.pen.rectangle((x, top, x + wide - 1, bottom), colour)
            if bottom - top > 8:
                font = ImageFont.load_default(0.8 * (bottom - top))
                canvas.pen.text((x + wide / 2, (top + bottom) / 2), name, ink, font, "mm")

    def shadows(self, canvas: Canvas, view: View, figures: list[Figure]) -> None:
        """Draw the shadows of the figures: one by day, one for each floodlight at night."""
        strength = 44 if self.night else 110
        size = (canvas.image.width // 2, canvas.image.height // 2)
        half = View(view.eye, view.axes, view.focal / 2, *size)
        cast = Image.new("L", size)
        for light in self.lights:
            mask = Canvas(*size, "L")
            for figure in figures:
                figure.shadow(mask, half, np.array(light), strength)
            cast = ImageChops.add(cast, mask.image)
        canvas.shade(cast, BLACK)


def _lines(canvas: Canvas, view: View, rng: Rng) -> None:
    """Draw some of the pitch's lines: a touchline or the penalty area's corner, an arc, a spot."""
    x, z = float(rng.uniform(-6, 6)), float(rng.uniform(-5, 3))
    chalk = mix(WHITE, (120, 170, 90), float(rng.uniform(0, 0.4)))
    kind = int(rng.integers(4))
    if kind != 3:
        canvas.stripe(view, (-40, z), (40, z), 0.12, chalk)
    if kind in (1, 3):
        canvas.stripe(view, (x, z), (x + float(rng.uniform(-9, 9)), z - 30), 0.12, chalk)
    if kind == 2:
        turns = np.linspace(0, 2 * np.pi, 33)
        ring = np.stack([x + 9.15 * np.cos(turns), z - 9.15 + 9.15 * np.sin(turns)], 1).tolist()
        for one, other in pairwise(ring):
            canvas.stripe(view, one, other, 0.12, chalk)
    if rng.uniform() < 0.3:
        spot(canvas, view, x + float(rng.uniform(-2, 2)), z + float(rng.uniform(-3, 3)), chalk)


def spot(canvas: Canvas, view: View, x: float, z: float, chalk: Colour) -> None:
    """Draw a penalty spot: a white disc flat on the ground."""
    turns = np.linspace(0, 2 * np.pi, 13)[:-1]
    points = np.stack([x + 0.11 * np.cos(turns), np.zeros(12), z + 0.11 * np.sin(turns)], 1)
    canvas.ground(view, points, chalk)


def goal(canvas: Canvas, view: View, x: float, z: float) -> None:
    """Draw a goal that faces the camera, with posts and net."""
    left, right, deep = x - 3.66, x + 3.66, z - 1.8
    pen, grey = canvas.pen, (196, 202, 204)

    def line(points: list[tuple[float, float, float]], wide: float, colour: Colour) -> None:
        drawn, depth = view.project(np.array(points))
        if depth.min() > 0.5:
            pen.line(drawn.ravel().tolist(), colour, max(1, round(wide * view.scale(float(depth.mean())))))

    for share in np.linspace(0, 1, 15).tolist():
        line([(left + share * (right - left), 2.44, z), (left + share * (right - left), 0, deep)], 0.01, grey)
    for share in np.linspace(0, 1, 6).tolist():
        y, far = 2.44 * (1 - share), z + share * (deep - z)
        line([(left, y, far), (right, y, far)], 0.01, grey)
    line([(left, 0, z), (left, 2.44, z), (right, 2.44, z), (right, 0, z)], 0.12, WHITE)


# The actions of players. Each returns a random pose.


def pose(rng: Rng) -> Pose:
    """A random pose of a footballer at play."""
    action = ACTIONS[int(rng.choice(len(ACTIONS), p=CHANCES))]
    found = action(rng).jittered(rng, 0.014)
    return mirrored(found) if rng.uniform() < 0.5 else found


def standing(rng: Rng) -> Pose:
    """On both feet, arms anywhere."""
    wide, step, low = rng.uniform(0.06, 0.16), rng.uniform(-0.08, 0.08), rng.uniform(0, 0.05)
    return Pose(
        hips=(0, 0.52 - low, 0),
        lean=(rng.uniform(-0.05, 0.3), rng.uniform(-0.1, 0.1)),
        turn=(0, rng.uniform(-0.3, 0.3)),
        head=(rng.uniform(-0.9, 0.9), rng.uniform(-0.2, 0.4)),
        feet=((wide, 0.04, step), (-wide, 0.04, -step)),
        hands=(_resting(rng), _resting(rng)),
    )


def walking(rng: Rng) -> Pose:
    """A slow stride."""
    return running(rng, rng.uniform(0.1, 0.16), 0.02)


def running(rng: Rng, stride: float | None = None, lift: float | None = None) -> Pose:
    """A moment of a run: legs and arms in opposition."""
    phase = rng.uniform(0, 2 * np.pi)
    stride = rng.uniform(0.2, 0.31) if stride is None else stride
    lift = rng.uniform(0.07, 0.2) if lift is None else lift
    feet, hands = [], []
    for sign, offset in ((1, 0.0), (-1, np.pi)):
        swing = phase + offset
        up = max(0.0, -np.sin(swing)) * (1 - 0.35 * np.cos(swing))
        feet.append((sign * 0.06, 0.04 + 1.2 * lift * up + 0.05 * max(0, -np.cos(swing)), stride * np.cos(swing)))
        ahead = -np.cos(swing) * min(1, stride / 0.2)
        hands.append((-0.01 - 0.05 * max(0, ahead), -0.17 + 0.07 * abs(ahead), 0.1 + 0.17 * ahead))
    return Pose(
        hips=(0, 0.5 - 0.25 * stride**2 + 0.012 * np.cos(2 * phase), 0),
        lean=(rng.uniform(0.05, 0.2) + 0.6 * stride, rng.uniform(-0.08, 0.08)),
        turn=(0.3 * stride * np.cos(phase), -0.8 * stride * np.cos(phase)),
        head=(rng.uniform(-0.5, 0.5), rng.uniform(-0.1, 0.35)),
        feet=(feet[0], feet[1]),
        hands=(hands[0], hands[1]),
        lift=float(rng.uniform(0, 0.05)) if stride > 0.2 else 0,
    )


def kicking(rng: Rng) -> Pose:
    """The right leg swings, backwards or forwards, and the left leg stands."""
    swing = rng.uniform(-0.9, 1.3)
    foot = (-0.1, 0.53 - 0.47 * np.cos(swing), 0.47 * np.sin(swing))
    return Pose(
        hips=(0, 0.5, 0),
        lean=(0.1 - 0.25 * swing, rng.uniform(0, 0.25)),
        turn=(0.3 * swing, 0.3 - 0.2 * swing),
        head=(rng.uniform(-0.2, 0.2), rng.uniform(0.1, 0.5)),
        feet=((0.1, 0.04, 0.04), foot),
        hands=((rng.uniform(0.15, 0.26), rng.uniform(-0.1, 0.12), 0.1 * swing), (0.2, -0.15, -0.12)),
    )


def jumping(rng: Rng) -> Pose:
    """A jump for a header with elbows out, or for a ball in the air with an arm up."""
    high = (rng.uniform(0, 0.12), rng.uniform(0.18, 0.32), rng.uniform(0, 0.12))
    wide = (rng.uniform(0.12, 0.24), rng.uniform(-0.15, 0.12), rng.uniform(-0.05, 0.15))
    return Pose(
        lean=(rng.uniform(-0.25, 0.25), rng.uniform(-0.2, 0.2)),
        turn=(0, rng.uniform(-0.4, 0.4)),
        head=(rng.uniform(-0.5, 0.5), rng.uniform(-0.5, 0.2)),
        feet=((0.08, rng.uniform(0.05, 0.25), rng.uniform(-0.22, 0.1)), (-0.08, rng.uniform(0.05, 0.2), -0.15)),
        hands=(high if rng.uniform() < 0.45 else wide, wide),
        lift=float(rng.uniform(0.06, 0.35)),
    )


def arms_up(rng: Rng) -> Pose:
    """Both arms above the head: a claim, a cheer or a throw-in."""
    up, out = rng.uniform(0.18, 0.32), rng.uniform(-0.06, 0.16)
    return replace(
        standing(rng),
        head=(rng.uniform(-0.5, 0.5), rng.uniform(-0.4, 0.1)),
        lean=(rng.uniform(-0.25, 0.1), 0),
        hands=((out, up, rng.uniform(-0.06, 0.12)), (out, up, rng.uniform(-0.06, 0.12))),
        elbows=((1, -0.2, 0.2), (1, -0.2, 0.2)),
    )


def arms_wide(rng: Rng) -> Pose:
    """Arms away from the body, as in a block or a protest."""
    out = (rng.uniform(0.18, 0.3), rng.uniform(-0.15, 0.1), rng.uniform(-0.05, 0.18))
    base = standing(rng) if rng.uniform() < 0.6 else running(rng, 0.12, 0.05)
    return replace(base, hands=(out, (rng.uniform(0.1, 0.3), rng.uniform(-0.2, 0.12), rng.uniform(0, 0.2))))


def hands_behind(rng: Rng) -> Pose:
    """A defender who hides the arms behind the back."""
    base = standing(rng)
    hand = (-0.09, rng.uniform(-0.27, -0.2), -0.11)
    return replace(base, hands=(hand, hand), elbows=((1, 0, -0.6), (1, 0, -0.6)))


def tackling(rng: Rng) -> Pose:
    """A slide on the hip, the right leg ahead and the left one bent, a hand on the ground."""
    return Pose(
        hips=(0, 0.1, 0),
        lean=(rng.uniform(-0.95, -0.35), rng.uniform(0.1, 0.5)),
        turn=(rng.uniform(0, 0.5), rng.uniform(-0.2, 0.3)),
        head=(rng.uniform(-0.4, 0.4), rng.uniform(0, 0.5)),
        feet=((0.16, 0.06, rng.uniform(0.05, 0.25)), (-0.06, rng.uniform(0.06, 0.2), 0.47)),
        hands=((0.16, -0.28, -0.08), (rng.uniform(0.1, 0.25), rng.uniform(-0.05, 0.25), rng.uniform(-0.1, 0.2))),
        knees=((1, 0.5, 0.4), (-0.2, 1, 0.2)),
    )


def falling(rng: Rng) -> Pose:
    """On the way to the ground, forwards, arms ahead."""
    fall = rng.uniform(0.5, 1.35)
    base = running(rng, rng.uniform(0.1, 0.2), 0.08)
    ahead = (rng.uniform(0.02, 0.14), rng.uniform(-0.05, 0.2), rng.uniform(0.18, 0.3))
    lift = -0.52 + 0.14 + 0.36 * np.cos(fall) + rng.uniform(0, 0.08)
    return replace(base, lean=(0, 0.1), head=(0, -0.3), hands=(ahead, ahead), fall=(fall, 0.2), lift=float(lift))


def diving(rng: Rng) -> Pose:
    """A dive to the left, both hands to the ball."""
    fall = rng.uniform(0.6, 1.5)
    reach = (rng.uniform(-0.02, 0.08), rng.uniform(0.22, 0.32), rng.uniform(0, 0.15))
    return Pose(
        lean=(0.1, 0.1),
        head=(rng.uniform(-0.2, 0.5), -0.2),
        feet=((0.06, 0.06, -0.08), (-0.12, rng.uniform(0.1, 0.25), rng.uniform(-0.1, 0.15))),
        hands=(reach, reach),
        fall=(0, fall),
        lift=float(-0.52 + 0.16 + 0.3 * np.cos(fall) + rng.uniform(0, 0.3)),
    )


def crouching(rng: Rng) -> Pose:
    """Hands on or near bent knees, ready or out of breath."""
    low = rng.uniform(0.34, 0.46)
    return Pose(
        hips=(0, low, -0.08),
        lean=(rng.uniform(0.5, 0.9), rng.uniform(-0.1, 0.1)),
        head=(rng.uniform(-0.5, 0.5), rng.uniform(-0.6, 0.1)),
        feet=((0.13, 0.04, 0.0), (-0.13, 0.04, 0.0)),
        hands=((0.02, -0.26, 0.1), (0.02, -0.26, 0.1)),
    )


ACTIONS = (
    *(standing, walking, running, kicking, jumping, arms_up, arms_wide, hands_behind, tackling, falling, diving),
    crouching,
)
CHANCES = (0.1, 0.1, 0.26, 0.12, 0.11, 0.07, 0.07, 0.04, 0.05, 0.03, 0.02, 0.03)


def _resting(rng: Rng) -> tuple[float, float, float]:
    if rng.uniform() < 0.25:
        return 0.1, -0.24, 0.02
    return rng.uniform(0, 0.1), rng.uniform(-0.33, -0.2), rng.uniform(-0.05, 0.2)


def _kit(colour: Colour, rng: Rng) -> dict[str, object]:
    other = KITS[rng.integers(len(KITS))]
    return {
        "shirt": colour,
        "second": other,
        "shorts": (colour, WHITE, BLACK, other)[rng.integers(4)],
        "socks": (colour, WHITE, WHITE, BLACK, other)[rng.integers(5)],
        "boots": BLACK,
        "pattern": ("plain", "plain", "stripes", "hoops", "sash")[rng.integers(5)],
        "long_sleeves": bool(rng.uniform() < 0.15),
    }


def _keeper(rng: Rng) -> dict[str, object]:
    colour = KEEPERS[rng.integers(len(KEEPERS))]
    worn = _kit(colour, rng)
    return {**worn, "pattern": "plain", "shorts": colour, "socks": colour, "long_sleeves": True, "gloves": WHITE}


def _board(rng: Rng) -> tuple[str, Colour, Colour]:
    """An advertising board: its text, background colour and text colour."""
    colour = KITS[rng.integers(len(KITS))]
    return SPONSORS[rng.integers(len(SPONSORS))], colour, BLACK if sum(colour) > 500 else WHITE


def _stand(rng: Rng, night: bool) -> Image.Image:
    """A crowd: heads and shirts as coloured dots in rows."""
    size = (CROWD, 640)
    dots = np.asarray((*KITS, (200, 170, 150), (90, 80, 76), (60, 60, 66)), np.float32)[rng.integers(0, 13, size)]
    shade = (
        rng.uniform(0.25, 1, (*size, 1))
        * np.linspace(0.25 if night else 0.75, 0.8 if night else 1, CROWD)[:, None, None]
    )
    shade *= np.where(np.arange(CROWD) % 7 == 0, 0.5, 1)[:, None, None]
    return Image.fromarray((dots * shade).clip(0, 255).astype(np.uint8))


def _turf(rng: Rng, height: int, width: int) -> np.ndarray:
    """The texture that grass adds to a colour: blades and worn patches, int16 [2 height, 2 width, 1]."""
    blades = rng.normal(0, 7, (height, width)).astype(np.float32)
    patches = Image.fromarray(rng.normal(0, 9, (6, 8)).astype(np.float32))
    worn = np.asarray(patches.resize((width, height), Image.Resampling.BICUBIC))
    return np.asarray((blades + worn).astype(np.int16).repeat(2, 0).repeat(2, 1)[..., None])


def _textured(image: Image.Image, turf: np.ndarray, rng: Rng) -> Image.Image:
    """Add the turf's texture to the picture, with a different part of the texture each time."""
    top, left = rng.integers(0, (image.height, image.width)).tolist()
    grown = np.asarray(image, np.int16) + turf[top : top + image.height, left : left + image.width]
    return Image.fromarray(grown.clip(0, 255).astype(np.uint8))
