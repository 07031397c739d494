"""The optimizer of a run; its learning rate depends only on the step."""

from typing import Any

from slipway.frameworks.keras.native.runtime import keras
from slipway.frameworks.keras.schema import Train
from slipway.frameworks.keras.training.length import Parts


def optimizer(config: Train, parts: Parts) -> Any:
    """The optimizer of `config` for a run of that length; `config.epochs` is not read."""
    warmup = int(config.warmup_epochs * parts.steps)
    rate = keras.optimizers.schedules.CosineDecay(
        0.0 if warmup else config.learning_rate,
        parts.total - warmup,
        alpha=0.0 if config.schedule == "cosine" else 1.0,
        warmup_target=config.learning_rate if warmup else None,
        warmup_steps=warmup,
    )
    decay = config.weight_decay or None
    optimizers = keras.optimizers
    if config.optimizer in ("adam", "adamw"):  # the same in Keras, whose weight decay is always decoupled
        made = optimizers.Adam(rate, weight_decay=decay)
    elif config.optimizer == "sgd":
        made = optimizers.SGD(rate, momentum=0.9, nesterov=True, weight_decay=decay)
    else:
        made = optimizers.RMSprop(rate, rho=0.9, momentum=0.9, epsilon=1e-3, weight_decay=decay)
    if config.weight_decay:
        made.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return made
