"""Where MLflow keeps runs and models, and how long to wait for it.

The store is `MLFLOW_TRACKING_URI` (DagsHub or any server; user and password from `MLFLOW_TRACKING_USERNAME` and
`MLFLOW_TRACKING_PASSWORD`), else a SQLite file in the working folder, which is the repository root in a stage.
MLflow's own patience (seven retries of two minutes) suits a job that is nothing without its server; ours is a mirror,
so `briefly` gives up after seconds. What the user sets in the environment goes before what is set here.
"""

import json
import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from slipway.redaction import plain, redacted

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

DATABASE = Path("mlflow.db")
ARTIFACTS = Path("mlartifacts")
LONGEST_VALUE = 500
"""Characters of a parameter's value that every MLflow server takes."""

_CAUSE = re.compile(r"""Caused by \w+\((["'])(\w+\([^)]*\): )?(?P<said>.*)\1\)""")
"""What went wrong on the net, within what urllib3 says around it."""
_BRIEF = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "3",
    "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": "false",
}


def tracking_uri() -> str:
    """The address of the store; the default one is absolute, since MLflow keeps stores open by their address."""
    return os.environ.get("MLFLOW_TRACKING_URI") or _default()


def shown(uri: str) -> str:
    """The address for a message: without the secrets that it may hold, and short for the default."""
    return f"sqlite:///{DATABASE}" if uri == _default() else redacted(uri)


def connect(uri: str) -> "MlflowClient":
    """A client of the store, with MLflow's telemetry and chatter off.

    Nothing is asked of a server yet; the default store is made where it is missing.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    import mlflow.store.db.utils
    from mlflow.tracking import MlflowClient

    mlflow.store.db.utils.MAX_RETRY_COUNT = 3  # 15 by default: the better part of an hour for a database that is down
    for name in ("mlflow", "alembic", "urllib3.connectionpool"):
        logging.getLogger(name).setLevel(logging.ERROR)
    if uri != _default():
        return MlflowClient(tracking_uri=uri)
    with FileLock(f"{DATABASE}.lock"):  # MLflow makes its tables one by one, and another stage may run beside this one
        client = MlflowClient(tracking_uri=uri)
        client.search_experiments(max_results=1)
        return client


@contextmanager
def briefly() -> Iterator[None]:
    """Within it, a request waits 3 s at most and is tried twice."""
    ours = {name: value for name, value in _BRIEF.items() if name not in os.environ}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name in ours:
            del os.environ[name]


def experiment(client: "MlflowClient", name: str) -> str:
    """The id of the experiment `name`, which is made where it is missing."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    artifacts = ARTIFACTS.resolve().as_uri() if client.tracking_uri == _default() else None
    try:
        return str(client.create_experiment(name, artifact_location=artifacts))
    except MlflowException:
        found = client.get_experiment_by_name(name)  # another process may have been quicker
        if found is None:
            raise
        return str(found.experiment_id)


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested parameters as MLflow keeps them: dotted names in order, and text cut to `LONGEST_VALUE`."""
    out: dict[str, str] = {}
    for name in sorted(values):
        value = values[name]
        if isinstance(value, Mapping):
            out |= flat(value, f"{prefix}{name}.")
        else:
            text = value if isinstance(value, str) else json.dumps(value, default=str)
            out[prefix + name] = text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"
    return out


def reason(error: Exception) -> str:
    """What went wrong, in one line."""
    text = (str(error).strip().splitlines() or [""])[0] or type(error).__name__
    cause = _CAUSE.search(text)
    text = plain(cause["said"] if cause else text)  # before it is cut: half a secret is not found
    return text if len(text) <= 200 else text[:199] + "…"


def remedy(error: Exception) -> str:
    """What to do where the store cannot be used."""
    if getattr(error, "error_code", None) in ("UNAUTHENTICATED", "PERMISSION_DENIED", "CUSTOMER_UNAUTHORIZED"):
        return (
            "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, to those of someone "
            "who may write there"
        )
    if re.search(r"too many [45]\d\d error responses|failed with error code 5\d\d", str(error)):
        return "the server is there and fails: look at its log, or wait"
    return "start the server or correct MLFLOW_TRACKING_URI"


def _default() -> str:
    return f"sqlite:///{DATABASE.resolve()}"
