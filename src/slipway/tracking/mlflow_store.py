"""The MLflow store of runs and models, and the time limits of its requests.

The store is `MLFLOW_TRACKING_URI` (DagsHub or any server; user and password from `MLFLOW_TRACKING_USERNAME` and
`MLFLOW_TRACKING_PASSWORD`), otherwise a SQLite file in the working folder, which is the repository root in a stage.

MLflow's own limits (seven retries of two minutes per request) suit a job that cannot run without its server; here
MLflow is only a mirror. So a request waits for seconds, and `connect` limits the total time of a client's requests,
whatever the server does. Settings in the user's environment take precedence over those set here.

The default store keeps its files next to its database. MLflow stores their location as an absolute path, which is
corrected if the folder was moved or copied.
"""

import json
import logging
import os
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from filelock import FileLock

from slipway.core.errors import RegistryError, SlipwayError
from slipway_edge.redaction import plain, redacted

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

DATABASE = Path("mlflow.db")
ARTIFACTS = Path("mlartifacts")
LONGEST_VALUE = 500
"""The length of a parameter's value that every MLflow server accepts, in characters."""

_CAUSE = re.compile(r"""Caused by \w+\((["'])(\w+\([^)]*\): )?(?P<message>.*)\1\)""")
"""The network error within a message of urllib3."""
BUDGET = 60.0
"""Seconds that a client waits for its server in total; a tenth of the elapsed time is added, as training is long."""
REQUEST, TRANSFER = 10.0, 60.0
"""Seconds that one attempt of a request waits for an answer, and one attempt of a file transfer."""
_LOCATED = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
"""The tables and columns of MLflow's database with addresses of files."""


def tracking_uri() -> str:
    """Return the address of the store; the default is absolute, since MLflow caches open stores by address."""
    configured = os.environ.get("MLFLOW_TRACKING_URI")
    return configured if configured and configured != f"sqlite:///{DATABASE}" else _default()


def is_default(uri: str) -> bool:
    """Whether this is the store of the working folder, which is not shared with others."""
    return uri == _default()


def is_there(uri: str) -> bool:
    """Whether the store exists: a SQLite file is created at the first use, and a server is assumed to exist."""
    path = unquote(uri.removeprefix("sqlite:///"))
    return not uri.startswith("sqlite:///") or Path(path).exists()


def shown(uri: str) -> str:
    """Return the address for a message: without secrets, and in short form for the default store."""
    return f"sqlite:///{DATABASE}" if uri == _default() else redacted(uri)


