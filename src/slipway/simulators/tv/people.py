"""People as seen by a camera: head and shoulders in a close-up, a running figure from afar."""

from collections.abc import Callable

import numpy as np

from slipway.simulators.tv.canvas import Canvas, Rng
from slipway.simulators.tv.colour import BLACK, WHITE, Colour, hsv, mix

SKINS: tuple[Colour, ...] = ((241, 205, 178), (224, 172, 140), (190, 132, 96), (140, 90, 62), (96, 62, 46))
HAIRS: tuple[Colour, ...] = ((30, 24, 20), (86, 56, 34), (170, 126, 70), (120, 118, 116), (130, 60, 36))


def bust(rng: Rng, sport: bool = False) -> Callable[[Canvas, float, float, float, float], None]:
    """Head and shoulders, or the upper body if there is room: a painter of (canvas, x, y of the waist, size, t)."""
    skin, hair = SKINS[rng.integers(len(SKINS))], HAIRS[rng.integers(len(HAIRS))]
    suit = hsv(rng.uniform(), rng.uniform(0.1, 0.8), rng.uniform(0.15, 0.8))
    shirt, tie = hsv(rng.uniform(), 0.1, 0.95), hsv(rng.uniform(), 0.8, 0.6)
    long_hair = rng.uniform() < 0.5
    wide = rng.uniform(0.85, 1.1)
    number = str(rng.integers(2, 30))

    def paint(canvas: Canvas, x: float, waist: float, size: float, t: float) -> None:
        ratio = canvas.height / canvas.width
        head = 0.17 * size
        top = waist - size
        across = size * ratio * 0.36 * wide
        nod = 0.01 * size * np.sin(23 * t)
        face = top + head + nod
        if long_hair:
            canvas.disc(x, face + 0.3 * head, 1.25 * head, hair, 1.25)
        canvas.shape(
            [
                (x - across, waist),
                (x - across * 0.95, top + 0.5 * size),
                (x - 0.3 * across, top + 0.38 * size),
                (x + 0.3 * across, top + 0.38 * size),
                (x + across * 0.95, top + 0.5 * size),
                (x + across, waist),
            ],
            suit,
        )
        neck = 0.28 * across
        if not sport:
            lapels = [(x - neck, top + 0.37 * size), (x + neck, top + 0.37 * size), (x, top + 0.7 * size)]
            canvas.shape(lapels, shirt)
            knot = [(x - neck / 4, top + 0.42 * size), (x + neck / 4, top + 0.42 * size), (x, top + 0.72 * size)]
            canvas.shape(knot, tie)
        else:
            canvas.text(x, top + 0.75 * size, number, 0.22 * size, shirt, "mm")
        canvas.box(x - neck / 2, face, x + neck / 2, top + 0.42 * size, mix(skin, BLACK, 0.15))
        canvas.disc(x, face - 0.15 * head, 1.02 * head, hair, 1.2)
        canvas.disc(x, face + 0.12 * head, 0.85 * head, skin, 1.2)
        eye = 0.35 * head * ratio
        for side in (-eye, eye):
            canvas.disc(x + side, face, 0.1 * head, BLACK)
        mouth = 0.05 + 0.08 * abs(np.sin(31 * t))
        canvas.disc(x, face + 0.65 * head, 0.28 * head, (150, 60, 60), mouth / 0.28)

    return paint


def player(canvas: Canvas, x: float, y: float, size: float, shirt: Colour, t: float) -> None:
    """Draw a running figure with its feet at (x, y)."""
    ratio = canvas.height / canvas.width
    stride = 0.5 * size * ratio * np.sin(20 * t)
    canvas.disc(x + 0.01, y, 0.5 * size, mix(shirt, BLACK, 0.8), 0.2)
    canvas.line(
        [(x - stride, y), (x, y - 0.8 * size), (x + stride, y)], SKINS[1], max(1, round(canvas.height * size / 5))
    )
    half = 0.35 * size * ratio
    canvas.box(x - half, y - size, x + half, y - 0.65 * size, WHITE)
    canvas.box(x - half, y - 1.7 * size, x + half, y - 0.95 * size, shirt)
    canvas.disc(x, y - 1.95 * size, 0.28 * size, SKINS[2])
