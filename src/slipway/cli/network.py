"""The network of a new variant, by the number of training examples and the size of the pictures.

conf/new/<task>.yaml names a network for many examples (`groups.model`), and in `fewer` others for fewer and smaller
ones, of which the first that suits is taken.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from slipway.core.errors import ConfigError

OPTIONS = Path("conf/model")


def check(model: str | None) -> None:
    """Check that there is such an option; whether it suits the task shows when the variant is composed.

    Raises:
        ConfigError: there is none.
    """
    known = sorted(path.stem for path in OPTIONS.glob("*.yaml"))
    if model is not None and model not in known:
        raise ConfigError(f"--model: {OPTIONS}/{model}.yaml: no such file; it has {', '.join(known)}")


def network(recipe: Mapping[str, Any], examples: int, data: Mapping[str, Any]) -> tuple[str, str]:
    """Return the option of the group `model` for so many training examples, and why it was chosen.

    Args:
        recipe: the content of conf/new/<task>.yaml.
        examples: the number of training examples.
        data: the composed section `data`, with `height` and `width` in pixels if `fewer` has a `side`.
    """
    fewer = recipe.get("fewer", [])
    if not fewer:
        return recipe["groups"]["model"], ""
    what = f"for {examples:,} training examples of {data['height']} x {data['width']} px"
    side = max(data["height"], data["width"])
    for one in fewer:
        if examples < one["below"] and side <= one.get("side", side):
            return one["model"], f"{what}, since it learns from random weights in few steps"
    return recipe["groups"]["model"], f"{what}, enough to learn it from random weights"
