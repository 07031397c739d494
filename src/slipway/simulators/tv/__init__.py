"""A simulated world of live television: frames of programmes (`content`) and of advertisements (`ad`).

It replaces a broadcaster's recordings, so that an advertisement detector can be built and evaluated without them. The
output is JPEG frames in the layout of image classification, `ad/v0001-03.jpg` and `content/v0000-00.jpg`, and
`metadata.csv` (path, label, group), where a group is a video: one segment of a programme or one advertisement.

Each channel has a palette, a logo in a corner, a style of score bugs and tickers, and a compression. A video is on one
channel; its frames share a scene and differ by motion, camera, exposure and noise. Programmes are studios, pitches and
drama; advertisements are product shots, price cards, split screens, story shots and end cards.

`World` controls what makes classification hard: videos that look like the other class (`confusable`) and frames from
the cross-fade between a programme and an advertisement (`crossfade`). A frame keeps its video's label even if the other
picture of the cross-fade dominates, and some story shots of advertisements show no mark at all, so no model can be
right about all frames.

Everything is drawn with Pillow in unit coordinates (x and y from 0 to 1), by painters: functions of a canvas and the
time in the video (0 to 1). Equal worlds and seeds give equal bytes.
"""

import csv
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from PIL import Image, ImageEnhance
from pydantic import Field

from slipway.core.config import Section, Share
from slipway.simulators.tv.advertisements import advertisement
from slipway.simulators.tv.canvas import Canvas, Rng
from slipway.simulators.tv.channel import Channel, received
from slipway.simulators.tv.programmes import content


class World(Section):
    """The `simulate` section.

    `programme`: the kind of programme: `any`, or mostly `sports` (pitches with score bugs) or `news` (studios with
    tickers and straps), with advertisements that look like it. `frames`: the total number of pictures, half of each
    class; `frames_per_video`: the number of frames in a group; `channels`: the number of stations. `confusable`: the
    share of videos that look like the other class: programmes with sponsors, price-like boards, titles and split
    screens, and advertisements on a pitch, in a studio, in a story or next to live pictures. `crossfade`: the share of
    a video's first and last frames that are mixed with the other class; in a third of them the other class dominates,
    and no model can be right about these. `shift`: simulated data drift of colours, contrast and layout, as from other
    cameras in another season; 0 is none, 1 is clearly visible.
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
    """Write the frames of `world` and metadata.csv into the folder `out`, which is created if missing."""
    channels = [
        Channel.pick(number, np.random.default_rng([seed, 0, number]), world.shift) for number in range(world.channels)
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


def _video(world: World, channel: Channel, label: str, count: int, rng: Rng) -> list[Image.Image]:
    """The frames of a video of one class, as received: its shots in order, with cuts at random times."""
    make = {"ad": advertisement, "content": content}
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
        frames.append(received(image, channel, dimmed * rng.uniform(0.96, 1.04), rng))
    return frames
