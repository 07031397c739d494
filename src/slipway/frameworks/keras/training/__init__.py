"""Training: from packed splits and a configuration to a native model, with resumption after an interruption.

A run is a function of its inputs: batches, augmentation and the learning rate depend only on the seed and the step
number, TensorFlow runs its deterministic kernels on as many threads as the configuration says, and the whole state goes
to a checkpoint after every epoch. So a run that is killed and started again, even on another number of cores, ends with
the same bytes as an uninterrupted run.
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from slipway.core.config import Section
from slipway.core.errors import ConfigError, DataError
from slipway.core.spec import Spec
from slipway.core.terminal import Console
from slipway.data.shards import PackedSplit
from slipway.frameworks.keras import native
from slipway.frameworks.keras.native.runtime import keras, tf
from slipway.frameworks.keras.schema import Train
from slipway.frameworks.keras.training import length
from slipway.frameworks.keras.training.batches import training_batches, validation_batches
from slipway.frameworks.keras.training.fingerprint import fingerprint
from slipway.frameworks.keras.training.objective import Objective
from slipway.frameworks.keras.training.optimization import optimizer
from slipway.frameworks.keras.training.progress import Bar
from slipway.frameworks.keras.training.run import Run
from slipway.frameworks.keras.training.transfer import start_from


def fit(
    train: PackedSplit,
    val: PackedSplit,
    spec: Spec,
    objective: type[Objective],
    model: Section,
    config: Train,
    *,
    seed: int,
    out: Path,
    checkpoints: Path,
    start: Path | None,
    track: Callable[[int, dict[str, float]], None],
) -> dict[str, int]:
    """Train the network of `model` and write it into the folder `out`.

    Args:
        train: inputs [n, *shape] and targets [n, *target] to learn from.
        val: the same, to evaluate each epoch on.
        spec: the inputs and outputs of the model.
        objective: the training objective of the task.
        model: the configuration of the network.
        config: the configuration of the training.
        seed: the source of all randomness.
        out: the folder for the native model, written atomically.
        checkpoints: a folder, named after the run, that survives a kill; removed at the end.
        start: the file of a network to start from, see `start_from`; what is copied is printed.
        track: called after each epoch with its number, from 1, and train/loss, val/loss, learning_rate
            and the objective's metrics.

    Returns:
        What the configuration left to the data: with `epochs: auto`, the number of examples and the steps and epochs
        chosen from it; with `early_stopping`, the `best_epoch`, whose weights are kept.

    Raises:
        ConfigError: the configuration does not fit the data.
        DataError: a split is empty.
        ModelError: `start` does not fit, or the loss is not finite.
    """
    for name, split in (("train", train), ("val", val)):
        if not len(split):
            raise DataError(f"{split.folder}: the {name} split has no example; change data or split and prepare again")
    if config.frozen is not None and start is None:
        raise ConfigError(
            "train.frozen is set, but there is no model to start from, so no layer can be frozen; "
            "unset train.frozen, or start from another variant"
        )
    tf.config.threading.set_intra_op_parallelism_threads(config.threads)
    tf.config.experimental.enable_op_determinism()
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    task_objective = objective(spec, model, config, train.targets)
    network = task_objective.network()
    taken = None if start is None else start_from(network, start)
    if taken is not None:
        Console().print(f"{start}: {taken.words}", highlight=False, markup=False, soft_wrap=True)
    copied = () if taken is None else taken.copied
    parts = length.parts(len(train), config)
    phases = _phases(network, config, parts, copied)
    identity = fingerprint(train, val, spec, model, config, seed, start)
    if config.epochs == "auto":
        Console().print(
            f"{checkpoints.name}: {length.said(len(train), config, parts)}", highlight=False, soft_wrap=True
        )
    run = Run(network, [phase.optimizer for phase in phases], config.early_stopping, checkpoints, identity, track)
    epoch = run.resume()
    bar = Bar(checkpoints.name, phases[-1].end, parts.steps, epoch)
    try:
        for phase in phases:
            if epoch >= phase.end or run.stopped:
                continue
            for layer in network.layers:
                layer.trainable = layer.name not in phase.frozen
            network.compile(
                phase.optimizer, task_objective.loss(), metrics=list(task_objective.metrics()), jit_compile=False
            )
            network.fit(
                training_batches(train, task_objective, config, seed, epoch * parts.steps, phase.end * parts.steps),
                initial_epoch=epoch,
                epochs=phase.end,
                steps_per_epoch=parts.steps,
                shuffle=False,
                validation_data=validation_batches(val, task_objective),
                callbacks=[run, bar],
                verbose=0,
            )
            epoch = phase.end
    finally:
        bar.close()
    network.set_weights(run.best)
    native.save(network, out)
    shutil.rmtree(checkpoints, ignore_errors=True)
    chosen = {"examples": len(train), "steps": parts.total, "epochs": parts.epochs} if config.epochs == "auto" else {}
    return chosen if run.best_epoch is None else chosen | {"best_epoch": run.best_epoch}


class _Phase(NamedTuple):
    """Epochs up to `end` with one optimizer, during which the layers `frozen` do not change."""

    end: int
    optimizer: Any
    frozen: frozenset[str]


def _phases(network: Any, config: Train, parts: length.Parts, copied: Sequence[str]) -> list[_Phase]:
    """The phases of a training, with built optimizers."""
    phases = []
    before = 0
    if config.frozen is not None:
        frozen = frozenset(copied) - {network.layers[-1].name}
        before = config.frozen.epochs
        rates = {"learning_rate": config.frozen.learning_rate, "warmup_epochs": 0.0}
        first = optimizer(config.model_copy(update=rates), replace(parts, epochs=before))
        first.build([v for layer in network.layers if layer.name not in frozen for v in layer.trainable_variables])
        phases.append(_Phase(before, first, frozen))
    last = optimizer(config, parts)
    last.build(network.trainable_variables)
    return [*phases, _Phase(before + parts.epochs, last, frozenset())]
