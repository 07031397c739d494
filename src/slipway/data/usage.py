"""How models of pictures, of sounds and of tables are called, for their cards."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from slipway.core.protocol import Column, Usage
from slipway.core.spec import Spec

MANY = "One gives one prediction, a list gives a list"
PICTURE = (
    "a path, the bytes of a JPEG, PNG or WebP file, a PIL image, or a NumPy array: uint8 [height, width, 3], RGB, 0 to "
    "255 (OpenCV has BGR: reverse it with array[..., ::-1])"
)
UPRIGHT = "A picture is turned upright by its EXIF orientation, and its transparent parts become white."
UNSCALED = "The values stay 0 to 255: the model scales them itself."
FROM_GOLDEN = "inputs of golden.npz are pictures of the test split as the model sees them"


def pictures(spec: Spec, shown: int) -> Usage:
    """Return how a model of whole pictures is called."""
    height, width, _ = spec["input"]["shape"]
    return Usage(
        example=f"a picture: {PICTURE}. {MANY}",
        imports="import numpy as np\n",
        code=f'example = np.load(f"{{folder}}/golden.npz")["inputs"][{shown}]  # or "picture.jpg"',
        origin=f"The {FROM_GOLDEN}.",
        file="picture.jpg",
        steps=(
            UPRIGHT,
            f"It is squashed to {width} x {height} pixels (width x height) with an antialiased bilinear filter; the "
            "ratio of its sides is not kept.",
            UNSCALED,
        ),
    )


def sounds(data: Mapping[str, Any], spec: Spec) -> Usage:
    """Return how a model of log-mel spectrograms is called; `data` are the settings of the windows.

    The example is a tone, since no sound can be made from a spectrogram.
    """
    return Usage(
        example=(
            "a sound: a path, the bytes of a WAV, FLAC, Ogg, MP3 or M4A file, or samples with their rate, "
            "(samples, rate in Hz): a NumPy array [n] or [n, channels], floats from -1 to 1 or integers of the "
            f"whole range of their type. {MANY}"
        ),
        imports="import numpy as np\n",
        code=(
            f"rate = {data['sample_rate']}\n"
            "seconds = np.arange(3 * rate) / rate\n"
            'example = (np.sin(2 * np.pi * 440 * seconds), rate)  # or "sound.wav"'
        ),
        origin="A tone stands for a sound, because golden.npz has spectrograms, which cannot be played.",
        file="sound.wav",
        steps=(
            f"Channels are averaged, the sound is resampled to {data['sample_rate']:,} Hz, and digital silence at "
            "both ends is removed.",
            f"It is cut into windows of {spec['input']['seconds']:.4g} s that overlap by at least "
            f"{data['overlap']:.0%}; a shorter sound is repeated. The prediction is the mean over the windows.",
            f"A window becomes a log-mel spectrogram: {data['mels']} bands from {data['fmin']:g} to "
            f"{data['fmax']:g} Hz, {data['floor']:g} to {data['ceiling']:g} dB as 0 to 255.",
        ),
    )


def made_up(columns: Sequence[Column]) -> dict[str, Any]:
    """Return a row that a model takes: 0 for each number, a fixed date, the first category."""
    fixed = {"number": 0, "date": "2024-01-01"}
    return {one.name: fixed[one.kind] if one.kind in fixed else next(iter(one.values), None) for one in columns}


def may_lack(name: str, spec: Spec) -> bool | None:
    """Return whether a row may have no value in a column; None if the spec does not say, as those of older releases."""
    return name in spec["gaps"]["missing"] if "gaps" in spec else None


def dictionary(values: Mapping[str, Any], indent: int = 0) -> str:
    """Return a dictionary as Python with one line for each value; a value of type `Code` is written unchanged."""
    begin = " " * indent
    lines = [f"{begin}    {literal(name)}: {literal(value)},\n" for name, value in values.items()]
    return f"{{\n{''.join(lines)}{begin}}}"


class Code(str):
    """Text that is Python code."""

    __slots__ = ()


def literal(value: Any) -> str:
    """Return a value as a Python literal on one line, a text in double quotes if it contains none."""
    if isinstance(value, Code):
        return value
    written = repr(value)
    return f'"{written[1:-1]}"' if isinstance(value, str) and '"' not in written else written


def shortest(value: np.float32) -> int | float | None:
    """Return the shortest number that is this float32, None for NaN."""
    if np.isnan(value):
        return None
    number = float(str(value))
    return int(number) if number.is_integer() and abs(number) < 2**53 else number
