"""Write `experiments/<id>.yaml` for a new experiment."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from slipway.core import atomic
from slipway.core.errors import ConfigError
from slipway.ensembles import standing
from slipway.ensembles.definition import FOLDER as ENSEMBLES
from slipway.ensembles.standing import Standing
from slipway.experiments import definition, history
from slipway.experiments.definition import FOLDER, Experiment
from slipway.registry import state
from slipway.registry.grammar import ROLES
from slipway.registry.state import Variant
from slipway.statistics.power import sample_size

GUARDRAIL = "errors"
_TEXT = """\
hypothesis: {hypothesis}
model: {model}
arms:                       # the first one is the control
{arms}
allocation:                 # percent of the units that take part
{allocation}
share: 100                  # percent of all units; a wider share takes in more units and moves none
unit: caller                # who says in X-Unit who it is; or request
# A metric that the log does not have comes from outcomes (POST /api/v1/outcomes). With of_unit: any or sum a unit
# without an outcome counts as 0; with mean, the default, it does not count.
metrics:
{metrics}
minimum_sample: {sample}    # units of the smallest arm; here the goal is decided
maximum_days: 14
"""
_BANDIT = """\
bandit:                     # the shares of the arms follow the rewards; the allocation is the start
  reward_metric: {goal}
  exploration_rate: 0.05    # of the units, which get their arms at random
  update_frequency: 1h
"""


def create(
    name: str,
    *,
    model: str,
    arms: Mapping[str, str],
    goal: str,
    better: Literal["higher", "lower"],
    sample: int,
    hypothesis: str | None = None,
    bandit: bool = False,
) -> tuple[Path, Experiment]:
    """Write the file of a new experiment, with equal arms, and errors as guardrail.

    Args:
        name: its id.
        model: the variant.
        arms: a version, a role or `ensembles/NAME` for each arm; the first is the control. A role becomes its holder's
            version, and an ensemble gets its version.
        goal: the metric that is to become better.
        better: whether higher or lower values of it are better.
        sample: the units of the smallest arm.
        hypothesis: what is expected; by default, that the goal becomes better.
        bandit: whether the shares of the arms follow the goal.

    Returns:
        The path of the file, and the experiment.

    Raises:
        ConfigError: the id is used already, or an argument is malformed.
        RegistryError: a version is not there, or may not answer requests.
    """
    definition.check_id(name)
    path = FOLDER / f"{name}.yaml"
    if path.exists() or name in history.read():
        raise ConfigError(f"{name} is the id of an experiment already; choose another, since its units have their arms")
    variants = state.read()
    ensembles = standing.here(variants)
    versions = {arm: _version(model, version, variants, ensembles) for arm, version in arms.items()}
    part = math.floor(10_000 / len(arms)) / 100
    shares = dict.fromkeys(arms, part)
    shares[next(iter(arms))] = round(100 - part * (len(arms) - 1), 2)
    goals = [f"  {goal}: {{role: goal, better: {better}}}"]
    if goal != GUARDRAIL:
        goals.append(f"  {GUARDRAIL}: {{role: guardrail, better: lower, margin: 0.01}}")
    text = _TEXT.format(
        hypothesis=json.dumps(hypothesis or f"{goal} becomes {better}", ensure_ascii=False),
        model=model,
        arms="\n".join(f"  {arm}: {version}" for arm, version in versions.items()),
        allocation="\n".join(f"  {arm}: {share:g}" for arm, share in shares.items()),
        metrics="\n".join(goals),
        sample=sample,
    )
    text += _BANDIT.format(goal=goal) if bandit else ""
    experiment = definition.parse(text.encode(), name, path.as_posix())
    history.check_versions(experiment, variants, ensembles)
    path.parent.mkdir(exist_ok=True)
    atomic.write_text(path, text)
    return path, experiment


def _version(model: str, version: str, variants: Mapping[str, Variant], ensembles: Standing) -> str:
    """What a definition says for a version, a role or an ensemble."""
    kind, _, name = version.partition("/")
    if kind == ENSEMBLES.as_posix() and "@" not in name:
        return f"{version}@{ensembles.find(name).version}"
    if definition.ensemble_of(version) is not None:
        return version
    return state.find(variants, f"{model}{'#' if version in ROLES else '@'}{version}").version


def sample(effect: float | None, deviation: float | None, arms: int) -> int:
    """Return the units of each arm that find an effect with a probability of 0.8.

    Args:
        effect: the smallest difference that matters.
        deviation: the standard deviation of the metric over units.
        arms: the number of arms.

    Raises:
        ConfigError: one of both is missing, or out of its range.
    """
    if effect is None or deviation is None:
        raise ConfigError(
            "how many units? Give --sample, or --effect (the smallest difference that matters) and --deviation (the "
            "standard deviation of the goal over units; of a rate p it is the root of p (1 - p))"
        )
    try:
        return math.ceil(sample_size(effect, deviation) / 2)
    except ValueError as error:
        raise ConfigError(str(error))
