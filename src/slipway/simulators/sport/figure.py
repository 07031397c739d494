"""A person as seen by a camera: a skeleton, drawn with clothes, skin and hair."""

from dataclasses import dataclass

import numpy as np

from slipway.simulators.sport.camera import Canvas, Colour, Rng, View, mix
from slipway.simulators.sport.skeleton import JOINT, KEYPOINTS, SIDES, direction

LIMBS = ("torso", "head", "left_arm", "right_arm", "left_leg", "right_leg", "bat")

SKINS: tuple[Colour, ...] = ((241, 205, 178), (224, 172, 140), (190, 132, 96), (140, 90, 62), (96, 62, 46))
HAIRS: tuple[Colour, ...] = ((30, 24, 20), (30, 24, 20), (86, 56, 34), (190, 150, 86), (120, 118, 116), (130, 60, 36))
BLACK: Colour = (16, 16, 18)
WHITE: Colour = (240, 240, 238)


@dataclass(frozen=True)
class Look:
    """A body and its clothes. `girth` is 1 for an average build; shirt `pattern`: plain, stripes, hoops or sash."""

    height: float
    girth: float
    skin: Colour
    hair: Colour
    shirt: Colour
    second: Colour
    shorts: Colour
    socks: Colour
    boots: Colour
    pattern: str = "plain"
    long_sleeves: bool = False
    trousers: bool = False
    bald: bool = False
    gloves: Colour | None = None
    helmet: Colour | None = None
    pads: Colour | None = None

    @staticmethod
    def person(rng: Rng, **worn: object) -> "Look":
        """A random person in the given clothes."""
        body: dict[str, object] = {
            "height": float(rng.uniform(1.66, 1.96)),
            "girth": float(rng.uniform(0.88, 1.14)),
            "skin": SKINS[rng.integers(len(SKINS))],
            "hair": HAIRS[rng.integers(len(HAIRS))],
            "bald": bool(rng.uniform() < 0.12),
        }
        return Look(**{**body, **worn})  # type: ignore[arg-type]


