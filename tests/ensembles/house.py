"""A repository with versions that can answer together: two variants on the same rows, all with golden examples.

Each predicts whether the ball is seen, by a logistic function of `x`. `mine` has v1.0.0 (slope 4) and v1.1.0 (slope 8),
`yours` has v1.0.0 (slope 2, offset 0.4), whose model gives NaN where `x` is 1,000 or more. Each v1.0.0 is in
production.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import yaml

import released
from slipway.ensembles import definition, members
from slipway.ensembles.members import Ensemble
from slipway.frameworks.catboost.conversion.graph import DYNAMIC, Graph
from slipway.registry import state

FILE: dict[str, Any] = {
    "description": "Two views of the ball.",
    "members": {"mine@v1.0.0": 0.6, "yours@production": 0.4},
    "voting_strategy": "weighted_average",
}
SLOPES = {"mine@v1.0.0": (4.0, 0.0), "mine@v1.1.0": (8.0, 0.0), "yours@v1.0.0": (2.0, 0.4)}
"""Slope and offset of each version."""
FRAGILE = 1000.0
"""Where the model of `yours` gives NaN."""


def content(**changes: Any) -> bytes:
    """Return the file of an ensemble."""
    return yaml.safe_dump({**FILE, **changes}, sort_keys=False).encode()


def define(name: str = "both", **changes: Any) -> None:
    """Write the definition of an ensemble."""
    path = definition.path_of(name)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content(**changes))


def assembled(name: str = "both") -> Ensemble:
    """Return an ensemble of the working folder."""
    variants = state.read()
    return members.assemble(name, definition.read(name), variants, members.holders(variants))


def fragile(slope: float, offset: float) -> bytes:
    """Return a logistic model whose output is NaN for inputs of `FRAGILE` and more."""
    graph = Graph("fragile", (DYNAMIC, 1))
    scaled = graph.add("MUL", [graph.input, np.float32([slope])], (DYNAMIC, 1))
    moved = graph.add("ADD", [scaled, np.float32([offset])], (DYNAMIC, 1))
    infinite = graph.add("MUL", [graph.input, np.float32([1e36])], (DYNAMIC, 1))
    nothing = graph.add("MUL", [infinite, np.float32([0])], (DYNAMIC, 1))
    total = graph.add("ADD", [moved, nothing], (DYNAMIC, 1))
    return graph.serialize(graph.add("LOGISTIC", [total], (DYNAMIC, 1)))


def version(variant: str, name: str, slope: float, offset: float = 0.0, **options: Any) -> None:
    """Build and register a version, without a role."""
    released.build(variant, slope, offset, golden=True, **options)
    released.commit(f"{variant} {name}")
    released.git("tag", "-a", f"{variant}@{name}", "-m", "register")


def promote(variant: str, name: str, number: int, role: str = "production") -> None:
    """Give a role to a version, as `slipway promote` does."""
    released.git("tag", "-a", f"{variant}#{role}#{number}", f"{variant}@{name}^{{}}", "-m", "promote")


def built() -> None:
    """Create the repository in the working folder."""
    released.begin("mine", "yours")
    (slope, offset), mine, second = SLOPES["yours@v1.0.0"], SLOPES["mine@v1.0.0"], SLOPES["mine@v1.1.0"]
    released.build("yours", slope, offset, golden=True, model=fragile(slope, offset))
    version("mine", "v1.0.0", *mine)
    released.git("tag", "-a", "yours@v1.0.0", "-m", "register")
    version("mine", "v1.1.0", *second)
    promote("mine", "v1.0.0", 1)
    promote("yours", "v1.0.0", 1)


def probability(x: float, *versions: str, weights: Mapping[str, float] | None = None) -> float:
    """Return the weighted mean of the probabilities of versions at `x`; all weigh the same without `weights`."""
    each = {name: 1 / (1 + np.exp(-(SLOPES[name][0] * x + SLOPES[name][1]))) for name in versions}
    of = weights or dict.fromkeys(versions, 1 / len(versions))
    return float(sum(of[name] * each[name] for name in versions))
