"""A person: a pose, the skeleton that it gives, and the drawing of it with clothes, skin and hair.

A `Pose` is told by where hips, feet and hands are; knees and elbows follow by inverse kinematics of two bones. Lengths
are shares of the body's height, proportions those of Drillis and Contini (1966). In the body's own frame x is its
left, y up and z forward, and the origin is on the ground below it.
"""

from dataclasses import dataclass, fields, replace

import numpy as np

from slipway.simulators.sport.camera import Canvas, Colour, Rng, View, mix

KEYPOINTS = (
    "nose",
    "left_eye",
    "right_eye",
    "left_ear",
    "right_ear",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
)
"""The keypoints of COCO, in its order."""
SKELETON = (
    *((16, 14), (14, 12), (17, 15), (15, 13), (12, 13), (6, 12), (7, 13), (6, 7), (6, 8), (7, 9)),
    *((8, 10), (9, 11), (2, 3), (1, 2), (1, 3), (2, 4), (3, 5), (4, 6), (5, 7)),
)
"""The edges of COCO's skeleton, from 1."""
_MORE = ("neck", "head", "left_toe", "right_toe", "left_heel", "right_heel", "left_hand", "right_hand")
_AT = {name: number for number, name in enumerate(KEYPOINTS + _MORE)}
SIDES = ("left", "right")
LIMBS = ("torso", "head", "left_arm", "right_arm", "left_leg", "right_leg", "bat")

SKINS: tuple[Colour, ...] = ((241, 205, 178), (224, 172, 140), (190, 132, 96), (140, 90, 62), (96, 62, 46))
HAIRS: tuple[Colour, ...] = ((30, 24, 20), (30, 24, 20), (86, 56, 34), (190, 150, 86), (120, 118, 116), (130, 60, 36))
BLACK: Colour = (16, 16, 18)
WHITE: Colour = (240, 240, 238)

Vector = tuple[float, float, float]
Pair = tuple[Vector, Vector]

UPPER_ARM, FOREARM, THIGH, SHANK, SPINE = 0.186, 0.15, 0.245, 0.246, 0.29


@dataclass(frozen=True)
class Pose:
    """Where the parts of a body are. Pairs are left, right.

    `lean` is the spine's (forward, to the left) in radians; `turn` the hips' and the chest's about it and `head` the
    head's (turn, nod), positive to the left and downwards. `feet` are the ankles. `hands` are the wrists as seen from
    their shoulders in the chest's frame: (outwards, up, forward); `grip` gives them in the body's frame instead.
    `knees` and `elbows` are the directions in which they bend: knees' in the body's frame, elbows' as the hands'.
    `fall` turns the whole body about its hips (forward, to the left) and `lift` raises it.
    """

    hips: Vector = (0, 0.52, 0)
    lean: tuple[float, float] = (0, 0)
    turn: tuple[float, float] = (0, 0)
    head: tuple[float, float] = (0, 0)
    feet: Pair = ((0.08, 0.04, 0), (-0.08, 0.04, 0))
    hands: Pair = ((0.05, -0.3, 0.06), (0.05, -0.3, 0.06))
    grip: Pair | None = None
    knees: Pair = ((0.15, 0.1, 1), (-0.15, 0.1, 1))
    elbows: Pair = ((0.5, -0.5, -1), (0.5, -0.5, -1))
    fall: tuple[float, float] = (0, 0)
    lift: float = 0

    def jittered(self, rng: Rng, amount: float) -> "Pose":
        """The pose with feet, hands, lean and head a little elsewhere; `amount` is a share of the height."""

        def near(pair: Pair) -> Pair:
            left, right = (np.asarray(pair) + rng.normal(0, amount, (2, 3))).tolist()
            return tuple(left), tuple(right)

        lean = np.asarray(self.lean) + rng.normal(0, 2 * amount, 2)
        head = np.asarray(self.head) + rng.normal(0, 6 * amount, 2)
        turn = np.asarray(self.turn) + rng.normal(0, 3 * amount, 2)
        return replace(
            self,
            lean=tuple(lean.tolist()),
            head=tuple(head.tolist()),
            turn=tuple(turn.tolist()),
            feet=near(self.feet),
            hands=near(self.hands),
            grip=self.grip,
        )


def blend(one: Pose, other: Pose, share: float) -> Pose:
    """A pose on the way from one to another; both have a grip or neither has."""

    def between(a: object, b: object) -> object:
        return None if a is None else _plain(np.asarray(a) * (1 - share) + np.asarray(b) * share)

    return Pose(**{f.name: between(getattr(one, f.name), getattr(other, f.name)) for f in fields(Pose)})  # type: ignore[arg-type]


