"""The six strokes of a batter, as key positions of body, hands and bat.

A stroke goes from the backlift (0) over the downswing to the moment of impact (1) and the follow-through (2). The
coordinates are those of the batter's body: x points to the bowler, z to the off side.
"""

from dataclasses import dataclass, replace

import numpy as np

from slipway.simulators.sport.skeleton import Pair, Pose, Vector, blend

STROKES = ("cover_drive", "cut_shot", "hook_shot", "pull_shot", "straight_drive", "sweep")
NEIGHBOURS = {
    "cover_drive": "straight_drive",
    "straight_drive": "cover_drive",
    "pull_shot": "hook_shot",
    "hook_shot": "pull_shot",
    "cut_shot": "cover_drive",
    "sweep": "pull_shot",
}
"""The most similar stroke of each stroke."""
AWAY: dict[str, Vector] = {
    "cover_drive": (0.6, 0.08, 0.8),
    "cut_shot": (0.1, 0.1, 1.0),
    "hook_shot": (-0.2, 0.45, -0.9),
    "pull_shot": (0.35, 0.12, -0.9),
    "straight_drive": (1.0, 0.06, 0.05),
    "sweep": (0.0, 0.04, -1.0),
}
"""The direction of the ball after each stroke."""


@dataclass(frozen=True)
class Key:
    """A key position of a stroke: its time, the body, the upper hand and the direction from it to the bat's toe."""

    time: float
    pose: Pose
    hand: Vector
    bat: Vector


def _front_foot(z: float) -> tuple[Pose, Pose, Pose]:
    """Downswing, impact and follow-through of a drive, with the front foot at `z` on the off side."""
    elbows: Pair = ((1, 0.35, 0.1), (0.6, -0.8, -0.2))
    knees: Pair = ((1, 0.1, 0.35), (0.1, 0.0, 1))
    down = Pose(
        hips=(0.06, 0.46, 0.02),
        lean=(0.3, 0.16),
        turn=(0.05, 0.05),
        head=(1.15, 0.3),
        feet=((0.28, 0.05, 0.8 * z), (-0.16, 0.04, 0)),
        knees=knees,
        elbows=elbows,
    )
    hit = replace(
        down, hips=(0.13, 0.44, 0.04), lean=(0.28, 0.3), turn=(0.2, 0.15), feet=((0.35, 0.04, z), (-0.19, 0.05, 0))
    )
    end = replace(hit, hips=(0.15, 0.46, 0.04), lean=(0.15, 0.2), turn=(0.4, 0.5), head=(0.85, 0.1))
    return down, hit, end


STANCE = Key(
    0.0,
    Pose(
        hips=(0, 0.48, 0),
        lean=(0.35, 0.05),
        turn=(0, 0.1),
        head=(1.15, 0.2),
        feet=((0.12, 0.04, 0), (-0.12, 0.04, 0)),
        knees=((0.3, 0, 1), (-0.1, 0, 1)),
        elbows=((0.8, 0.1, 0.3), (0.8, -0.4, -0.3)),
    ),
    (-0.14, 0.6, 0.17),
    (-0.5, 0.82, 0.05),
)


