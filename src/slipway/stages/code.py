"""Writes params/code.yaml: a digest of the code that each stage runs, by framework, task or simulator.

Every other stage has its digest among its parameters. So a stage runs again when code that it runs has changed,
whichever module that is in, and not for a comment or a docstring.
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
    "evaluate": ("slipway.tasks.{task}", "slipway.frameworks.{framework}.native"),
    "convert-tflite": (
        "slipway.tasks.{task}",
        "slipway.frameworks.{framework}.native",
        "slipway.frameworks.{framework}.conversion",
    ),
    "benchmark": ("slipway.frameworks.{framework}.native", "slipway_edge.interpreter"),
    "register": ("slipway.tasks.{task}",),
}
"""What each stage imports by a name that it makes up, beside its own import statements. That this is all is shown in
tests/test_pipeline.py, by what the stages had imported when they ended."""
HEADER = "# The code that each stage runs, as a digest. Written by the code stage, so that DVC sees what has changed.\n"


def code() -> None:
    """Write params/code.yaml."""
    atomic.write_text(CODE, HEADER + yaml.safe_dump(digests(), sort_keys=False))


def digests() -> dict[str, Any]:
    """The digest of each stage: by framework and task or by simulator, where other code runs for another one."""
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
        "compose": source.digest(every),  # all of it, since compose says which names there are
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
    }


def roots(stage: str, **names: str) -> list[str]:
    """The modules that a stage begins with for a `task`, a `framework` and a `simulator`: all it runs they import."""
    return [f"slipway.stages.{stage.replace('-', '_')}", *(one.format(**names) for one in LOADS[stage])]


def _digest(stage: str, **names: str) -> str:
    return source.digest(roots(stage, **names))


def _names(*package: str) -> list[str]:
    """The modules of a package within this one."""
    return sorted(one.name for one in pkgutil.iter_modules([str(Path(slipway.__path__[0], *package))]))


if __name__ == "__main__":
    run(code)
