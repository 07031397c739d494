"""Write the raw data of a simulated variant into `data/raw/<variant>`."""

import importlib
from pathlib import Path

from slipway.core import atomic, config
from slipway.stages import run


def simulate(variant: str, simulator: str) -> None:
    """Run the simulator with the variant's `simulate` section."""
    values = config.read(variant)
    module = importlib.import_module(f"slipway.simulators.{simulator}")
    with atomic.folder(Path("data/raw") / variant) as out:
        module.simulate(module.World(**values["simulate"]), values["seed"], out)


if __name__ == "__main__":
    run(simulate)
