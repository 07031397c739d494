"""The overlays of a channel: its logo, score bugs, tickers and name straps."""

from slipway.simulators.tv.canvas import Canvas, Painter, Rng
from slipway.simulators.tv.channel import Channel
from slipway.simulators.tv.colour import BLACK, WHITE, hsv

HEADLINES = ("Storm warning for the coast", "Talks enter third day", "Minister answers critics", "Markets close higher")
TEAMS = ("ARS", "BOR", "LIS", "MIL", "OSL", "PRA", "RIG", "VIE", "TUR", "GEN")
NAMES = ("Anna Berg", "Jon Hale", "Mira Costa", "Dr. P. Lind", "T. Okoro", "Eva Novak")


def logo(channel: Channel) -> Painter:
    """The channel's name in its corner."""
    x = 0.9 if channel.logo_right else 0.1
    y = (0.78 if channel.ticker else 0.9) if channel.logo_low else 0.1

    def paint(canvas: Canvas, t: float) -> None:
        canvas.box(x - 0.055, y - 0.05, x + 0.055, y + 0.05, channel.dark, channel.round_by)
        canvas.text(x, y, channel.name, 0.08, WHITE, "mm")

    return paint


def score_bug(channel: Channel, rng: Rng) -> Painter:
    """Two teams, their goals and a clock that runs."""
    home, away = rng.choice(TEAMS, 2, replace=False)
    goals, minute = rng.integers(0, 4, 2), rng.uniform(1, 88)
    colours = [hsv(rng.uniform(), 0.8, 0.8) for _ in range(2)]
    left = 0.58 if channel.bug_right else 0.04
    top = 0.05 if channel.bug_right != channel.logo_right or channel.logo_low else 0.86

    def paint(canvas: Canvas, t: float) -> None:
        canvas.box(left, top, left + 0.38, top + 0.1, channel.dark, channel.round_by)
        canvas.box(left + 0.14, top, left + 0.24, top + 0.1, channel.bright)
        for side, colour in ((0.0, colours[0]), (0.37, colours[1])):
            canvas.box(left + side, top, left + side + 0.012, top + 0.1, colour)
        canvas.text(left + 0.075, top + 0.05, str(home), 0.075, WHITE, "mm")
        canvas.text(left + 0.305, top + 0.05, str(away), 0.075, WHITE, "mm")
        canvas.text(left + 0.19, top + 0.05, f"{goals[0]}-{goals[1]}", 0.08, BLACK, "mm")
        clock = minute + 1.5 * t
        canvas.box(left, top + 0.1, left + 0.1, top + 0.17, BLACK)
        canvas.text(left + 0.05, top + 0.135, f"{int(clock):02d}:{int(clock * 60) % 60:02d}", 0.055, WHITE, "mm")

    return paint


def ticker(channel: Channel, rng: Rng) -> Painter:
    """A band of headlines that moves to the left."""
    line = "   +++   ".join(str(item) for item in rng.permutation(HEADLINES)) + "   +++   "
    start = rng.uniform(-0.6, 0)

    def paint(canvas: Canvas, t: float) -> None:
        canvas.box(0, 0.88, 1, 0.97, channel.dark)
        canvas.text(start - 0.5 * t, 0.925, 2 * line, 0.065, WHITE)
        canvas.box(0, 0.88, 0.14, 0.97, channel.bright)
        canvas.text(0.07, 0.925, "LIVE", 0.065, BLACK, "mm")

    return paint


def name_strap(channel: Channel, rng: Rng) -> Painter:
    """The name of the speaker, and the subject."""
    name, topic = NAMES[rng.integers(len(NAMES))], HEADLINES[rng.integers(len(HEADLINES))]
    left = rng.uniform(0.04, 0.2)

    def paint(canvas: Canvas, t: float) -> None:
        canvas.box(left, 0.7, left + 0.42, 0.79, channel.bright, channel.round_by)
        canvas.box(left, 0.79, left + 0.6, 0.86, channel.dark)
        canvas.text(left + 0.02, 0.745, name, 0.07, BLACK)
        canvas.text(left + 0.02, 0.825, topic, 0.05, WHITE)

    return paint
