"""Advertised brands, each with its goods, slogan, colours and mark."""

from dataclasses import dataclass

from slipway.simulators.tv.canvas import Canvas, Rng, star
from slipway.simulators.tv.colour import Colour, hsv

BRANDS = ("LUMA", "Orvana", "KIVO", "Brightly", "NORDAL", "Zesta", "MONTE", "Pura", "VELOX", "Havn", "TRIO", "Cassio")
GOODS = ("coffee", "phone", "tyres", "bank", "yoghurt", "travel", "energy", "shampoo", "sofa", "insurance")
SLOGANS = ("Feel the difference", "New. Now.", "Made for you", "Taste the morning", "Only this week", "Go further")


@dataclass(frozen=True)
class Brand:
    """A brand: its name, goods, slogan, colours and the shape of its mark."""

    name: str
    goods: str
    slogan: str
    dark: Colour
    bright: Colour
    sides: int

    def mark(self, canvas: Canvas, x: float, y: float, radius: float) -> None:
        """Draw the brand's mark: a disc or a star-like polygon with a cut-out."""
        if self.sides < 3:
            canvas.disc(x, y, radius, self.bright)
            canvas.disc(x + 0.3 * radius * canvas.height / canvas.width, y, 0.6 * radius, self.dark)
        else:
            canvas.shape(star(canvas, x, y, radius, self.sides, 0.55), self.bright)

    @staticmethod
    def pick(rng: Rng) -> "Brand":
        """A random brand."""
        hue = rng.uniform()
        return Brand(
            name=BRANDS[rng.integers(len(BRANDS))],
            goods=GOODS[rng.integers(len(GOODS))],
            slogan=SLOGANS[rng.integers(len(SLOGANS))],
            dark=hsv(hue, rng.uniform(0.5, 0.95), rng.uniform(0.25, 0.7)),
            bright=hsv(hue + rng.uniform(0.25, 0.75), rng.uniform(0.5, 0.95), rng.uniform(0.8, 1)),
            sides=int(rng.choice([0, 0, 3, 4, 5, 8])),
        )
