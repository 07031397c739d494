"""A task is a kind of model: what its raw data looks like, how an example becomes numbers, how predictions are scored.

Each task is a package with a class `Task`, which implements the protocol in `slipway.core.protocol`, and a section
model `Data`.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from slipway.core.metric import Metric
    from slipway.core.protocol import Task


def kind(task: str) -> type[Task]:
    """Return the class of the task named `task`, which declares what is the same for all its variants."""
    found: type[Task] = importlib.import_module(f"slipway.tasks.{task}").Task
    return found


def metrics(task: str) -> Mapping[str, Metric]:
    """Return every metric that a variant of the task named `task` can have, by name."""
    of: Any = kind(task)
    found: Mapping[str, Metric] = of.metrics
    return found


def load(task: str, data: Mapping[str, Any]) -> Task:
    """Return the task named `task` for a variant's `data` section."""
    of = kind(task)
    return of(of.Data(**data))
