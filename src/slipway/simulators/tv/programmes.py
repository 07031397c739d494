"""The shots of a programme: a scene with the channel's overlays, and sometimes the content of an advertisement."""

from slipway.simulators.tv.brand import Brand
from slipway.simulators.tv.canvas import Canvas, Painter, Rng, layered
from slipway.simulators.tv.channel import Channel
from slipway.simulators.tv.colour import BLACK, WHITE, mix
from slipway.simulators.tv.overlays import TEAMS, logo, name_strap, score_bug, ticker
from slipway.simulators.tv.scenes import drama, filmed, pitch, scene_of, studio

PROGRAMMES = ("NEWS AT TEN", "THE MATCH", "HARBOUR ROAD", "MORNING SHOW", "WORLD TODAY", "LATE NIGHT")


def content(channel: Channel, confusable: bool, programme: str, rng: Rng) -> list[Painter]:
    """The two shots of a programme, in order.

    Args:
        channel: the channel that shows the programme.
        confusable: whether it shows the content of an advertisement.
        programme: the kind of programme, as in `World`.
        rng: draws scene, overlays and words.
    """
    scene = scene_of(programme, ("studio", "pitch", "drama"), rng)
    mark: list[Painter] = [logo(channel)] if rng.uniform() < 0.9 else []
    overlays: list[Painter] = []
    shots: list[Painter]
    if scene == "studio":
        shots = [filmed(studio(channel, rng), rng) for _ in range(2)]
        if channel.ticker and rng.uniform() < 0.7:
            overlays.append(ticker(channel, rng))
        if rng.uniform() < 0.5:
            overlays.append(name_strap(channel, rng))
    elif scene == "pitch":
        shots = [filmed(pitch(rng), rng) for _ in range(2)]
        if rng.uniform() < 0.85:
            overlays.append(score_bug(channel, rng))
    else:
        shots = [filmed(drama(rng), rng) for _ in range(2)]
    kind = int(rng.integers(4)) if confusable else None
    if kind == 0:
        overlays.append(_sponsor(rng))
    elif kind == 3:
        shots = [_halves(channel, *shots)] * 2
    shots = [layered([shot, *overlays]) for shot in shots]
    if kind == 1:
        shots[1] = _board(channel, rng)
    elif kind == 2:
        shots[0] = _title(channel, rng)
    return [layered([shot, *mark]) for shot in shots]


# Programmes that look like advertisements.


def _sponsor(rng: Rng) -> Painter:
    """A sponsor's mark in the corner of a programme."""
    brand = Brand.pick(rng)
    low = bool(rng.uniform() < 0.5)

    def paint(canvas: Canvas, t: float) -> None:
        y = 0.76 if low else 0.24
        canvas.box(0.66, y - 0.08, 0.97, y + 0.08, WHITE, 0.02)
        canvas.text(0.68, y - 0.045, "brought to you by", 0.04, BLACK)
        brand.mark(canvas, 0.72, y + 0.03, 0.04)
        canvas.text(0.76, y + 0.03, brand.name, 0.075, brand.dark)

    return paint


def _board(channel: Channel, rng: Rng) -> Painter:
    """A full-screen table of results or share prices, whose numbers look like prices."""
    names = [TEAMS[number] for number in rng.permutation(len(TEAMS))[:5]]
    figures = [f"{value:.2f}" for value in rng.uniform(1, 90, 5)]
    heading = str(rng.choice(["MARKETS", "RESULTS", "TABLE", "POLL"]))

    def paint(canvas: Canvas, t: float) -> None:
        canvas.fill(channel.dark, mix(channel.dark, BLACK, 0.5))
        canvas.box(0.12, 0.1, 0.88, 0.24, channel.bright, channel.round_by)
        canvas.text(0.5, 0.17, heading, 0.1, BLACK, "mm")
        for row, (name, figure) in enumerate(zip(names, figures, strict=True)):
            y = 0.34 + 0.12 * row
            canvas.box(0.12, y - 0.05, 0.88, y + 0.05, mix(channel.dark, WHITE, 0.15 + 0.1 * (row % 2)))
            canvas.text(0.16, y, name, 0.085, WHITE)
            canvas.text(0.84, y, figure, 0.085, WHITE, "rm")

    return paint


def _title(channel: Channel, rng: Rng) -> Painter:
    """A programme's title, laid out like an end card."""
    brand = Brand.pick(rng)
    programme = PROGRAMMES[rng.integers(len(PROGRAMMES))]
    address = f"{channel.name.lower()}.tv/{programme.split()[0].lower()}"

    def paint(canvas: Canvas, t: float) -> None:
        canvas.fill(channel.dark, mix(channel.dark, channel.bright, 0.35))
        brand.mark(canvas, 0.5, 0.3, 0.12)
        canvas.text(0.5, 0.58, programme, 0.15, WHITE, "mm")
        canvas.text(0.5, 0.76, address, 0.075, channel.bright, "mm")

    return paint


def _halves(channel: Channel, left: Painter, right: Painter) -> Painter:
    """Two live pictures side by side, as in an interview between studios."""

    def paint(canvas: Canvas, t: float) -> None:
        canvas.fill(channel.dark, mix(channel.dark, BLACK, 0.4))
        canvas.inset(left, t, 0.03, 0.15, 0.49, 0.75)
        canvas.inset(right, t, 0.51, 0.15, 0.97, 0.75)

    return paint
