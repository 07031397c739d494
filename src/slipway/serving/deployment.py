"""What `deployments/<id>.yaml` says: a server of one model, its resources, and what to do when it is in trouble."""

import re
from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from slipway.core import definitions, documents
from slipway.core.config import NAME
from slipway.core.errors import ConfigError
from slipway.registry.grammar import LIVE, VERSION
from slipway.serving.settings import Capturing

FOLDER = Path("deployments")
_SIZE = re.compile(r"([1-9][0-9]{0,9})(MB|GB)")
_BYTES = {"MB": 10**6, "GB": 10**9}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Resources(_Part):
    """What a deployment may use.

    `cpu`: threads of a model's kernels in each worker. `memory`: the most resident memory of all workers together, such
    as 800MB or 2GB; the largest worker is replaced when they have more. `gpu`: there is no delegate for one yet.
    """

    cpu: Annotated[int, Field(ge=1, le=64)] = 1
    memory: Annotated[str, Field(pattern=f"^{_SIZE.pattern}$")] | None = None
    gpu: Literal[0] = 0

    @property
    def memory_bytes(self) -> int | None:
        """The most resident memory in bytes."""
        return size(self.memory) if self.memory else None


class Scaling(_Part):
    """How many workers there are: as many as keep their CPU near the target, in percent of a processor each."""

    min_workers: Annotated[int, Field(ge=1, le=64)] = 1
    max_workers: Annotated[int, Field(ge=1, le=64)] = 1
    target_cpu: Annotated[float, Field(gt=0, le=100)] = 70

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.max_workers < self.min_workers:
            raise ValueError(f"max_workers is {self.max_workers}, less than min_workers, {self.min_workers}")
        return self


class HealthCheck(_Part):
    """When a worker is replaced because it does not react.

    Every `interval` seconds each worker is looked at; it fails if its event loop has done nothing for `timeout`
    seconds. After `failure_threshold` failures in a row it is killed, and a new one takes its place.
    """

    interval: Annotated[float, Field(ge=0.1)] = 10
    timeout: Annotated[float, Field(ge=1.5)] = 5
    failure_threshold: Annotated[int, Field(ge=1)] = 3


class Capture(_Part):
    """What is kept for people to label: see `slipway.serving.settings.Capturing`; `most` is a size such as 1GB."""

    share: Annotated[float, Field(ge=0, le=1)] = 0.01
    below: Annotated[float, Field(ge=0, le=1)] = 0.7
    most: Annotated[str, Field(pattern=f"^{_SIZE.pattern}$")] = "1GB"
    days: Annotated[int, Field(ge=1)] = 30

    def into(self, folder: Path) -> Capturing:
        """Return the same for a server that keeps it in `folder`."""
        return Capturing(folder, self.share, self.below, size(self.most), self.days)


class Deployment(_Part):
    """A server of one model.

    `follow` is a role, whose holder in Git is served, or a version. `environment` is a name for people. With
    `rollback_on_error` the server goes back to the version before, if more than 5 % of the requests to a new version
    fail (`slipway.serving.withdrawal`).
    """

    variant: Annotated[str, Field(pattern=f"^{NAME.pattern}$")]
    follow: str = "production"
    environment: Annotated[str, Field(max_length=64)] = "production"
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8000
    resources: Resources = Resources()
    scaling: Scaling = Scaling()
    health_check: HealthCheck = HealthCheck()
    rollback_on_error: bool = False
    capture: Capture | None = None

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.follow not in LIVE and not VERSION.fullmatch(self.follow):
            raise ValueError(f"follow is {self.follow!r}; give a role ({', '.join(LIVE)}) or a version, such as v1.2.0")
        return self


def read(path: Path) -> Deployment:
    """Return what a file says.

    Raises:
        ConfigError: there is no such file, or it has mistakes: all of them, each with its key.
    """
    check_id(path.stem)
    try:
        values = documents.read_yaml(path)
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such deployment; `slipway deploy {path.stem} --variant VARIANT` creates it")
    return _of(values, path)


def read_all(folder: Path) -> dict[str, Deployment]:
    """Return all deployments by id.

    Raises:
        ConfigError: a file has mistakes, or two have one port.
    """
    found = {path.stem: read(path) for path in sorted(folder.glob("*.yaml"))}
    ports = Counter((one.host, one.port) for one in found.values())
    for (host, port), count in ports.items():
        if count > 1:
            names = ", ".join(name for name, one in found.items() if (one.host, one.port) == (host, port))
            raise ConfigError(f"{folder}: {names} have the same address, {host}:{port}; give each a port of its own")
    return found


def size(text: str) -> int:
    """Return the bytes of a size such as 800MB or 2GB.

    Raises:
        ConfigError: it is not of this form.
    """
    found = _SIZE.fullmatch(text)
    if found is None:
        raise ConfigError(f"{text!r} is not a size such as 800MB or 2GB")
    return int(found[1]) * _BYTES[found[2]]


def check_id(name: str) -> None:
    """Check the id of a deployment.

    Raises:
        ConfigError: it is not of the right form.
    """
    definitions.check_name(name, "a deployment")


def _of(values: Any, path: Path) -> Deployment:
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: not a mapping with the key variant")
    try:
        return Deployment.model_validate(values)
    except ValidationError as error:
        mistakes = [
            f"{'.'.join(map(str, one['loc']))}: {one['msg']}"
            if one["loc"]
            else one["msg"].removeprefix("Value error, ")
            for one in error.errors()
        ]
        raise ConfigError(f"{path}: {'; '.join(mistakes)}")