def connect(uri: str, seconds: float | None = None) -> "MlflowClient":
    """Return a client of the store, without MLflow's telemetry and log output.

    No request is sent to a server yet; the default store is created if it is missing. The calls of a client of a server
    wait for `seconds` (default `BUDGET`) in total; a call that does not return in time raises TimeoutError.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    import mlflow.store.db.utils
    from mlflow.tracking import MlflowClient

    mlflow.store.db.utils.MAX_RETRY_COUNT = 3  # the default of 15 takes most of an hour if a database is down
    mlflow.store.db.utils._make_parent_dirs_if_sqlite = _make_folder  # type: ignore[assignment]
    for name in ("mlflow", "alembic", "urllib3.connectionpool"):
        logging.getLogger(name).setLevel(logging.ERROR)
    budget = _TimeBudget(BUDGET if seconds is None else seconds)
    if not is_default(uri):
        return _BoundedClient(budget(MlflowClient, tracking_uri=uri), budget)  # type: ignore[return-value]
    with FileLock(f"{DATABASE}.lock"):  # MLflow creates tables one by one, and other stages may run in parallel
        client = MlflowClient(tracking_uri=uri)
        client.search_experiments(max_results=1)
        _correct_locations()
        return client


class _TimeBudget:
    """Calls functions while there is time left; a call that takes longer is abandoned in its thread."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._began, self._waited = seconds, time.monotonic(), 0.0

    def __call__(self, call: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        done: Future[Any] = Future()

        def run() -> None:
            try:
                done.set_result(call(*arguments, **named))
            except BaseException as error:
                done.set_exception(error)

        began = time.monotonic()
        left = self._seconds + (began - self._began) / 10 - self._waited
        with _short_timeouts(TRANSFER if "artifact" in call.__name__ else REQUEST):
            threading.Thread(target=run, daemon=True).start()
            try:
                return done.result(max(left, 0))
            except TimeoutError:
                if done.done():
                    raise  # a TimeoutError of the call itself
                raise TimeoutError(f"it took more than {self._seconds:g} s")
            finally:
                self._waited += time.monotonic() - began


class _BoundedClient:
    """A client whose calls share a time budget."""

    def __init__(self, client: "MlflowClient", budget: _TimeBudget) -> None:
        self._client, self._budget = client, budget

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if not callable(found):
            return found
        return lambda *arguments, **named: self._budget(found, *arguments, **named)


@contextmanager
def _short_timeouts(seconds: float) -> Iterator[None]:
    """Within this context, a request waits for at most `seconds` and is tried twice."""
    limits = {
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": f"{seconds:.0f}",
        "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": "false",
    }
    ours = {name: value for name, value in limits.items() if name not in os.environ}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name in ours:
            os.environ.pop(name, None)


def _make_folder(uri: str) -> None:
    """Replaces MLflow's function, which creates the folder of a SQLite file with its percent-encoded name."""
    path = unquote(uri.removeprefix("sqlite:///"))
    if uri.startswith("sqlite:///") and path not in ("", ":memory:"):
        Path(path).parent.mkdir(parents=True, exist_ok=True)


def _correct_locations() -> None:
    """Correct the addresses of files in the default store if its folder was moved or copied."""
    here = ARTIFACTS.resolve().as_uri()
    with closing(sqlite3.connect(DATABASE)) as database, database:
        known = database.execute("SELECT DISTINCT artifact_location FROM experiments").fetchall()
        for (old,) in known:
            if old == here or not str(old).endswith(f"/{ARTIFACTS}"):
                continue
            for table, column in _LOCATED:
                database.execute(
                    f"UPDATE {table} SET {column} = ? || substr({column}, ?) "
                    f"WHERE {column} = ? OR substr({column}, 1, ?) = ?",
                    (here, len(old) + 1, old, len(old) + 1, f"{old}/"),
                )


def experiment(client: "MlflowClient", name: str) -> str:
    """Return the id of the experiment `name`; create it if it is missing.

    Raises:
        RegistryError: it was deleted, and its name cannot be used until it is restored.
    """
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is not None:
        if found.lifecycle_stage == "deleted":
            store = f"MLFLOW_TRACKING_URI={shown(client.tracking_uri)}"
            command = f"{store} mlflow experiments restore --experiment-id {found.experiment_id}"
            raise RegistryError(f"the experiment {name} was deleted in MLflow; to restore it: {command}")
        return str(found.experiment_id)
    artifacts = ARTIFACTS.resolve().as_uri() if is_default(client.tracking_uri) else None
    try:
        return str(client.create_experiment(name, artifact_location=artifacts))
    except MlflowException:
        found = client.get_experiment_by_name(name)  # another process may have created it meanwhile
        if found is None:
            raise
        return str(found.experiment_id)


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return nested parameters for MLflow: dotted names in order, and text cut to `LONGEST_VALUE`."""
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
    """Return the message of an error, in one line."""
    if isinstance(error, SlipwayError):
        return str(error)
    text = (str(error).strip().splitlines() or [""])[0] or type(error).__name__
    cause = _CAUSE.search(text)
    text = plain(cause["message"] if cause else text)  # before it is cut: half a secret would not be detected
    return text if len(text) <= 200 else text[:199] + "…"


def remedy(error: Exception) -> str:
    """Return what to do if the store cannot be used."""
    if getattr(error, "error_code", None) in ("UNAUTHENTICATED", "PERMISSION_DENIED", "CUSTOMER_UNAUTHORIZED"):
        return (
            "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, to those of a user "
            "who may write there"
        )
    if re.search(r"too many [45]\d\d error responses|failed with error code 5\d\d", str(error)):
        return "the server answers with errors: look at its log, or wait"
    return "start the server or correct MLFLOW_TRACKING_URI"


def _default() -> str:
    path = str(DATABASE.resolve()).replace("%", "%25").replace("?", "%3F")  # as SQLAlchemy reads it
    return f"sqlite:///{path}"
