"""The shots of an advertisement: products, prices, a split screen, an end card, or the content of a programme."""

from collections.abc import Callable

import numpy as np

from slipway.simulators.tv.brand import Brand
from slipway.simulators.tv.canvas import Canvas, Painter, Rng, layered, star
from slipway.simulators.tv.channel import Channel
from slipway.simulators.tv.colour import BLACK, WHITE, contrast, mix
from slipway.simulators.tv.overlays import logo
from slipway.simulators.tv.scenes import car, drama, filmed, pitch, scene_of, studio


def advertisement(channel: Channel, confusable: bool, programme: str, rng: Rng) -> list[Painter]:
    """The one to three shots of an advertisement, in order, with or without the channel's logo.

    Args:
        channel: the channel that shows the advertisement.
        confusable: whether it looks like a programme.
        programme: the kind of programme, as in `World`, that a confusable advertisement looks like.
        rng: draws brand, shots and words.
    """
    brand = Brand.pick(rng)
    shots: list[Painter]
    if confusable:
        scenes = {"pitch": pitch(rng), "studio": studio(channel, rng), "drama": drama(rng)}
        scene = filmed(scenes[scene_of(programme, list(scenes), rng)], rng)
        kind = int(rng.integers(4))
        if kind == 0:
            shots = [scene, layered([scene, _wordmark(brand, rng)])]
        elif kind == 1:
            shots = [layered([scene, _wordmark(brand, rng)])] * 2
        elif kind == 2:
            shots = [_around_live(brand, layered([scene, logo(channel)]), rng)] * 2
        else:
            shots = [layered([scene, _phone_line(brand, rng)]), _end_card(brand, rng)]
    else:
        middle = (_product_shot, _price_card, _split_screen)
        shots = [middle[int(rng.integers(3))](brand, rng) for _ in range(int(rng.integers(1, 3)))]
        if rng.uniform() < 0.75:
            shots.append(_end_card(brand, rng))
    if channel.logo_in_ads:
        mark = logo(channel)
        shots = [layered([shot, mark]) for shot in shots]
    return shots


def _product(brand: Brand, rng: Rng) -> Callable[[Canvas, float, float, float], None]:
    """A bottle, carton, phone, tin or car, as a painter of (canvas, x, y of its foot, size)."""
    kind = int(rng.integers(5))
    body, label = (brand.dark, brand.bright) if rng.uniform() < 0.5 else (brand.bright, brand.dark)
    body = mix(body, WHITE, rng.uniform(0, 0.4))
    shine = mix(body, WHITE, 0.5)

    def paint(canvas: Canvas, x: float, foot: float, size: float) -> None:
        ratio = canvas.height / canvas.width
        half = size * ratio * (0.16, 0.3, 0.24, 0.24, 0.6)[kind]
        canvas.disc(x, foot, 1.1 * half / ratio, mix(brand.dark, BLACK, 0.6), 0.12)
        if kind == 0:
            canvas.box(x - half, foot - 0.62 * size, x + half, foot, body, 0.03)
            canvas.box(x - 0.4 * half, foot - 0.95 * size, x + 0.4 * half, foot - 0.55 * size, body)
            canvas.box(x - 0.5 * half, foot - size, x + 0.5 * half, foot - 0.9 * size, label)
            canvas.box(x - half, foot - 0.45 * size, x + half, foot - 0.15 * size, label)
        elif kind == 1:
            canvas.box(x - half, foot - 0.8 * size, x + half, foot, body)
            top, far, back = foot - 0.8 * size, x + 1.3 * half, foot - 0.88 * size
            canvas.shape(
                [(x + half, foot), (far, foot - 0.1 * size), (far, back), (x + half, top)], mix(body, BLACK, 0.3)
            )
            canvas.shape([(x - half, top), (x + half, top), (far, back), (x - 0.7 * half, back)], shine)
            canvas.box(x - 0.8 * half, foot - 0.6 * size, x + 0.8 * half, foot - 0.25 * size, label)
        elif kind == 2:
            canvas.box(x - half, foot - 0.95 * size, x + half, foot, BLACK, 0.04)
            canvas.box(x - 0.88 * half, foot - 0.88 * size, x + 0.88 * half, foot - 0.08 * size, body)
            for number in range(6):
                u, v = x - 0.5 * half + (number % 3) * 0.5 * half, foot - 0.7 * size + number // 3 * 0.2 * size
                canvas.disc(u, v, 0.06 * size, label)
        elif kind == 3:
            canvas.box(x - half, foot - 0.6 * size, x + half, foot, body)
            canvas.disc(x, foot - 0.6 * size, half / ratio, shine, 0.3)
            canvas.box(x - half, foot - 0.42 * size, x + half, foot - 0.14 * size, label)
        else:
            car(canvas, x - half, foot, 2 * half, body)
        if kind in (0, 1, 3):
            name_at = foot - (0.3, 0.42, 0, 0.28)[kind] * size
            canvas.text(x, name_at, brand.name, 0.12 * size, contrast(label), "mm")
            canvas.box(x - 0.8 * half, foot - 0.55 * size, x - 0.65 * half, foot - 0.05 * size, shine)

    return paint


