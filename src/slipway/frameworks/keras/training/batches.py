"""The batches that a network is trained on: a pure function of the seed and the number of the step.

Step numbers flow through a `tf.data` pipeline that gathers a batch from the memory-mapped split, varies it and keeps a
few ahead of the network. Any step can be the first, which is what makes an interrupted run resumable.
"""

from typing import Any

import numpy as np

from slipway.data.shards import PackedSplit
from slipway.errors import ConfigError
from slipway.frameworks.keras.native.runtime import tf
from slipway.frameworks.keras.schema import Train
from slipway.frameworks.keras.training.augmentation import augment
from slipway.protocol import Spec

AHEAD = 4
VALIDATION_BATCH = 64


def steps_per_epoch(examples: int, config: Train) -> int:
    """Whole batches in an epoch; what is left over differs from epoch to epoch. A smaller split is one batch."""
    return max(1, examples // config.batch_size)


def training_batches(split: PackedSplit, spec: Spec, config: Train, seed: int, first_step: int) -> Any:
    """Batches of inputs [n, *shape] float32, one-hot targets [n, classes] and weights [n], from `first_step` on."""
    steps = steps_per_epoch(len(split), config)
    size = min(config.batch_size, len(split))
    epoch_order: tuple[int, np.ndarray] = (-1, np.empty(0, np.int64))

    def gather(step: np.int64) -> tuple[np.ndarray, np.ndarray]:
        nonlocal epoch_order
        epoch, batch = divmod(int(step), steps)
        if epoch_order[0] != epoch:
            epoch_order = epoch, np.random.default_rng((seed, epoch)).permutation(len(split))
        positions = epoch_order[1][batch * size : (batch + 1) * size]
        return split.gather(positions), split.targets[positions]

    classes = len(spec["outputs"])
    weights = tf.constant(class_weights(split.targets, spec, config), tf.float32)

    def load(step: Any) -> tuple[Any, Any, Any]:
        inputs, targets = tf.numpy_function(gather, [step], [split.dtype, split.targets.dtype], stateful=False)
        return step, tf.ensure_shape(inputs, (size, *split.shape)), tf.ensure_shape(targets, (size,))

    def vary(step: Any, inputs: Any, targets: Any) -> tuple[Any, Any, Any]:
        inputs = augment(inputs, config.augmentation, seed, step)
        return inputs, tf.one_hot(targets, classes), tf.gather(weights, targets)

    return (
        tf.data.Dataset.range(first_step, config.epochs * steps)
        .map(load)
        .map(vary, num_parallel_calls=2, deterministic=True)
        .prefetch(AHEAD)
    )


def validation_batches(split: PackedSplit, spec: Spec) -> Any:
    """Batches of the whole split in order: inputs float32 and one-hot targets."""
    classes = len(spec["outputs"])

    def gather(start: np.int64) -> tuple[np.ndarray, np.ndarray]:
        positions = np.arange(start, min(int(start) + VALIDATION_BATCH, len(split)))
        return split.gather(positions), split.targets[positions]

    def load(start: Any) -> tuple[Any, Any]:
        inputs, targets = tf.numpy_function(gather, [start], [split.dtype, split.targets.dtype], stateful=False)
        inputs = tf.cast(tf.ensure_shape(inputs, (None, *split.shape)), tf.float32)
        return inputs, tf.one_hot(tf.ensure_shape(targets, (None,)), classes)

    return tf.data.Dataset.range(0, len(split), VALIDATION_BATCH).map(load).prefetch(AHEAD)


def class_weights(targets: np.ndarray, spec: Spec, config: Train) -> np.ndarray:
    """The weight of each class in the loss, [classes].

    Raises:
        ConfigError: a weight is given for a class that does not exist.
    """
    names = list(spec["outputs"])
    if config.class_weights == "none":
        return np.ones(len(names))
    if config.class_weights == "balanced":
        counts = np.bincount(targets, minlength=len(names))
        present = counts > 0
        return np.where(present, len(targets) / (present.sum() * np.maximum(counts, 1)), 0.0)
    unknown = sorted(set(config.class_weights) - set(names))
    if unknown:
        raise ConfigError(f"train.class_weights names {', '.join(unknown)}; the classes are {', '.join(names)}")
    return np.array([config.class_weights.get(name, 1.0) for name in names])
