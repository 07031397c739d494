"""Write params/code.yaml: a digest of the code that each stage runs, by framework, task or simulator.

The digest is a parameter of every other stage. So a stage runs again when any code that it runs has changed, in any
module, but not when a comment or a docstring has.
"""

import pkgutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

import slipway
from slipway.core import atomic, source
from slipway.core.config import CODE
from slipway.stages import run

LOADS: Mapping[str, tuple[str, ...]] = {
    "compose": (
        "slipway.tasks.{task}",
        "slipway.frameworks.{framework}.schema.{task}",
        "slipway.simulators.{simulator}",
    ),
    "simulate": ("slipway.simulators.{simulator}",),
    "prepare": ("slipway.tasks.{task}",),
    "train": (
        "slipway.frameworks.{framework}.schema.{task}",
        "slipway.frameworks.{framework}.objectives.{task}",
        "slipway.frameworks.{framework}.training",
        "slipway.frameworks.{framework}.native",
    ),
    "evaluate": (
        "slipway.tasks.{task}",
        "slipway.frameworks.{framework}.native",
        "slipway.frameworks.{framework}.steps",
    ),
    "convert-tflite": (
        "slipway.tasks.{task}",
        "slipway.frameworks.{framework}.native",
        "slipway.frameworks.{framework}.conversion",
    ),
    "benchmark": ("slipway.frameworks.{framework}.native", "slipway_edge.interpreter"),
    "register": ("slipway.tasks.{task}",),
    "baseline": ("slipway.tasks.{task}", "slipway.frameworks.keras.native.runtime"),
}
"""The modules that each stage imports by a computed name, in addition to its import statements. tests/test_pipeline.py
checks that the list is complete, by the modules that the stages have imported when they end."""
HEADER = "# The code that each stage runs, as a digest. Written by the code stage, so that DVC sees what has changed.\n"


def code() -> None:
    """Write params/code.yaml."""
    atomic.write_text(CODE, HEADER + yaml.safe_dump(digests(), sort_keys=False))


def digests() -> dict[str, Any]:
    """Return the digest of each stage, by framework and task or by simulator where the code depends on them."""
    simulators, frameworks, tasks = _names("simulators"), _names("frameworks"), _names("tasks")
    pairs = {framework: _names("frameworks", framework, "schema") for framework in frameworks}
    every = [
        root
        for framework, fitted in pairs.items()
        for task in fitted
        for simulator in simulators
        for root in roots("compose", framework=framework, task=task, simulator=simulator)
    ]
    return {
        "compose": source.digest(every),  # all modules, since compose lists the known names
        "simulate": {name: _digest("simulate", simulator=name) for name in simulators},
        "prepare": {task: _digest("prepare", task=task) for task in tasks},
        **{
            stage: {
                framework: {task: _digest(stage, framework=framework, task=task) for task in fitted}
                for framework, fitted in pairs.items()
            }
            for stage in ("train", "evaluate", "convert-tflite")
        },
        "benchmark": {name: _digest("benchmark", framework=name) for name in frameworks},
        "register": {task: _digest("register", task=task) for task in tasks},
        "baseline": {task: _digest("baseline", task=task) for task in tasks},
    }


def roots(stage: str, **names: str) -> list[str]:
    """Return the modules whose imports are all the code that a stage runs for a `task`, `framework` and `simulator`."""
    return [f"slipway.stages.{stage.replace('-', '_')}", *(one.format(**names) for one in LOADS[stage])]


def _digest(stage: str, **names: str) -> str:
    return source.digest(roots(stage, **names))


def _names(*package: str) -> list[str]:
    """Return the names of the modules in a package of slipway."""
    return sorted(one.name for one in pkgutil.iter_modules([str(Path(slipway.__path__[0], *package))]))


if __name__ == "__main__":
    run(code)
