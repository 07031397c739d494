"""Simulated worlds of sport, drawn from articulated figures: three scenes that replace recordings.

- `cricket`: frames of a batter who plays one of six strokes, one folder for each stroke, for image classification.
- `pose`: footballers with COCO keypoints, for keypoint detection.
- `ball`: footballers and sometimes a ball with its box, in the text format of YOLO, for object detection.

A group is an innings or a match: its pictures share people, kit, ground, light and camera. Each group and each picture
has its own random numbers, so that adding groups or pictures does not change the existing ones. Equal worlds and seeds
give equal bytes.
"""

import csv
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from slipway.core.config import Section, Share
from slipway.simulators.sport import ball, cricket, pose

SCENES = {"cricket": cricket.simulate, "pose": pose.simulate, "ball": ball.simulate}


class World(Section):
    """The `simulate` section.

    There are `groups` innings or matches with `per_group` pictures of `height` x `width` each. `difficulty` is the
    amount of blur, noise, clutter and overlap, and how early in a stroke a frame can be. `shift` simulates data drift
    by a different camera: a cold cast, darker, softer, higher and tilted; 0 is none, 1 is clearly visible.
    """

    scene: Literal["cricket", "pose", "ball"]
    groups: Annotated[int, Field(ge=1)]
    per_group: Annotated[int, Field(ge=1)]
    height: Annotated[int, Field(ge=48)] = 256
    width: Annotated[int, Field(ge=48)] = 256
    difficulty: Share = 0.5
    shift: Annotated[float, Field(ge=0, le=2)] = 0.0


def simulate(world: World, seed: int, out: Path) -> None:
    """Write the pictures, labels and metadata.csv of `world` into the folder `out`, which is created if missing."""
    out.mkdir(parents=True, exist_ok=True)
    size, knobs = (world.height, world.width), (world.difficulty, world.shift)
    rows = SCENES[world.scene](out, world.groups, world.per_group, size, knobs, seed)
    with (out / "metadata.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("path", "group"))
        writer.writerows(sorted(rows))