def mirrored(pose: Pose) -> Pose:
    """Left and right exchanged."""

    def swap(pair: Pair) -> Pair:
        (a, b, c), (u, v, w) = pair
        return (-u, v, w), (-a, b, c)

    return replace(
        pose,
        hips=(-pose.hips[0], *pose.hips[1:]),
        lean=(pose.lean[0], -pose.lean[1]),
        turn=(-pose.turn[0], -pose.turn[1]),
        head=(-pose.head[0], pose.head[1]),
        feet=swap(pose.feet),
        hands=(pose.hands[1], pose.hands[0]),
        grip=None if pose.grip is None else swap(pose.grip),
        knees=swap(pose.knees),
        elbows=(pose.elbows[1], pose.elbows[0]),
        fall=(pose.fall[0], -pose.fall[1]),
    )


@dataclass(frozen=True)
class Look:
    """A body and what it wears. `girth` is 1 for a usual build; `pattern` of the shirt: plain, stripes, hoops, sash."""

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
        """Somebody, in the given clothes."""
        body: dict[str, object] = {
            "height": float(rng.uniform(1.66, 1.96)),
            "girth": float(rng.uniform(0.88, 1.14)),
            "skin": SKINS[rng.integers(len(SKINS))],
            "hair": HAIRS[rng.integers(len(HAIRS))],
            "bald": bool(rng.uniform() < 0.12),
        }
        return Look(**{**body, **worn})  # type: ignore[arg-type]


def skeleton(pose: Pose, height: float, at: np.ndarray, facing: float, flip: bool = False) -> np.ndarray:
    """The joints in the world [25, 3], the keypoints of COCO first.

    Args:
        pose: the pose.
        height: of the body in metres.
        at: where it stands, (x, y, z).
        facing: where it looks, in radians from +z (the camera) towards +x.
        flip: mirror the body's frame, left for right, before it is placed; the names stay with the limbs.
    """
    joints = np.empty((len(_AT), 3))
    up = np.array([np.sin(pose.lean[1]), np.cos(pose.lean[1]) * np.cos(pose.lean[0]), np.sin(pose.lean[0])])
    up = up / np.linalg.norm(up)
    hips, chest = _frame(np.array([0.0, 1, 0]), pose.turn[0]), _frame(up, pose.turn[1])
    middle = np.asarray(pose.hips, float)
    top = middle + SPINE * up
    joints[_AT["neck"]] = top + 0.02 * up
    held = np.asarray(pose.grip) if pose.grip is not None else None
    for side, sign in enumerate((1, -1)):
        name = SIDES[side]
        outwards = chest * np.array([[sign], [1], [1]])
        hip = middle + sign * 0.075 * hips[0]
        knee, ankle = _two_bones(hip, np.asarray(pose.feet[side]), THIGH, SHANK, np.asarray(pose.knees[side]))
        raised = 0.025 * max(0.0, pose.hands[side][1]) / 0.3
        shoulder = top + sign * 0.125 * chest[0] + raised * up
        wanted = shoulder + np.asarray(pose.hands[side]) @ outwards if held is None else held[side]
        bend = np.asarray(pose.elbows[side]) @ outwards
        elbow, wrist = _two_bones(shoulder, wanted, UPPER_ARM, FOREARM, bend)
        toes, sole = _foot(knee, ankle, hips[2])
        along = _unit(wrist - elbow)
        for joint, value in (
            ("hip", hip),
            ("knee", knee),
            ("ankle", ankle),
            ("shoulder", shoulder),
            ("elbow", elbow),
            ("wrist", wrist),
            ("hand", wrist + 0.045 * along),
            ("toe", ankle + 0.115 * toes + 0.028 * sole),
            ("heel", ankle - 0.03 * toes + 0.025 * sole),
        ):
            joints[_AT[f"{name}_{joint}"]] = value
    left, skyward, forward = _nodded(
        _frame(_unit(up + np.array([0, 0.8, 0])), pose.turn[1] + pose.head[0]), pose.head[1]
    )
    head = joints[_AT["neck"]] + 0.1 * skyward + 0.01 * forward
    joints[_AT["head"]] = head
    joints[_AT["nose"]] = head + 0.062 * forward - 0.008 * skyward
    joints[_AT["left_eye"]] = head + 0.05 * forward + 0.014 * skyward + 0.022 * left
    joints[_AT["right_eye"]] = head + 0.05 * forward + 0.014 * skyward - 0.022 * left
    joints[_AT["left_ear"]] = head + 0.052 * left - 0.004 * forward
    joints[_AT["right_ear"]] = head - 0.052 * left - 0.004 * forward
    if any(pose.fall):
        turned = _about_x(pose.fall[0]) @ _about_z(-pose.fall[1])
        joints = (joints - middle) @ turned.T + middle
    joints[:, 1] += pose.lift
    if flip:
        joints[:, 0] *= -1
    cos, sin = np.cos(facing), np.sin(facing)
    placed = joints @ np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]])
    return np.asarray(placed * height + at)


def _frame(up: np.ndarray, turn: float) -> np.ndarray:
    """Axes (rows: left, up, forward) about `up`, turned to the left."""
    forward = np.array([np.sin(turn), 0, np.cos(turn)])
    forward = _unit(forward - (forward @ up) * up)
    return np.stack([np.cross(up, forward), up, forward])