def _product_shot(brand: Brand, rng: Rng) -> Painter:
    product = _product(brand, rng)
    light = mix(brand.bright, WHITE, rng.uniform(0.2, 0.8))
    back = mix(brand.dark, BLACK, rng.uniform(0, 0.6)) if rng.uniform() < 0.5 else mix(light, WHITE, 0.5)
    x = rng.uniform(0.25, 0.75)
    writing = 0.24 if x > 0.5 else 0.76
    size, grows = rng.uniform(0.6, 0.85), rng.uniform(-0.1, 0.2)
    price = f"{rng.integers(1, 99)}.{rng.choice([49, 90, 95, 99])}" if rng.uniform() < 0.5 else ""
    rays = rng.uniform() < 0.4

    def paint(canvas: Canvas, t: float) -> None:
        canvas.fill(back, mix(back, light, 0.5))
        if rays:
            canvas.shape(star(canvas, x, 0.5, 1.6, 14, 0.2), mix(back, light, 0.3))
        canvas.disc(x, 0.55, 0.45, mix(back, light, 0.5))
        canvas.blur(0.03)
        product(canvas, x + 0.02 * np.sin(6 * t), 0.9, size + grows * t)
        canvas.text(writing, 0.2, brand.name, 0.14, contrast(back), "mm")
        canvas.text(writing, 0.35, brand.slogan, 0.065, contrast(back), "mm")
        if price:
            canvas.shape(star(canvas, writing, 0.68, 0.2, 12, 0.8), brand.bright)
            canvas.text(writing, 0.68, price, 0.12, contrast(brand.bright), "mm")

    return paint


def _price_card(brand: Brand, rng: Rng) -> Painter:
    count = int(rng.integers(2, 5))
    products = [_product(Brand.pick(rng), rng) for _ in range(count)]
    prices = [f"{rng.integers(0, 60)}.{rng.choice([49, 79, 95, 99])}" for _ in range(count)]
    offer = str(rng.choice(["SALE", "-50%", "2 FOR 1", "OFFERS", "-30%"]))
    back = mix(brand.bright, WHITE, rng.uniform(0, 0.85))

    def paint(canvas: Canvas, t: float) -> None:
        canvas.fill(back, back)
        canvas.box(0, 0, 1, 0.24, brand.dark)
        canvas.text(0.04, 0.12, offer, 0.18, WHITE)
        canvas.text(0.96, 0.12, brand.name, 0.11, brand.bright, "rm")
        for number, (product, price) in enumerate(zip(products, prices, strict=True)):
            x = (number + 0.5) / count
            product(canvas, x, 0.78, min(0.5, 1.2 / count) + 0.02 * np.sin(8 * t + number))
            canvas.box(x - 0.09, 0.81, x + 0.09, 0.95, (210, 30, 30), 0.02)
            canvas.text(x, 0.88, price, 0.11, WHITE, "mm")

    return paint


