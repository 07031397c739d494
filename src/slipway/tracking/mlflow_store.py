"""Where MLflow keeps runs and models, and how long to wait for it.

The store is `MLFLOW_TRACKING_URI` (DagsHub or any server; user and password from `MLFLOW_TRACKING_USERNAME` and
`MLFLOW_TRACKING_PASSWORD`), else a SQLite file in the working folder, which is the repository root in a stage.

MLflow's own patience (seven retries of two minutes a request) suits a job that is nothing without its server; ours is a
mirror. So a request waits for seconds, and all of a client's requests together for as long as `connect` says, whatever
the server does. What the user sets in the environment goes before what is set here.

The default store keeps files beside its database. MLflow notes where by an absolute path, which is set right where the
folder was moved or copied since.
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
"""Characters of a parameter's value that every MLflow server takes."""

_CAUSE = re.compile(r"""Caused by \w+\((["'])(\w+\([^)]*\): )?(?P<said>.*)\1\)""")
"""What went wrong on the net, within what urllib3 says around it."""
BUDGET = 60.0
"""Seconds that a client waits for its server in all; a tenth of the time that goes by is added, as training is long."""
REQUEST, TRANSFER = 10.0, 60.0
"""Seconds that one try of a request waits for an answer, and one that moves files."""
_LOCATED = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
"""Where MLflow's database has addresses of files: tables and columns."""


def tracking_uri() -> str:
    """The address of the store; the default one is absolute, since MLflow keeps stores open by their address."""
    said = os.environ.get("MLFLOW_TRACKING_URI")
    return said if said and said != f"sqlite:///{DATABASE}" else _default()


def is_default(uri: str) -> bool:
    """Whether this is the store of the working folder, which nobody else writes to."""
    return uri == _default()


def is_there(uri: str) -> bool:
    """Whether there is a store at an address, as far as files tell: one of SQLite is made by the first who needs it."""
    path = unquote(uri.removeprefix("sqlite:///"))
    return not uri.startswith("sqlite:///") or Path(path).exists()


def shown(uri: str) -> str:
    """The address for a message: without the secrets that it may hold, and short for the default."""
    return f"sqlite:///{DATABASE}" if uri == _default() else redacted(uri)


def connect(uri: str, seconds: float | None = None) -> "MlflowClient":
    """A client of the store, with MLflow's telemetry and chatter off, that waits for `seconds`, or `BUDGET`, in all.

    Nothing is asked of a server yet; the default store is made where it is missing. A call that does not come back in
    time raises TimeoutError.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    import mlflow.store.db.utils
    from mlflow.tracking import MlflowClient

    mlflow.store.db.utils.MAX_RETRY_COUNT = 3  # 15 by default: the better part of an hour for a database that is down
    mlflow.store.db.utils._make_parent_dirs_if_sqlite = _make_folder  # type: ignore[assignment]
    for name in ("mlflow", "alembic", "urllib3.connectionpool"):
        logging.getLogger(name).setLevel(logging.ERROR)
    patience = _Patience(BUDGET if seconds is None else seconds)
    if not is_default(uri):
        return _Bounded(patience(MlflowClient, tracking_uri=uri), patience)  # type: ignore[return-value]
    with FileLock(f"{DATABASE}.lock"):  # MLflow makes its tables one by one, and another stage may run beside this one
        client = MlflowClient(tracking_uri=uri)
        client.search_experiments(max_results=1)
        _follow()
        return client


class _Patience:
    """Calls functions for as long as there is time left; one that takes longer is left behind in its thread."""

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
        with _briefly(TRANSFER if "artifact" in call.__name__ else REQUEST):
            threading.Thread(target=run, daemon=True).start()
            try:
                return done.result(max(left, 0))
            except TimeoutError:
                if done.done():
                    raise  # its own
                raise TimeoutError(f"it took more than {self._seconds:g} s")
            finally:
                self._waited += time.monotonic() - began


class _Bounded:
    """A client whose calls are made with patience that ends."""

    def __init__(self, client: "MlflowClient", patience: _Patience) -> None:
        self._client, self._patience = client, patience

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if not callable(found):
            return found
        return lambda *arguments, **named: self._patience(found, *arguments, **named)


@contextmanager
def _briefly(seconds: float) -> Iterator[None]:
    """Within it, a request waits for `seconds` at most and is tried twice."""
    brief = {
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": f"{seconds:.0f}",
        "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": "false",
    }
    ours = {name: value for name, value in brief.items() if name not in os.environ}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name in ours:
            os.environ.pop(name, None)


def _make_folder(uri: str) -> None:
    """Stands in for MLflow's, which makes a folder by the name that is quoted in the address of a SQLite file."""
    path = unquote(uri.removeprefix("sqlite:///"))
    if uri.startswith("sqlite:///") and path not in ("", ":memory:"):
        Path(path).parent.mkdir(parents=True, exist_ok=True)


def _follow() -> None:
    """Where the folder of the default store was moved, or is a copy, its files are those beside it."""
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
    """The id of the experiment `name`, which is made where it is missing.

    Raises:
        RegistryError: it was deleted, and MLflow keeps it until it is restored.
    """
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is not None:
        if found.lifecycle_stage == "deleted":
            store = f"MLFLOW_TRACKING_URI={shown(client.tracking_uri)}"
            mend = f"{store} mlflow experiments restore --experiment-id {found.experiment_id}"
            raise RegistryError(f"the experiment {name} was deleted in MLflow; to have it back: {mend}")
        return str(found.experiment_id)
    artifacts = ARTIFACTS.resolve().as_uri() if is_default(client.tracking_uri) else None
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
    if isinstance(error, SlipwayError):
        return str(error)
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
    path = str(DATABASE.resolve()).replace("%", "%25").replace("?", "%3F")  # as SQLAlchemy reads it
    return f"sqlite:///{path}"
