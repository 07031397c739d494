"""What `ensembles/<name>.yaml` says: which versions answer together, and how their predictions become one.

    description: The detectors of two seasons, one of which saw night games.
    members:
      base-ad-detector@v1.0.0: 0.6
      night-ad-detector@production: 0.4
    voting_strategy: weighted_average
    on_member_failure: error

A member is a version, or the role whose holder is meant; the weights sum to 1. All mistakes of a file are told at once,
each with its line.
"""

import hashlib
import json
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from slipway.core import definitions
from slipway.core.config import NAME
from slipway.core.errors import ConfigError
from slipway.ensembles.combination import Strategy
from slipway.gate.rules import Gate
from slipway.registry.grammar import LIVE, VERSION

FOLDER = Path("ensembles")
MOST_DECIMALS = 6


def _address(address: str) -> str:
    variant, _, wanted = address.partition("@")
    if not NAME.fullmatch(variant) or not (wanted in LIVE or VERSION.fullmatch(wanted)):
        raise ValueError(f"{address!r} is not VARIANT@VERSION or VARIANT@ROLE; roles are {', '.join(LIVE)}")
    return address


def _weight(weight: float) -> float:
    if exact(weight) * 10**MOST_DECIMALS % 1:
        raise ValueError(f"{weight!r} has more than {MOST_DECIMALS} decimals")
    return weight


Address = Annotated[str, AfterValidator(_address)]
Weight = Annotated[float, Field(gt=0, le=1), AfterValidator(_weight)]


class Definition(BaseModel):
    """An ensemble.

    `members` are weights by address, `voting_strategy` says how predictions become one (see
    `slipway.ensembles.combination`). `on_member_failure` is what happens if a member fails at run time: an error, or
    the answer of the rest. `gate` are the rules that it must pass; by default, those of the first member's variant.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    description: Annotated[str, Field(min_length=1, max_length=1000)]
    members: Annotated[dict[Address, Weight], Field(min_length=2, max_length=10)]
    voting_strategy: Strategy
    on_member_failure: Literal["error", "rest"] = "error"
    gate: Gate | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (total := sum(self.weights)) != 1:
            raise ValueError(f"the weights of the members sum to {float(total):g}, not 1")
        return self

    @property
    def weights(self) -> tuple[Fraction, ...]:
        """The weights, exactly as they are written."""
        return tuple(map(exact, self.members.values()))

    @property
    def sha256(self) -> str:
        """The SHA-256 of what it says; comments, line breaks and the description do not matter."""
        said = self.model_dump(mode="json", exclude={"description", "members"}, exclude_defaults=True)
        said["members"] = list(self.members.items())  # their order matters: the rules are those of the first one
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def exact(weight: float) -> Fraction:
    """Return a weight as it is written: 0.1 is 1/10, and not the nearest binary number."""
    return Fraction(repr(weight))


def path_of(name: str) -> Path:
    """Return the path of the definition of an ensemble.

    Raises:
        ConfigError: the name is not of the right form.
    """
    definitions.check_name(name, "an ensemble")
    return FOLDER / f"{name}.yaml"


def read(name: str) -> Definition:
    """Return what the file of an ensemble says.

    Raises:
        ConfigError: there is no such file, or it has mistakes: all of them, each with its line.
    """
    path = path_of(name)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such ensemble; docs/ensembles.md says what to write there")
    return parse(content, path.as_posix())


def parse(content: bytes, path: str) -> Definition:
    """Return what a file contains; `path` is for messages.

    Raises:
        ConfigError: it has mistakes: all of them, each with its line.
    """
    return definitions.parse(content, path, Definition)
