"""Where MLflow cannot be used: what is said of it, by what it answers."""

from pathlib import Path

import pytest

import servers
from slipway import mlflow_store
from slipway.errors import RegistryError
from slipway.gitops import mirror


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        (401, "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"),
        (403, "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"),
        (404, "correct MLFLOW_TRACKING_URI"),
        (500, "the server is there and fails"),
        (503, "the server is there and fails"),
    ],
)
def test_what_to_do_follows_from_what_the_server_answers(
    monkeypatch: pytest.MonkeyPatch, status: int, remedy: str
) -> None:
    with servers.refusing(status) as address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://user:PASSW0RD@{address}")
        with pytest.raises(RegistryError) as caught, mlflow_store.briefly():
            mirror.sync({}, ["base-ad-detector"])
    said = str(caught.value)
    assert remedy in said and ("start the server" in said) == (status == 404)
    assert "PASSW0RD" not in said


@pytest.mark.parametrize(
    "uri",
    ["htp://user:PASSW0RD@host", "user:PASSW0RD@host", "http://[user:PASSW0RD@host", "http://user:PASSW0RD@host:port",
     "http://user:PASS]W0RD@127.0.0.1:9", "postgresql://user:PASSW0RD@127.0.0.1:9/x"],
)  # fmt: skip
def test_an_address_that_is_none_is_said_without_its_password(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(RegistryError, match="correct MLFLOW_TRACKING_URI") as caught:
        mirror.sync({}, [])
    assert "PASSW0RD" not in str(caught.value) and "W0RD" not in str(caught.value)