def _nodded(frame: np.ndarray, nod: float) -> np.ndarray:
    left, up, forward = frame
    return np.stack([left, np.cos(nod) * up + np.sin(nod) * forward, np.cos(nod) * forward - np.sin(nod) * up])


def _two_bones(
    start: np.ndarray, wanted: np.ndarray, upper: float, lower: float, bend: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The joint between two bones and their end, as near to where it is wanted as they reach."""
    way = wanted - start
    distance = float(np.linalg.norm(way))
    reach = min(max(distance, abs(upper - lower) + 0.06), 0.995 * (upper + lower))
    along = way / max(distance, 1e-6)
    share = (upper**2 - lower**2 + reach**2) / (2 * reach)
    aside = np.sqrt(max(upper**2 - share**2, 0))
    return start + share * along + aside * _unit(bend - (bend @ along) * along), start + reach * along


def _foot(knee: np.ndarray, ankle: np.ndarray, forward: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Directions of the toes and of the sole: flat on the ground, hanging from the shank in the air."""
    shank = _unit(ankle - knee)
    hanging = min(1.0, max(0.0, (ankle[1] - 0.06) / 0.12))
    ahead = _unit(forward - (forward @ shank) * shank + 0.5 * shank)
    toes = _unit((1 - hanging) * forward + hanging * ahead)
    sole = (1 - hanging) * np.array([0, -1, 0]) + hanging * shank
    return toes, _unit(sole - (sole @ toes) * toes)


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(float(np.sqrt(vector @ vector)), 1e-6)


def _about_x(angle: float) -> np.ndarray:
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])


def _about_z(angle: float) -> np.ndarray:
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])


def _plain(value: np.ndarray) -> object:
    def tuples(listed: object) -> object:
        return tuple(tuples(item) for item in listed) if isinstance(listed, list) else listed

    return tuples(value.tolist())


class Figure:
    """Somebody in a pose before a camera, ready to be drawn."""

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
        """The limbs in the order in which they are drawn."""

        def mean(*names: str) -> float:
            return float(np.mean([self._depths[_AT[name]] for name in names]))

        nose = self._depths[_AT["nose"]] - self._depths[_AT["head"]]
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
        """Draw the figure, lit from the left (-1) to the right (1)."""
        for limb in self._farthest_first():
            _Limb(self, canvas, light).draw(limb)

    def stencil(self, ids: Canvas, first: int) -> None:
        """Draw each limb into a canvas of mode L, in the number `first` + its place in `LIMBS`."""
        for limb in self._farthest_first():
            _Limb(self, ids, 0, first + LIMBS.index(limb)).draw(limb)

    def shadow(self, mask: Canvas, view: View, sun: np.ndarray, strength: int) -> None:
        """Draw the figure's shadow on the ground into a canvas of mode L; `sun` is the way of the light, downwards."""
        fallen = self.joints - sun * (self.joints[:, 1:2] / sun[1])
        if ((fallen - view.eye) @ view.axes[2] < 0.5).any():
            return
        held = None if self.held is None else self.held - sun * (self.held[:, 1:2] / sun[1])
        cast = Figure(fallen, self.look, view, held)
        for limb in cast._farthest_first():
            _Limb(cast, mask, 0, strength).draw(limb)

    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of all that is drawn, in drawn pixels, with room for flesh and clothes."""
        radius = 0.03 * self._unit
        low, high = self.drawn.min(0) - radius, self.drawn.max(0) + radius
        head = self.drawn[_AT["head"]]
        top, side = head - 0.075 * self._unit, head + 0.075 * self._unit
        left, upper = np.minimum(low, top).tolist()
        right, lower = np.maximum(high, side).tolist()
        return left, upper, right, lower

    def looks_away(self) -> np.ndarray:
        """For nose, eyes and ears, whether the head itself hides them [5]."""
        out = self.joints[:5] - self.joints[_AT["head"]]
        out = out / np.linalg.norm(out, axis=1, keepdims=True)
        return np.asarray(out @ self._facing > 0.35)


class _Limb:
    """Draws limbs of a figure on a canvas: in their colours, or all in one `tone`."""

    def __init__(self, figure: Figure, canvas: Canvas, light: float, tone: int | None = None) -> None:
        self.figure, self.canvas, self.look, self.tone = figure, canvas, figure.look, tone
        self.unit = figure._unit
        self.light = np.array([light, -0.6])

    def at(self, name: str) -> np.ndarray:
        return np.asarray(self.figure.drawn[_AT[name]])

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
        """A tapering limb with a lit side."""
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
        """A cricket bat: handle, then blade."""
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
        """What lies between discs (middle, radius): their convex hull, with a lit side."""
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
        up = _unit(head - neck)
        hair = mix(look.skin, BLACK, 0.12) if look.bald else look.hair
        cap = look.helmet or hair
        face = nose - head
        ahead = self.figure.joints[_AT["nose"]] - self.figure.joints[_AT["head"]]
        towards = -float(_unit(ahead) @ self.figure._facing)
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
