"""The batches that a network is trained on: a pure function of the seed and the step number.

Step numbers flow through a `tf.data` pipeline that gathers a batch from the memory-mapped split, calls the objective to
augment it and prefetches a few batches. Any step can be the first, so an interrupted run can resume.
"""

from typing import Any

import numpy as np

from slipway.data.shards import PackedSplit
from slipway.frameworks.keras.native.runtime import tf
from slipway.frameworks.keras.schema import Train
from slipway.frameworks.keras.training.length import steps_per_pass
from slipway.frameworks.keras.training.objective import Objective

AHEAD = 4
VALIDATION_BATCH = 64


def training_batches(
    split: PackedSplit, objective: Objective, config: Train, seed: int, first_step: int, last_step: int
) -> Any:
    """Augmented batches from `first_step` up to but not including `last_step`."""
    steps = steps_per_pass(len(split), config)
    size = min(config.batch_size, len(split))
    order: tuple[int, np.ndarray] = (-1, np.empty(0, np.int64))

    def gather(step: np.int64) -> tuple[np.ndarray, np.ndarray]:
        nonlocal order
        number, batch = divmod(int(step), steps)
        if order[0] != number:
            order = number, np.random.default_rng((seed, number)).permutation(len(split))
        positions = order[1][batch * size : (batch + 1) * size]
        return split.gather(positions), split.targets[positions]

    def load(step: Any) -> tuple[Any, Any, Any]:
        inputs, targets = tf.numpy_function(gather, [step], [split.dtype, split.targets.dtype], stateful=False)
        return step, *_shaped(split, inputs, targets, size)

    def augment(step: Any, inputs: Any, targets: Any) -> tuple[Any, ...]:
        return objective.augment(inputs, targets, seed, step)

    return (
        tf.data.Dataset.range(first_step, last_step)
        .map(load)
        .map(augment, num_parallel_calls=2, deterministic=True)
        .prefetch(AHEAD)
    )


def validation_batches(split: PackedSplit, objective: Objective) -> Any:
    """Batches of the whole split, in order."""

    def gather(start: np.int64) -> tuple[np.ndarray, np.ndarray]:
        positions = np.arange(start, min(int(start) + VALIDATION_BATCH, len(split)))
        return split.gather(positions), split.targets[positions]

    def load(start: Any) -> tuple[Any, ...]:
        inputs, targets = tf.numpy_function(gather, [start], [split.dtype, split.targets.dtype], stateful=False)
        return objective.plain(*_shaped(split, inputs, targets, None))

    return tf.data.Dataset.range(0, len(split), VALIDATION_BATCH).map(load).prefetch(AHEAD)


def _shaped(split: PackedSplit, inputs: Any, targets: Any, size: int | None) -> tuple[Any, Any]:
    """A gathered batch with the shapes that TensorFlow cannot infer."""
    return tf.ensure_shape(inputs, (size, *split.shape)), tf.ensure_shape(targets, (size, *split.targets.shape[1:]))