class Figure:
    """A person in a pose in front of a camera, ready to be drawn."""

    def __init__(
        self, joints: np.ndarray, look: Look, view: View, held: np.ndarray | None = None, wood: Colour = WHITE
    ) -> None:
        self.joints, self.look, self.view, self.held, self.wood = joints, look, view, held, wood
        self.bat = None if held is None else view.project(held)
        self.drawn, self._depths = view.project(joints)
        self.depth = float(self._depths[: len(KEYPOINTS)].mean())
        self._unit = view.scale(self.depth) * look.height
        self._facing = view.axes[2]

    def _farthest_first(self) -> list[str]:
        """The limbs in drawing order."""

        def mean(*names: str) -> float:
            return float(np.mean([self._depths[JOINT[name]] for name in names]))

        nose = self._depths[JOINT["nose"]] - self._depths[JOINT["head"]]
        depths = {
            "torso": mean("left_shoulder", "right_shoulder", "left_hip", "right_hip"),
            "head": mean("head", "neck") + 0.3 * float(nose),
        }
        for side in SIDES:
            depths[f"{side}_arm"] = mean(f"{side}_elbow", f"{side}_wrist") - 0.01
            depths[f"{side}_leg"] = mean(f"{side}_knee", f"{side}_hip") - 0.005
        if self.bat is not None:
            depths["bat"] = float(self.bat[1].mean())
        return sorted(depths, key=lambda limb: -depths[limb])

    def paint(self, canvas: Canvas, light: float) -> None:
        """Draw the figure; `light` is the side of the light, from left (-1) to right (1)."""
        for limb in self._farthest_first():
            _Limb(self, canvas, light).draw(limb)

    def stencil(self, ids: Canvas, first: int) -> None:
        """Draw each limb into a canvas of mode L, with the value `first` + its index in `LIMBS`."""
        for limb in self._farthest_first():
            _Limb(self, ids, 0, first + LIMBS.index(limb)).draw(limb)

    def shadow(self, mask: Canvas, view: View, sun: np.ndarray, strength: int) -> None:
        """Draw the figure's shadow on the ground into a canvas of mode L; `sun` is the direction of the light."""
        fallen = self.joints - sun * (self.joints[:, 1:2] / sun[1])
        if ((fallen - view.eye) @ view.axes[2] < 0.5).any():
            return
        held = None if self.held is None else self.held - sun * (self.held[:, 1:2] / sun[1])
        cast = Figure(fallen, self.look, view, held)
        for limb in cast._farthest_first():
            _Limb(cast, mask, 0, strength).draw(limb)

    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of the figure in drawn pixels, with a margin for body and clothes."""
        radius = 0.03 * self._unit
        low, high = self.drawn.min(0) - radius, self.drawn.max(0) + radius
        head = self.drawn[JOINT["head"]]
        top, side = head - 0.075 * self._unit, head + 0.075 * self._unit
        left, upper = np.minimum(low, top).tolist()
        right, lower = np.maximum(high, side).tolist()
        return left, upper, right, lower

    def looks_away(self) -> np.ndarray:
        """Whether the head itself hides nose, eyes and ears [5]."""
        out = self.joints[:5] - self.joints[JOINT["head"]]
        out = out / np.linalg.norm(out, axis=1, keepdims=True)
        return np.asarray(out @ self._facing > 0.35)


class _Limb:
    """Draws the limbs of a figure on a canvas, in their colours or all in one `tone`."""

    def __init__(self, figure: Figure, canvas: Canvas, light: float, tone: int | None = None) -> None:
        self.figure, self.canvas, self.look, self.tone = figure, canvas, figure.look, tone
        self.unit = figure._unit
        self.light = np.array([light, -0.6])

    def at(self, name: str) -> np.ndarray:
        return np.asarray(self.figure.drawn[JOINT[name]])

    def draw(self, limb: str) -> None:
        if limb == "torso":
            self.torso()
        elif limb == "head":
            self.head()
        elif limb == "bat":
            self.bat()
        else:
            side, kind = limb.split("_")
            (self.arm if kind == "arm" else self.leg)(side)

    def bone(self, one: np.ndarray, radius: float, other: np.ndarray, far: float, colour: Colour) -> None:
        """Draw a tapering limb with a lit side."""
        girth = self.unit * (0.5 + 0.5 * self.look.girth)
        radius, far = max(radius * girth, 0.6), max(far * girth, 0.6)
        if self.tone is not None:
            self.canvas.capsule(one, radius, other, far, self.tone)
            return
        self.canvas.capsule(one, radius, other, far, mix(colour, BLACK, 0.28))
        if radius > 1.5:
            toward = 0.28 * self.light
            self.canvas.capsule(one + radius * toward, 0.68 * radius, other + far * toward, 0.68 * far, colour)

    def arm(self, side: str) -> None:
        shoulder, elbow, wrist, hand = (self.at(f"{side}_{name}") for name in ("shoulder", "elbow", "wrist", "hand"))
        look = self.look
        lower = look.shirt if look.long_sleeves else look.skin
        self.bone(shoulder, 0.033, elbow, 0.026, lower)
        self.bone(elbow, 0.026, wrist, 0.019, lower)
        sleeve = 1.0 if look.long_sleeves else 0.62
        self.bone(shoulder, 0.042, shoulder + sleeve * (elbow - shoulder), 0.038 if sleeve < 1 else 0.03, look.shirt)
        size = 0.024 if look.gloves is None else 0.034
        self.bone(wrist, size, hand, size, look.gloves or look.skin)

    def leg(self, side: str) -> None:
        hip, knee, ankle, toe, heel = (self.at(f"{side}_{name}") for name in ("hip", "knee", "ankle", "toe", "heel"))
        look = self.look
        self.bone(heel, 0.024, toe, 0.019, look.boots)
        if look.trousers:
            self.bone(knee, 0.043, ankle, 0.032, look.shorts)
            self.bone(hip, 0.064, knee, 0.045, look.shorts)
        else:
            self.bone(hip, 0.058, knee, 0.04, look.skin)
            self.bone(knee, 0.04, ankle, 0.025, look.skin)
            self.bone(knee + 0.22 * (ankle - knee), 0.04, ankle, 0.027, look.socks)
            self.bone(hip, 0.068, hip + 0.62 * (knee - hip), 0.06, look.shorts)
        if look.pads is not None:
            above = knee + 0.3 * (hip - knee)
            self.bone(above, 0.046, knee, 0.056, look.pads)
            self.bone(knee, 0.058, ankle, 0.05, look.pads)
            if self.tone is None:
                grey = mix(look.pads, BLACK, 0.35)
                for share in (0.0, 0.5, 0.8):
                    middle = knee + share * (ankle - knee)
                    across = 0.05 * self.unit * np.array([-(ankle - knee)[1], (ankle - knee)[0]])
                    across = across / max(1e-6, float(np.linalg.norm(ankle - knee)))
                    line = np.concatenate([middle - across, middle + across]).tolist()
                    self.canvas.pen.line(line, grey, max(1, round(0.008 * self.unit)))

    def bat(self) -> None:
        """Draw a cricket bat: handle, then blade."""
        assert self.figure.bat is not None
        grip, toe = self.figure.bat[0]
        neck = grip + 0.34 * (toe - grip)
        self.bone(grip, 0.011, neck, 0.011, BLACK)
        self.bone(neck + 0.05 * (toe - grip), 0.029, toe, 0.031, self.figure.wood)

    def torso(self) -> None:
        left, right, low, far = (self.at(name) for name in ("left_shoulder", "right_shoulder", "left_hip", "right_hip"))
        look = self.look
        for side in SIDES if self.tone is None else ():
            self.bone(self.at(f"{side}_hip"), 0.068, self.at(f"{side}_hip"), 0.068, look.shorts)
        self.hull([(low, 0.06), (far, 0.06), ((low + left) / 2, 0.03), ((far + right) / 2, 0.03)], look.shorts)
        below, beyond = low + 0.12 * (left - low), far + 0.12 * (right - far)
        self.hull([(left, 0.042), (right, 0.042), (below, 0.056), (beyond, 0.056)], look.shirt)
        if self.tone is not None or self.unit < 40 or look.pattern == "plain":
            return
        if look.pattern == "hoops":
            for share in (0.2, 0.5, 0.8):
                self.band(
                    left + (share - 0.07) * (below - left),
                    right + (share - 0.07) * (beyond - right),
                    right + (share + 0.07) * (beyond - right),
                    left + (share + 0.07) * (below - left),
                )
        elif look.pattern == "stripes":
            for share in (0.12, 0.5, 0.88):
                upper, lower = left + share * (right - left), below + share * (beyond - below)
                across = 0.09 * (right - left)
                self.band(upper - across, upper + across, lower + across, lower - across)
        else:
            self.band(left, left + 0.3 * (right - left), beyond, beyond + 0.3 * (below - beyond))

    def band(self, *corners: np.ndarray) -> None:
        self.canvas.polygon(np.stack(corners), self.look.second)

    def hull(self, discs: list[tuple[np.ndarray, float]], colour: Colour) -> None:
        """Draw the convex hull of discs (middle, radius), with a lit side."""
        girth = self.unit * self.look.girth
        for shrink, shade in ((1.0, mix(colour, BLACK, 0.24)), (0.66, colour)):
            middle = np.mean([at for at, _ in discs], axis=0)
            ring = _RING * girth * shrink
            toward = 0.0 if shrink == 1 else 0.014 * girth * self.light
            inner = 0.94 if shrink < 1 else 1.0
            points = np.concatenate([middle + inner * (at - middle) + toward + radius * ring for at, radius in discs])
            self.canvas.polygon(_convex(points), shade if self.tone is None else self.tone)
            if self.tone is not None:
                return

    def head(self) -> None:
        neck, head, nose = self.at("neck"), self.at("head"), self.at("nose")
        look, unit = self.look, self.unit
        radius = 0.062 * unit
        self.bone(neck, 0.03, head, 0.03, look.skin)
        if self.tone is not None:
            self.canvas.capsule(head, radius * 1.08, head + 0.15 * (neck - head), radius * 0.9, self.tone)
            return
        up = direction(head - neck)
        hair = mix(look.skin, BLACK, 0.12) if look.bald else look.hair
        cap = look.helmet or hair
        face = nose - head
        ahead = self.figure.joints[JOINT["nose"]] - self.figure.joints[JOINT["head"]]
        towards = -float(direction(ahead) @ self.figure._facing)
        size = 1.25 if look.helmet else 1.06
        self.canvas.capsule(
            head + 0.15 * radius * up, size * radius, head - 0.1 * radius * up, 0.95 * radius, mix(cap, BLACK, 0.2)
        )
        if towards > -0.45:
            middle = head + 0.42 * face - 0.2 * radius * up
            wide = radius * (0.62 + 0.24 * max(0.0, towards))
            self.canvas.capsule(middle, wide, middle - 0.4 * radius * up, 0.75 * wide, mix(look.skin, BLACK, 0.12))
            self.canvas.disc(middle + 0.15 * radius * self.light, 0.75 * wide, look.skin)
            if look.helmet:
                self.canvas.capsule(
                    head + 0.5 * face + 0.42 * radius * up,
                    0.4 * radius,
                    head + 1.25 * face + 0.35 * radius * up,
                    0.25 * radius,
                    cap,
                )
                bar = max(1, round(0.1 * radius))
                for drop in (0.15, 0.5, 0.85):
                    across = 0.75 * wide * np.array([-up[1], up[0]])
                    start = middle + 0.3 * face - drop * radius * up
                    self.canvas.pen.line(np.concatenate([start - across, start + across]).tolist(), (70, 72, 78), bar)
            elif towards > 0.1 and radius > 6:
                for side in SIDES:
                    self.canvas.disc(self.at(f"{side}_eye"), max(0.8, 0.1 * radius), (40, 30, 28))
        self.canvas.disc(head + 0.5 * radius * up + 0.3 * radius * self.light, 0.45 * radius, mix(cap, WHITE, 0.1))


_RING = np.stack([np.cos(np.arange(10) * np.pi / 5), np.sin(np.arange(10) * np.pi / 5)], 1)


def _convex(points: np.ndarray) -> np.ndarray:
    """The convex hull of points [n, 2] in the plane (Andrew's monotone chain)."""
    ordered = sorted(map(tuple, points.tolist()))
    half: list[list[tuple[float, ...]]] = []
    for way in (ordered, ordered[::-1]):
        chain: list[tuple[float, ...]] = []
        for x, y in way:
            while len(chain) > 1:
                (a, b), (u, v) = chain[-2], chain[-1]
                if (u - a) * (y - b) - (v - b) * (x - a) > 0:
                    break
                chain.pop()
            chain.append((x, y))
        half.append(chain[:-1])
    return np.array(half[0] + half[1])
