"""Training: from packed splits and a configuration to a native model, interrupted or not.

A run is a function of its inputs: batches, random variations and the learning rate depend on the seed and the number
of the step alone, TensorFlow runs its deterministic kernels, and after every epoch the whole state goes to a
checkpoint. A run that is killed and started again therefore ends with the same bytes as one that was left alone.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

from slipway.data.shards import PackedSplit
from slipway.errors import DataError
from slipway.frameworks.keras import native
from slipway.frameworks.keras.native.runtime import keras, tf
from slipway.frameworks.keras.schema import Model, Train
from slipway.frameworks.keras.training import networks
from slipway.frameworks.keras.training.batches import steps_per_epoch, training_batches, validation_batches
from slipway.frameworks.keras.training.fingerprint import fingerprint
from slipway.frameworks.keras.training.optimization import optimizer
from slipway.frameworks.keras.training.progress import Bar
from slipway.frameworks.keras.training.run import Run
from slipway.frameworks.keras.training.transfer import start_from
from slipway.protocol import Spec


def fit(
    train: PackedSplit,
    val: PackedSplit,
    spec: Spec,
    model: Model,
    config: Train,
    *,
    seed: int,
    out: Path,
    checkpoints: Path,
    start: Path | None,
    track: Callable[[int, dict[str, float]], None],
) -> None:
    """Train the network of `model` and write it into the folder `out`.

    Args:
        train: inputs [n, height, width, channels] and classes [n] to learn from.
        val: the same, to judge each epoch by.
        spec: what the model takes and gives.
        model: the network.
        config: how it is trained.
        seed: where all randomness comes from.
        out: where the native model goes, whole or not at all.
        checkpoints: a folder that survives a kill; removed in the end.
        start: the file of a native model to start from, layer by layer where name and shape agree.
        track: called after each epoch with its number, from 1, and train/loss, train/accuracy, val/loss,
            val/accuracy and learning_rate.

    Raises:
        ConfigError: the configuration does not fit the data.
        DataError: a split is empty.
        ModelError: `start` does not fit, or the loss is no longer a number.
    """
    for name, split in (("train", train), ("val", val)):
        if not len(split):
            raise DataError(f"{split.folder}: the {name} split has no example; change data or split and prepare again")
    tf.config.experimental.enable_op_determinism()
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    network = networks.build(model, spec)
    if start is not None:
        start_from(network, start)
    steps = steps_per_epoch(len(train), config)
    method = optimizer(config, steps)
    method.build(network.trainable_variables)
    identity = fingerprint(train, val, spec, model, config, seed, start)
    run = Run(network, method, config.early_stopping, checkpoints, identity, track)
    epoch = run.resume()
    bar = Bar(config.epochs, steps, epoch)
    network.compile(
        method,
        keras.losses.CategoricalCrossentropy(label_smoothing=config.label_smoothing),
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
        jit_compile=False,
    )
    if epoch < config.epochs and not run.stopped:
        try:
            network.fit(
                training_batches(train, spec, config, seed, epoch * steps),
                initial_epoch=epoch,
                epochs=config.epochs,
                steps_per_epoch=steps,
                shuffle=False,
                validation_data=validation_batches(val, spec),
                callbacks=[run, bar],
                verbose=0,
            )
        finally:
            bar.close()
    network.set_weights(run.best)
    native.save(network, out)
    shutil.rmtree(checkpoints, ignore_errors=True)