def _keys() -> dict[str, tuple[Key, ...]]:
    cover, straight = _front_foot(0.22), _front_foot(0.0)
    down, hit, end = cover
    strokes = {
        "cover_drive": (
            Key(0.6, down, (-0.02, 0.58, 0.24), (-0.95, 0.1, -0.15)),
            Key(1.0, hit, (0.23, 0.5, 0.32), (-0.06, -0.93, 0.36)),
            Key(1.4, end, (0.35, 0.66, 0.4), (0.45, -0.05, 0.9)),
            Key(2.0, end, (0.33, 0.86, 0.25), (-0.2, 0.85, 0.5)),
        )
    }
    down, hit, end = straight
    strokes["straight_drive"] = (
        Key(0.6, down, (0.0, 0.58, 0.18), (-0.98, 0.05, 0.02)),
        Key(1.0, hit, (0.3, 0.5, 0.17), (-0.1, -0.99, 0.0)),
        Key(1.4, end, (0.46, 0.64, 0.13), (0.98, 0.05, 0.02)),
        Key(2.0, end, (0.43, 0.87, 0.12), (0.3, 0.95, 0.02)),
    )
    back = Pose(
        hips=(-0.11, 0.48, 0.03),
        lean=(0.3, -0.02),
        turn=(-0.1, 0.0),
        head=(1.2, 0.15),
        feet=((0.04, 0.05, 0.03), (-0.24, 0.04, 0.07)),
        knees=((0.3, 0, 1), (0, 0, 1)),
        elbows=((0.8, 0.1, 0.3), (0.8, -0.6, -0.3)),
    )
    cut = replace(back, turn=(0, 0.5), head=(0.5, 0.25), lean=(0.34, -0.05))
    round_cut = replace(cut, turn=(0.2, 0.9), head=(0.1, 0.1), lean=(0.2, 0.02))
    strokes["cut_shot"] = (
        Key(0.6, back, (-0.24, 0.74, 0.2), (-0.5, 0.6, 0.6)),
        Key(1.0, cut, (-0.06, 0.62, 0.35), (0.3, -0.12, 0.95)),
        Key(1.4, round_cut, (0.06, 0.62, 0.26), (0.92, -0.05, 0.35)),
        Key(2.0, round_cut, (0.14, 0.7, 0.12), (0.7, 0.5, -0.5)),
    )
    open_ = replace(back, turn=(0.5, 0.5), feet=((0.04, 0.05, -0.1), (-0.22, 0.04, 0.03)), head=(0.7, 0.1))
    pull = replace(open_, hips=(-0.1, 0.48, -0.03), turn=(0.9, 1.2), lean=(0.05, 0.1), head=(0.1, 0.2))
    round_pull = replace(pull, turn=(1.2, 1.7), lean=(-0.05, 0.05), head=(0.2, 0.0))
    strokes["pull_shot"] = (
        Key(0.6, open_, (-0.2, 0.72, 0.15), (-0.5, 0.5, 0.7)),
        Key(1.0, pull, (0.14, 0.63, 0.0), (0.7, -0.08, 0.7)),
        Key(1.4, round_pull, (0.12, 0.66, -0.15), (0.35, 0.05, -0.93)),
        Key(2.0, round_pull, (-0.03, 0.75, -0.2), (-0.75, 0.35, -0.55)),
    )
    up = replace(open_, lean=(0.1, -0.12), head=(0.7, -0.1))
    hook = replace(pull, hips=(-0.12, 0.5, -0.03), turn=(0.9, 1.3), lean=(0.0, -0.2), head=(0.1, -0.1))
    round_hook = replace(
        hook, turn=(1.4, 2.0), feet=((0.03, 0.13, -0.2), (-0.2, 0.04, 0.0)), lean=(-0.1, -0.2), head=(-0.1, -0.2)
    )
    strokes["hook_shot"] = (
        Key(0.6, up, (-0.24, 0.82, 0.13), (-0.45, 0.75, 0.45)),
        Key(1.0, hook, (0.06, 0.83, 0.0), (0.66, 0.22, 0.7)),
        Key(1.4, round_hook, (0.04, 0.88, -0.15), (0.3, 0.4, -0.87)),
        Key(2.0, round_hook, (-0.12, 0.88, -0.2), (-0.7, 0.65, -0.3)),
    )
    reach = Pose(
        hips=(0.04, 0.38, 0.02),
        lean=(0.35, 0.25),
        turn=(0.1, 0.2),
        head=(1.0, 0.3),
        feet=((0.34, 0.04, 0.08), (-0.28, 0.05, 0)),
        knees=((1, 0.8, 0.3), (0.4, -1, 0.4)),
        elbows=((0.8, 0.1, 0.3), (0.8, -0.6, -0.3)),
    )
    down = replace(reach, hips=(0.1, 0.28, 0.02), lean=(0.35, 0.4), turn=(0.4, 0.6), head=(0.7, 0.35))
    low = replace(down, feet=((0.36, 0.04, 0.08), (-0.3, 0.05, 0)))
    round_low = replace(low, turn=(0.6, 1.0), head=(0.2, 0.1), lean=(0.2, 0.3))
    strokes["sweep"] = (
        Key(0.6, reach, (-0.02, 0.6, 0.2), (-0.5, 0.7, 0.5)),
        Key(1.0, low, (0.33, 0.37, 0.23), (0.7, -0.4, 0.6)),
        Key(1.4, round_low, (0.35, 0.4, 0.06), (0.5, -0.1, -0.86)),
        Key(2.0, round_low, (0.2, 0.5, -0.06), (-0.5, 0.45, -0.75)),
    )
    return {stroke: (STANCE, *keys) for stroke, keys in strokes.items()}


KEYS = _keys()


def position(stroke: str, time: float) -> tuple[Pose, np.ndarray, np.ndarray]:
    """Body, upper hand and direction (unit vector) of the bat at a time of a stroke, from 0 to 2."""
    keys = KEYS[stroke]
    last = next(number for number in range(1, len(keys)) if time <= keys[number].time)
    one, other = keys[last - 1], keys[last]
    share = (time - one.time) / (other.time - one.time)
    hand = np.asarray(one.hand) * (1 - share) + np.asarray(other.hand) * share
    bat = np.asarray(one.bat) * (1 - share) + np.asarray(other.bat) * share
    return blend(one.pose, other.pose, share), hand, bat / np.linalg.norm(bat)
