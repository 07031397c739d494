"""Colours with 8 bits per channel: conversion from hue, saturation and value, mixtures, and contrast."""

import colorsys

Colour = tuple[int, int, int]

WHITE: Colour = (245, 245, 245)
BLACK: Colour = (12, 12, 14)


def hsv(hue: float, saturation: float, value: float) -> Colour:
    """A colour from its hue, in turns, and its saturation and value, from 0 to 1; a value above 1 counts as 1."""
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, saturation, min(value, 1))
    return round(255 * red), round(255 * green), round(255 * blue)


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """Mix `one` with a share of `other`."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def contrast(back: Colour) -> Colour:
    """White or black, whichever is more readable on `back`."""
    return BLACK if 0.3 * back[0] + 0.59 * back[1] + 0.11 * back[2] > 140 else WHITE
