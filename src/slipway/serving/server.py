"""Run the server: uvicorn with one or more worker processes that share a socket.

SIGTERM: /readyz says at once that the server is not ready; after a moment no connection is taken any more, requests
that are in progress are answered, and the processes end within `DRAIN` seconds. SIGHUP replaces the workers one by one,
each when its successor has loaded its models.
"""

import copy
import os
import tempfile
from dataclasses import replace
from functools import partial
from logging import LogRecord
from pathlib import Path

import uvicorn
from uvicorn.config import LOGGING_CONFIG
from uvicorn.logging import DefaultFormatter

from slipway.core.errors import ConfigError
from slipway.serving import deadline, heartbeat
from slipway.serving.app import create
from slipway.serving.audit import AuditLog
from slipway.serving.deployment import Deployment, HealthCheck
from slipway.serving.settings import Settings
from slipway.serving.supervisor import Supervisor, Workers
from slipway.serving.tokens import check_address
from slipway_edge.redaction import plain

DRAIN = 10
"""The most seconds from SIGTERM to the end."""
START = 120
"""The most seconds in which a worker must load its models when it replaces another one."""


def workers(number: str) -> int:
    """Return the number of workers: a number, or `auto` for one for each processor that this process may use.

    Raises:
        ConfigError: it is neither.
    """
    if number == "auto":
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not number.isdigit() or not int(number):
        raise ConfigError(f"--workers: {number!r} is neither a number of processes nor auto")
    return int(number)


def run(
    settings: Settings,
    host: str,
    port: int,
    count: int,
    certificate: Path | None,
    key: Path | None,
    deployment: Deployment | None = None,
) -> None:
    """Serve until the process is told to end.

    Args:
        settings: what to serve; its `shared` is replaced by a folder for this run.
        host: the address to listen on.
        port: the port; 0 for any free one.
        count: the number of worker processes.
        certificate: the file with the certificate for TLS; None for HTTP.
        key: the file with its key, if that is not in the file of the certificate.
        deployment: how many workers there may be, and when they are replaced; None for `count` workers.

    Raises:
        ConfigError: other machines could reach the server, and there is no token.
    """
    check_address(host, settings.tokens)
    with tempfile.TemporaryDirectory(prefix="slipway-") as shared:
        config = uvicorn.Config(
            partial(create, replace(settings, shared=Path(shared))),
            factory=True,
            host=host,
            port=port,
            workers=count,
            lifespan="on",
            log_config=_log_config(),
            ssl_certfile=certificate,
            ssl_keyfile=key,
            **deadline.options(settings.limits, AuditLog(settings.audit)),
            timeout_graceful_shutdown=max(1, round(DRAIN - settings.grace - 2)),
            timeout_worker_healthcheck=START,
        )
        if deployment is not None:
            Supervisor(config, [config.bind_socket()], deployment, Path(shared) / heartbeat.FOLDER).run()
        elif count == 1:
            uvicorn.Server(config).run()
        else:
            Workers(config, [config.bind_socket()], HealthCheck(), Path(shared) / heartbeat.FOLDER).run()


class Formatter(DefaultFormatter):
    """Uvicorn's form of a line of the log, without secrets and control characters."""

    def format(self, record: LogRecord) -> str:
        """Return the line."""
        return plain(super().format(record))


def _log_config() -> dict[str, object]:
    """Uvicorn's own, with the log of the server beside it."""
    config = copy.deepcopy(LOGGING_CONFIG)
    config["formatters"]["default"] = {"()": f"{__name__}.Formatter", "fmt": "%(levelprefix)s %(message)s"}
    config["loggers"]["slipway"] = {"handlers": ["default"], "level": "INFO", "propagate": False}
    return dict(config)
