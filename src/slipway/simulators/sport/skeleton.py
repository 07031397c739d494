"""A pose and its skeleton: the keypoints of COCO and a few more joints, in metres.

A `Pose` gives the positions of hips, feet and hands; knees and elbows follow by inverse kinematics of two bones.
Lengths are shares of the body's height, with the proportions of Drillis and Contini (1966). In the body's frame x
points to its left, y up and z forward, and the origin is on the ground below the body.
"""

from dataclasses import dataclass, fields, replace

import numpy as np

from slipway.simulators.sport.camera import Rng

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
"""The edges of COCO's skeleton; keypoints are numbered from 1."""
_MORE = ("neck", "head", "left_toe", "right_toe", "left_heel", "right_heel", "left_hand", "right_hand")
JOINT = {name: number for number, name in enumerate(KEYPOINTS + _MORE)}
"""The row of each joint in a skeleton."""
SIDES = ("left", "right")

Vector = tuple[float, float, float]
Pair = tuple[Vector, Vector]

UPPER_ARM, FOREARM, THIGH, SHANK, SPINE = 0.186, 0.15, 0.245, 0.246, 0.29


@dataclass(frozen=True)
class Pose:
    """The positions of the parts of a body. Pairs are (left, right).

    `lean` is the lean of the spine (forward, to the left) in radians, `turn` the rotation of hips and chest about the
    spine, and `head` the (turn, nod) of the head, positive to the left and downwards. `feet` are the ankles. `hands`
    are the wrists relative to their shoulders in the chest's frame: (outwards, up, forward); `grip` gives them in the
    body's frame instead. `knees` and `elbows` are the directions in which they bend: knees in the body's frame, elbows
    in the frame of the hands. `fall` rotates the whole body about its hips (forward, to the left) and `lift` raises it.
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
        """The pose with small random changes of feet, hands, lean and head; `amount` is a share of the height."""

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
    """Interpolate between two poses; both or neither must have a grip."""

    def between(a: object, b: object) -> object:
        return None if a is None else _plain(np.asarray(a) * (1 - share) + np.asarray(b) * share)

    return Pose(**{f.name: between(getattr(one, f.name), getattr(other, f.name)) for f in fields(Pose)})  # type: ignore[arg-type]


def mirrored(pose: Pose) -> Pose:
    """The pose with left and right exchanged."""

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


def skeleton(pose: Pose, height: float, at: np.ndarray, facing: float, flip: bool = False) -> np.ndarray:
    """The joints in the world [25, 3], the keypoints of COCO first.

    Args:
        pose: the pose.
        height: of the body in metres.
        at: the position of the body, (x, y, z).
        facing: the direction that the body faces, in radians from +z (the camera) towards +x.
        flip: mirror the body's frame before it is placed; the names stay with the limbs.
    """
    joints = np.empty((len(JOINT), 3))
    up = np.array([np.sin(pose.lean[1]), np.cos(pose.lean[1]) * np.cos(pose.lean[0]), np.sin(pose.lean[0])])
    up = up / np.linalg.norm(up)
    hips, chest = _frame(np.array([0.0, 1, 0]), pose.turn[0]), _frame(up, pose.turn[1])
    middle = np.asarray(pose.hips, float)
    top = middle + SPINE * up
    joints[JOINT["neck"]] = top + 0.02 * up
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
        along = direction(wrist - elbow)
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
            joints[JOINT[f"{name}_{joint}"]] = value
    _set_head(joints, up, pose)
    if any(pose.fall):
        turned = _about_x(pose.fall[0]) @ _about_z(-pose.fall[1])
        joints = (joints - middle) @ turned.T + middle
    joints[:, 1] += pose.lift
    if flip:
        joints[:, 0] *= -1
    cos, sin = np.cos(facing), np.sin(facing)
    placed = joints @ np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]])
    return np.asarray(placed * height + at)


def _set_head(joints: np.ndarray, up: np.ndarray, pose: Pose) -> None:
    """Set head, nose, eyes and ears from the neck, which must be set; `up` is the direction of the spine."""
    left, skyward, forward = _nodded(
        _frame(direction(up + np.array([0, 0.8, 0])), pose.turn[1] + pose.head[0]), pose.head[1]
    )
    head = joints[JOINT["neck"]] + 0.1 * skyward + 0.01 * forward
    joints[JOINT["head"]] = head
    joints[JOINT["nose"]] = head + 0.062 * forward - 0.008 * skyward
    joints[JOINT["left_eye"]] = head + 0.05 * forward + 0.014 * skyward + 0.022 * left
    joints[JOINT["right_eye"]] = head + 0.05 * forward + 0.014 * skyward - 0.022 * left
    joints[JOINT["left_ear"]] = head + 0.052 * left - 0.004 * forward
    joints[JOINT["right_ear"]] = head - 0.052 * left - 0.004 * forward


def _frame(up: np.ndarray, turn: float) -> np.ndarray:
    """Axes (rows: left, up, forward) with the given `up`, rotated to the left by `turn`."""
    forward = np.array([np.sin(turn), 0, np.cos(turn)])
    forward = direction(forward - (forward @ up) * up)
    return np.stack([np.cross(up, forward), up, forward])


def _nodded(frame: np.ndarray, nod: float) -> np.ndarray:
    left, up, forward = frame
    return np.stack([left, np.cos(nod) * up + np.sin(nod) * forward, np.cos(nod) * forward - np.sin(nod) * up])


def _two_bones(
    start: np.ndarray, wanted: np.ndarray, upper: float, lower: float, bend: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The joint between two bones and their end, as near to the target as the bones reach."""
    way = wanted - start
    distance = float(np.linalg.norm(way))
    reach = min(max(distance, abs(upper - lower) + 0.06), 0.995 * (upper + lower))
    along = way / max(distance, 1e-6)
    share = (upper**2 - lower**2 + reach**2) / (2 * reach)
    aside = np.sqrt(max(upper**2 - share**2, 0))
    return start + share * along + aside * direction(bend - (bend @ along) * along), start + reach * along


def _foot(knee: np.ndarray, ankle: np.ndarray, forward: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The directions of toes and sole: flat on the ground, or hanging from the shank in the air."""
    shank = direction(ankle - knee)
    hanging = min(1.0, max(0.0, (ankle[1] - 0.06) / 0.12))
    ahead = direction(forward - (forward @ shank) * shank + 0.5 * shank)
    toes = direction((1 - hanging) * forward + hanging * ahead)
    sole = (1 - hanging) * np.array([0, -1, 0]) + hanging * shank
    return toes, direction(sole - (sole @ toes) * toes)


def direction(vector: np.ndarray) -> np.ndarray:
    """The unit vector in the direction of a vector; the zero vector does not change."""
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
