"""Random augmentation of a batch of log-mel spectrograms, drawn from (seed, step) only.

All random numbers of a batch are drawn at once, one column for each variation, so that turning a variation on or off
does not change the others; noise has separate draws. Stretch and pitch are one affine resampling. Noise and mixtures
add up in power, not in decibels, as real sounds do. Masks are those of SpecAugment (Park et al., Interspeech 2019);
mixup is that of Zhang et al., ICLR 2018, with uniformly drawn shares (Tokozume et al., "Learning from between-class
examples for deep sound recognition", ICLR 2018).
"""

import math
from typing import Any

from slipway.frameworks.keras.native.runtime import tf
from slipway.frameworks.keras.schema.audio_classification import Augmentation

DRAWS = (
    "gain",
    "shift",
    "stretch",
    "pitch",
    "noise",
    "tilt",
    "time_start",
    "time_length",
    "pitch_start",
    "pitch_length",
    "mix",
    "partner",
    "share",
)
TILT = 20.0
"""The largest difference in dB between the noise at the highest pitch and at the lowest."""


def augment(inputs: Any, config: Augmentation, step_db: float, seed: int, step: Any) -> tuple[Any, Any, Any]:
    """Augment spectrograms `inputs` [n, mels, frames, 1] in 0..255, where a step of 1 is `step_db` dB.

    Returns:
        The spectrograms, float32 of the same shape in 0..255; for each the position [n] of the spectrogram that it is
        mixed with, and its own share [n], which is 1 if it is not mixed.
    """
    seeds = tf.stack([tf.cast(seed, tf.int64), tf.cast(step, tf.int64)])
    count = tf.shape(inputs)[0]
    numbers = tf.random.stateless_uniform([count, len(DRAWS)], seeds)
    draws = dict(zip(DRAWS, tf.unstack(numbers, axis=1), strict=True))
    x = tf.cast(inputs, tf.float32)
    if config.shift:
        x = _rolled(x, _signed(draws["shift"]) * config.shift)
    if config.stretch or config.pitch:
        x = _resampled(x, config, draws)
    if config.gain:
        # A value at the floor was below it by an unknown amount, so it stays there.
        x = tf.where(x > 0, x + _each(_signed(draws["gain"]) * config.gain / step_db), 0.0)
    if config.noise:
        x = _noisy(x, config.noise, step_db, draws, seeds)
    partner = tf.argsort(draws["partner"])
    share = tf.where(draws["mix"] < config.mixup, draws["share"], 1.0)
    if config.mixup:
        x = _sum(x, tf.gather(x, partner), _each(share), step_db)
    if config.time_mask:
        x = _masked(x, draws["time_start"], draws["time_length"] * config.time_mask, 2)
    if config.pitch_mask:
        x = _masked(x, draws["pitch_start"], draws["pitch_length"] * config.pitch_mask, 1)
    return tf.clip_by_value(x, 0.0, 255.0), partner, share


def _rolled(x: Any, by: Any) -> Any:
    """Shift each window cyclically by a share of its length."""
    frames = x.shape[2]
    moved = tf.cast(tf.round(by * frames), tf.int32)
    places = (tf.range(frames)[None] - moved[:, None]) % frames
    return tf.gather(x, places, axis=2, batch_dims=1)


def _resampled(x: Any, config: Augmentation, draws: dict[str, Any]) -> Any:
    """Stretch each window in time about its middle and move it in pitch; fill the outside with its mirror image."""
    mels, frames = x.shape[1:3]
    scale = tf.exp(_signed(draws["stretch"]) * -math.log(1 - config.stretch))
    zero, one = tf.zeros_like(scale), tf.ones_like(scale)
    rows = [scale, zero, (1 - scale) * (frames - 1) / 2, zero, one, _signed(draws["pitch"]) * config.pitch * mels]
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=x,
        transforms=tf.stack([*rows, zero, zero], axis=1),
        output_shape=[mels, frames],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="REFLECT",
    )


def _noisy(x: Any, loudest: float, step_db: float, draws: dict[str, Any], seeds: Any) -> Any:
    """Add Gaussian noise with a linear spectrum in dB; its power in each cell is exponentially distributed."""
    drawn = tf.random.stateless_uniform(tf.shape(x), seeds + tf.constant([1, 0], tf.int64), minval=1e-6)
    level = draws["noise"] * loudest / step_db
    tilt = tf.linspace(-0.5, 0.5, x.shape[1])[None, :, None, None] * _each(_signed(draws["tilt"])) * TILT / step_db
    noise = _each(level) + tilt + 10 * tf.math.log(-tf.math.log(drawn)) / math.log(10) / step_db
    return _sum(x, noise, 0.5, step_db) + 10 * math.log10(2) / step_db


def _sum(x: Any, y: Any, share: Any, step_db: float) -> Any:
    """The sum of `share` of the power of x and the remaining share of the power of y, in steps of dB."""
    nepers = step_db * math.log(10) / 10
    louder = tf.maximum(x, y)
    power = share * tf.exp((x - louder) * nepers) + (1 - share) * tf.exp((y - louder) * nepers)
    return louder + tf.math.log(tf.maximum(power, 1e-6)) / nepers


def _masked(x: Any, start: Any, length: Any, axis: int) -> Any:
    """Replace an interval of `length` (a share of the axis) by the mean of the window."""
    size = x.shape[axis]
    start = start * (1 - length)
    places = (tf.range(size, dtype=tf.float32)[None] + 0.5) / size
    inside = (places >= start[:, None]) & (places < (start + length)[:, None])
    inside = inside[:, None, :, None] if axis == 2 else inside[:, :, None, None]
    return tf.where(inside, tf.reduce_mean(x, axis=[1, 2, 3], keepdims=True), x)


def _signed(draw: Any) -> Any:
    """Map a draw from 0..1 to -1..1."""
    return draw * 2 - 1


def _each(value: Any) -> Any:
    """Reshape [n] so that it broadcasts over [n, mels, frames, 1]."""
    return value[:, None, None, None]
