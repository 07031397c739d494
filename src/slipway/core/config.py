"""The configuration of one variant, as the stages read it: sections of `params/<variant>.yaml`.

The compose stage resolves `conf/` into that file. A stage then reads the sections that it declares in dvc.yaml, each
as a frozen model that forbids unknown keys. The models of sections that depend on the task, the framework or the
simulator are defined there (`Data`, `Model`, `Train`, `World`); the common ones are here.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, NaiveDatetime, model_validator

from slipway.core import documents
from slipway.core.errors import ConfigError

PARAMS = Path("params")
CODE = PARAMS / "code.yaml"
"""The output of the code stage; it belongs to no variant."""
TOP = Path("params.yaml")
SECTIONS = ("variants", "transfers", "simulated", "baselines")
"""The mappings of `params.yaml` that have lines for variants, besides `all`, which has those of the first two."""
NAME = re.compile("[A-Za-z]([A-Za-z0-9-]*[A-Za-z0-9])?")
"""The pattern of a variant's name, which is part of paths, tags, commands and URLs."""
LICENSE = re.compile("[a-z0-9][a-z0-9.+-]*")
Share = Annotated[float, Field(ge=0, le=1)]


def named(variants: Iterable[object], where: object) -> list[str]:
    """Return the names of the variants, checked.

    Args:
        variants: the names.
        where: where they come from, for the message.

    Raises:
        ConfigError: a name is not valid.
    """
    names = list(variants)
    for name in names:
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise ConfigError(
                f"{where}: {name!r} cannot name a variant: use letters, digits and -, with a letter first and no - "
                "last, and no word that YAML reads as a value (yes, null)"
            )
    return [str(name) for name in names]


class Section(BaseModel):
    """Base of every section: immutable, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def unwritten(default: Any, description: str | None = None) -> Any:
    """Return the field of a key that the composed parameters lack while it has its default.

    A variant that does not use a new key keeps its parameters, and so its version. `slipway new` writes the description
    as a comment.
    """
    return Field(default, description=description, exclude_if=lambda value: bool(value == default))


class Split(Section):
    """How examples are divided into train, val and test, and how many training examples calibrate INT8.

    `by: group` keeps all examples of a group on one side. `by: time` cuts at points in time, oldest first: at
    `val_from` and `test_from` if they are given, otherwise by the shares. With `folds`, `fold` (1 to folds) is the fold
    that is held out as test. If the raw data has its own folds or splits, these are used. `group_copies` merges groups
    that hold copies of each other, exact or near (`checks.duplicate_distance`), into one group.
    """

    by: Literal["group", "time"] = "group"
    train: Share = 0.70
    val: Share = 0.15
    test: Share = 0.15
    calibration: Annotated[int, Field(ge=1)] = 200
    val_from: NaiveDatetime | None = None
    test_from: NaiveDatetime | None = None
    folds: Annotated[int, Field(ge=2)] | None = None
    fold: Annotated[int, Field(ge=1)] | None = None
    group_copies: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if abs(self.train + self.val + self.test - 1) > 1e-9:
            raise ValueError(f"train + val + test must be 1, not {self.train + self.val + self.test:g}")
        if min(self.train, self.val, self.test) <= 0:
            raise ValueError("train, val and test must each be more than 0")
        if (self.folds is None) != (self.fold is None):
            raise ValueError("folds and fold must be set together")
        if self.folds is not None and self.by == "time":
            raise ValueError("folds need by: group, and by is time; remove one of the two")
        if (self.val_from is None) != (self.test_from is None):
            raise ValueError("val_from and test_from must be set together")
        if self.folds is not None and self.fold is not None and self.fold > self.folds:
            raise ValueError(f"fold is {self.fold}, and there are only {self.folds} folds")
        return self


class Recommended(Section):
    """How many examples the variant needs: fewer than `least` give a warning, which also names `advised` and `best`."""

    least: Annotated[int, Field(ge=0)] = 0
    advised: Annotated[int, Field(ge=0)] = 0
    best: Annotated[int, Field(ge=0)] = 0


class Checks(Section):
    """What `prepare` accepts: it sets aside a share of bad examples up to `quarantine`, and refuses data with more."""

    quarantine: Share = 0.0
    max_examples: Annotated[int, Field(ge=1)] | None = None
    balance: tuple[Share, Share] = (0.4, 0.6)
    duplicate_distance: Annotated[int, Field(ge=0, le=8)] = 2
    recommended: Recommended = Recommended()


class Start(Section):
    """The native model whose weights training starts from. The SHA-256 is checked before the file is used."""

    path: Path
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Evaluate(Section):
    """The bootstrap of every interval: `resamples` draws of groups, at the level `confidence`."""

    resamples: Annotated[int, Field(ge=100)] = 1000
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95


class Convert(Section):
    """The precision of the model that ships: full-integer INT8 or float32."""

    precision: Literal["int8", "float32"] = "int8"


class Benchmark(Section):
    """How often each measurement is repeated, and the batch size of the batch measurement."""

    runs: Annotated[int, Field(ge=10)] = 200
    warmup: Annotated[int, Field(ge=0)] = 20
    batch: Annotated[int, Field(ge=2)] = 32


class Rule(Section):
    """A floor (`min`), a ceiling (`max`) or both for one metric."""

    min: float | None = None
    max: float | None = None

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError("a rule needs min, max or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min:g} is above max {self.max:g}")
        return self


class Gate(Section):
    """Floors and ceilings by metric name."""

    rules: dict[str, Rule]


def _license(name: str) -> str:
    if not LICENSE.fullmatch(name):
        raise ValueError("a licence must be an id of the Hugging Face hub, in lower case, such as apache-2.0")
    return name


License = Annotated[str, AfterValidator(_license)]


class Register(Section):
    """The registered model in MLflow: its name and its purpose.

    `license` is the licence of the model and `data_license` that of the data; None if none is stated. `units` are the
    units of columns and outputs by name, for the card. With `example: false`, the card shows no example of the data.
    """

    name: str
    description: str
    license: License | None = None
    data_license: License | None = None
    units: dict[str, str] = unwritten({})
    example: bool = unwritten(True)


def top(content: bytes | None = None) -> dict[str, Any]:
    """Return all of `params.yaml` as plain values, with `all` and the sections by variant as mappings.

    Without `content`, the file is read from the working folder.

    Raises:
        ConfigError: there is no such file, it cannot be read, or a variant's name is not valid.
    """
    try:
        values = documents.parse_yaml(TOP.read_bytes() if content is None else content, str(TOP))
    except FileNotFoundError:
        raise ConfigError(f"{TOP}: no such file; run slipway in the root of the repository")
    if not isinstance(values, Mapping) or not isinstance(values.get("all"), Mapping):
        raise ConfigError(f"{TOP}: `all` must be a mapping with a line for each variant")
    for key in SECTIONS:
        if not isinstance(values.get(key) or {}, Mapping):
            raise ConfigError(f"{TOP}: {key} must be a mapping with a line for each variant")
    named(values["all"], TOP)
    return {**values, **{key: values.get(key) or {} for key in SECTIONS}}


def read(variant: str) -> dict[str, Any]:
    """Return all of `params/<variant>.yaml` as plain values.

    Raises:
        ConfigError: there is no such file, or it is not a mapping.
    """
    path = PARAMS / f"{variant}.yaml"
    again = f"delete it and run `dvc repro compose@{variant}`"
    try:
        values = documents.read_yaml(path, again)
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; run `dvc repro compose@{variant}`, or add {variant} to params.yaml")
    if not isinstance(values, Mapping):
        raise ConfigError(f"{path}: not a mapping; {again}")
    return dict(values)
