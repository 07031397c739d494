"""The length of a training: a number of epochs, or a number of steps chosen from the number of examples.

How many steps a network needs grows more slowly than the number of examples: each example of a small set is seen more
often. A length in epochs ignores this: it is too short for a few hundred examples, or too long for many.
"""

import math
from dataclasses import dataclass

from slipway.frameworks.keras.schema import LEAST_EPOCHS, MOST_EPOCHS, Train


@dataclass(frozen=True)
class Parts:
    """A training of `epochs` parts with `steps` steps each, after each of which the network is evaluated and saved."""

    epochs: int
    steps: int

    @property
    def total(self) -> int:
        """The number of steps."""
        return self.epochs * self.steps


def steps_per_pass(examples: int, config: Train) -> int:
    """Whole batches in a pass over the examples, at least 1; the examples left out differ from pass to pass."""
    return max(1, examples // config.batch_size)


def parts(examples: int, config: Train) -> Parts:
    """The parts of a training on `examples` examples, without those of a frozen phase.

    A part is a pass over the examples, if `config.epochs` is a number. Otherwise the total is the number of steps that
    `config.length` gives, rounded up to equal parts, but within its bounds.
    """
    a_pass = steps_per_pass(examples, config)
    if config.epochs != "auto":
        return Parts(config.epochs, a_pass)
    assert config.length is not None  # the schema requires it
    bounds = config.length
    wanted = min(max(bounds.steps * (examples / 1000) ** bounds.growth, bounds.least), bounds.most)
    most = min(max(round(wanted / a_pass), LEAST_EPOCHS), MOST_EPOCHS)
    steps = max(1, min(math.ceil(wanted / most), bounds.most // most))
    return Parts(max(LEAST_EPOCHS, min(most, math.ceil(wanted / steps))), steps)


def said(examples: int, config: Train, chosen: Parts) -> str:
    """A sentence on a length that was chosen from the number of examples."""
    passes = chosen.steps / steps_per_pass(examples, config)
    each = "" if 0.9 <= passes <= 1.1 else f", each of {passes:.2g} passes over the examples"
    return (
        f"{examples:,} training examples: {chosen.total:,} steps of {min(config.batch_size, examples):,} "
        f"({chosen.epochs} epochs{each})"
    )
