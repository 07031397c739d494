"""The configuration of one variant, as the stages read it: sections of `params/<variant>.yaml`.

The compose stage resolves `conf/` into that file; a stage then asks for the sections that it declares in dvc.yaml
and gets each as a frozen model that forbids unknown keys. Sections whose shape depends on the task, the framework or
the simulator have their models there (`Data`, `Model`, `Train`, `World`); the common ones are here.
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
"""What the code stage writes, and no variant."""
TOP = Path("params.yaml")
NAME = re.compile("[A-Za-z]([A-Za-z0-9-]*[A-Za-z0-9])?")
"""Of a variant: it is part of paths, of tags, of commands and of addresses."""
LICENSE = re.compile("[a-z0-9][a-z0-9.+-]*")
Share = Annotated[float, Field(ge=0, le=1)]


def named(variants: Iterable[object], where: object) -> list[str]:
    """The variants' names.

    Raises:
        ConfigError: one of them cannot name a variant.
    """
    names = list(variants)
    for name in names:
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise ConfigError(
                f"{where}: {name!r} cannot name a variant: letters, digits and -, a letter first, no - last, and no "
                "word that YAML reads as a value (yes, null)"
            )
    return [str(name) for name in names]


class Section(BaseModel):
    """Base of every section: immutable, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Split(Section):
    """How examples are divided into train, val and test, and how many of train calibrate INT8.

    `by: group` keeps all examples of a group on one side; `by: time` cuts at points in time, oldest first: by share of
    the examples or, where they are given, at `val_from` and `test_from`. With `folds`, `fold` (1 to folds) is the fold
    held out as test; the raw data's own folds are used where it has them, as its own splits are. `group_copies` makes
    one group of the groups that hold copies of one another, exact or near (`checks.duplicate_distance`).
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
            raise ValueError("folds and fold go together")
        if self.folds is not None and self.by == "time":
            raise ValueError("folds are dealt by group, and by is time; take one of the two out")
        if (self.val_from is None) != (self.test_from is None):
            raise ValueError("val_from and test_from go together")
        if self.folds is not None and self.fold is not None and self.fold > self.folds:
            raise ValueError(f"fold {self.fold} of {self.folds} folds")
        return self


class Recommended(Section):
    """How many examples the variant needs: below `least` is a warning, `advised` and `best` are told."""

    least: Annotated[int, Field(ge=0)] = 0
    advised: Annotated[int, Field(ge=0)] = 0
    best: Annotated[int, Field(ge=0)] = 0


class Checks(Section):
    """What `prepare` accepts: up to `quarantine` (share) of bad examples are set aside, more are refused."""

    quarantine: Share = 0.0
    max_examples: Annotated[int, Field(ge=1)] | None = None
    balance: tuple[Share, Share] = (0.4, 0.6)
    duplicate_distance: Annotated[int, Field(ge=0, le=8)] = 2
    recommended: Recommended = Recommended()


class Start(Section):
    """A native model whose weights training starts from; the SHA-256 is checked before the bytes are used."""

    path: Path
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Evaluate(Section):
    """The bootstrap behind every interval: `resamples` draws over groups at `confidence`."""

    resamples: Annotated[int, Field(ge=100)] = 1000
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95


class Convert(Section):
    """What ships: full-integer INT8 or float32."""

    precision: Literal["int8", "float32"] = "int8"


class Benchmark(Section):
    """How often each measurement is repeated, and the batch of the batch measurement."""

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
        raise ValueError(
            "a licence is the id by which the Hugging Face hub knows it, in lower case, such as apache-2.0"
        )
    return name


License = Annotated[str, AfterValidator(_license)]


class Register(Section):
    """The registered model in MLflow: its name, and what it is for.

    `license` is that of the model, `data_license` that of the data; None where nothing is stated.
    """

    name: str
    description: str
    license: License | None = None
    data_license: License | None = None


def top(content: bytes | None = None) -> dict[str, Any]:
    """All of `params.yaml` as plain values: `variants`, `transfers`, `simulated` and `all` are there, as mappings.

    It is read from the working folder where no `content` is given.

    Raises:
        ConfigError: there is no such file, it cannot be read, or a name cannot name a variant.
    """
    try:
        values = documents.parse_yaml(TOP.read_bytes() if content is None else content, str(TOP))
    except FileNotFoundError:
        raise ConfigError(f"{TOP}: no such file; run slipway in the repository's root")
    if not isinstance(values, Mapping) or not isinstance(values.get("all"), Mapping):
        raise ConfigError(f"{TOP}: no mapping with the variants under `all`")
    for key in ("variants", "transfers", "simulated"):
        if not isinstance(values.get(key) or {}, Mapping):
            raise ConfigError(f"{TOP}: {key} must be a mapping, a line a variant")
    named(values["all"], TOP)
    return {**values, **{key: values.get(key) or {} for key in ("variants", "transfers", "simulated")}}


def read(variant: str) -> dict[str, Any]:
    """All of `params/<variant>.yaml` as plain values.

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
