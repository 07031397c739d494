"""What a server is told on the command line; each of its worker processes gets a copy."""

from dataclasses import dataclass, field
from pathlib import Path

from slipway.core.errors import ConfigError
from slipway.serving.limits import Limits

ROLES = ("production", "canary", "staging")
"""The roles that a server can follow."""
REVIEW = Path("data/review")
"""Where captured requests are kept, in the repository."""


@dataclass(frozen=True)
class Capturing:
    """Which predicted examples are kept for people to label, and for how long.

    `folder` has a folder for each variant, with at most `most_bytes` bytes, and with captures of the last `days` days.
    `share` is the share of requests that are drawn. Of the others, examples whose prediction has a confidence below
    `below` are kept.
    """

    folder: Path
    share: float
    below: float = 0.7
    most_bytes: int = 10**9
    days: int = 30


@dataclass(frozen=True)
class Settings:
    """Which models a server answers for, and its limits.

    `repository` is the clone whose tags it reads, `own` whether the server made this clone and may change it.
    `releases` is the folder with the verified files of releases, `history` the file with the observed rows of
    forecasts, `shared` a folder that the workers of this server share. `tokens` and `audit` are files, `log` is the
    folder for the log of predictions, None for no log, `state` the address of the state store, None without a log, and
    `loopback` says whether only this machine can reach the server.
    """

    repository: Path
    own: bool
    releases: Path
    history: Path
    shared: Path
    tokens: Path
    audit: Path
    log: Path | None
    state: str | None
    loopback: bool
    role: str = "production"
    """The role to serve, or a version."""
    models: tuple[str, ...] = ()
    """Variants to answer for; empty for all that have versions."""
    poll: float = 5.0
    """Seconds between two looks at the tags."""
    cache_bytes: int = 1 << 30
    """The most bytes of loaded model files; versions that hold a role count, and are never unloaded."""
    most_waiting: int = 64
    """The most requests of a worker that wait for its models; more are answered with 429. Rows that go through a model
    together count as one."""
    deadline: float = 30.0
    """Seconds after which a request is answered with 504."""
    grace: float = 1.0
    """Seconds between SIGTERM and the last new connection, in which /readyz says that the server is not ready."""
    shadow: float = 10.0
    """Percent of the requests to versions other than production that production predicts too, for `agreement`."""
    threads: int = 1
    """Threads of a model's kernels."""
    withdrawn: Path | None = None
    """The file with the tags that have no effect on this server, since too many requests to their versions failed;
    None if the server does not go back by itself."""
    alert_webhook: str | None = None
    """The address that gets alerts about rollouts."""
    alert_command: str | None = None
    """The command that gets them on standard input."""
    capturing: Capturing | None = None
    """What is captured for labelling; None for nothing."""
    limits: Limits = field(default_factory=Limits)


def role(name: str) -> str:
    """Return the role that a name means, such as `Production`, as MLflow writes its stages.

    Raises:
        ConfigError: there is no such role.
    """
    if name.strip().lower() not in ROLES:
        raise ConfigError(f"{name!r} is not a role that can be served; choose from {', '.join(ROLES)}")
    return name.strip().lower()