def _split_screen(brand: Brand, rng: Rng) -> Painter:
    product, scene = _product(brand, rng), filmed(drama(rng), rng)
    edge, swapped = rng.uniform(0.4, 0.6), bool(rng.uniform() < 0.5)
    back = mix(brand.dark, WHITE, rng.uniform(0, 0.7))

    def paint(canvas: Canvas, t: float) -> None:
        canvas.fill(back, mix(back, brand.bright, 0.3))
        canvas.inset(scene, t, *((edge, 0, 1, 1) if swapped else (0, 0, edge, 1)))
        canvas.box(edge - 0.006, 0, edge + 0.006, 1, WHITE)
        x = edge / 2 if swapped else (1 + edge) / 2
        product(canvas, x, 0.72, 0.55)
        canvas.text(x, 0.86, brand.name, 0.12, contrast(back), "mm")

    return paint


def _end_card(brand: Brand, rng: Rng) -> Painter:
    pale = rng.uniform() < 0.4
    back = mix(brand.bright, WHITE, 0.85) if pale else brand.dark
    address = f"www.{brand.name.lower()}.com" if rng.uniform() < 0.7 else f"{brand.name.lower()}.com/{brand.goods}"
    small = bool(rng.uniform() < 0.5)

    def paint(canvas: Canvas, t: float) -> None:
        canvas.fill(back, mix(back, BLACK, 0.15))
        brand.mark(canvas, 0.5, 0.28, 0.13 + 0.02 * t)
        canvas.text(0.5, 0.54, brand.name, 0.2, contrast(back), "mm")
        canvas.text(0.5, 0.69, brand.slogan, 0.075, contrast(back), "mm")
        canvas.text(0.5, 0.82, address, 0.08, contrast(back), "mm")
        if small:
            terms = "Offer ends soon. Terms apply. See stores for details and stock."
            for y in (0.92, 0.96):
                canvas.text(0.5, y, terms, 0.03, contrast(back), "mm")

    return paint


# Advertisements that look like programmes.


def _wordmark(brand: Brand, rng: Rng) -> Painter:
    """A brand's name and slogan over a story shot."""
    y, side = rng.uniform(0.15, 0.85), float(rng.choice([0.26, 0.5, 0.74]))
    plain = bool(rng.uniform() < 0.4)

    def paint(canvas: Canvas, t: float) -> None:
        if not plain:
            canvas.box(side - 0.2, y - 0.09, side + 0.2, y + 0.12, brand.dark)
        canvas.text(side, y, brand.name, 0.14, WHITE, "mm")
        canvas.text(side, y + 0.09, brand.slogan, 0.055, WHITE, "mm")

    return paint


def _around_live(brand: Brand, live: Painter, rng: Rng) -> Painter:
    """The live picture in a corner, with the advertisement around it."""
    product = _product(brand, rng)
    size = rng.uniform(0.5, 0.68)
    right = bool(rng.uniform() < 0.5)

    def paint(canvas: Canvas, t: float) -> None:
        canvas.fill(brand.dark, mix(brand.dark, brand.bright, 0.3))
        left = 0.97 - size if right else 0.03
        canvas.inset(live, t, left, 0.05, left + size, 0.05 + size)
        product(canvas, (1 - size) / 2 if right else (1 + size) / 2, 0.62, 0.5)
        canvas.text(0.5, 0.86, f"{brand.name}  {brand.slogan}", 0.1, WHITE, "mm")

    return paint


def _phone_line(brand: Brand, rng: Rng) -> Painter:
    """The phone number band of a shopping channel, which looks like a ticker."""
    number = "0800 " + " ".join(str(pair) for pair in rng.integers(10, 99, 3))
    price = f"{rng.integers(9, 99)}.{rng.choice([90, 95, 99])}"

    def paint(canvas: Canvas, t: float) -> None:
        canvas.box(0, 0.84, 1, 0.97, brand.dark)
        canvas.text(0.03, 0.905, f"CALL {number}", 0.08, WHITE)
        canvas.box(0.76, 0.82, 1, 0.97, brand.bright)
        canvas.text(0.88, 0.895, price, 0.1, contrast(brand.bright), "mm")

    return paint
