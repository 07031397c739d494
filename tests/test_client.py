"""The client downloads whole versions, goes on where it stopped, and leaves what was there if anything is wrong."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving import house
from serving.process import serving
from slipway import client as clients
from slipway.client import DownloadError, ModelRegistryClient
from slipway_edge.predictor import Predictor

CONTENT = np.random.default_rng(7).bytes(100_000)
GOLDEN = b"golden"
RECORD = b'{"release": 1}'


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "RETRIES", clients.RETRIES.new(total=1, backoff_factor=0))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with models in production, for reading only."""
    root = tmp_path_factory.mktemp("serving") / "repository"
    house.built(root)
    return root


class Unreliable(BaseHTTPRequestHandler):
    """A server that breaks connections after so many bytes, knows parts or not, and may change what it sends."""

    protocol_version = "HTTP/1.1"
    breaks: ClassVar[list[int]] = []
    parts = True
    damage = 0
    version = "v1.0.0"
    name = "ball"
    asked: ClassVar[list[tuple[str, str | None]]] = []

    def do_GET(self) -> None:
        cls = type(self)
        cls.asked.append((self.path, self.headers.get("Range")))
        files = {"release.json": RECORD, "model.tflite": CONTENT, "golden.npz": GOLDEN}
        file = self.path.rpartition("/")[2]
        if file not in files:
            known = {
                name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
                for name, content in files.items()
            }
            answer = {"variant": cls.name, "version": cls.version, "record": known.pop("release.json")["sha256"]}
            self.answer(200, json.dumps(answer | {"artifacts": known}).encode())
            return
        content, start = files[file], 0
        if cls.parts and (wanted := self.headers.get("Range")):
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
        if file == "model.tflite" and cls.damage:
            cls.damage -= 1
            content = content[:-1] + bytes([content[-1] ^ 1])
        if start >= len(content):
            self.answer(416, b"")
            return
        self.answer(206 if start else 200, content[start:], file == "model.tflite")

    def answer(self, status: int, content: bytes, unreliable: bool = False) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if unreliable and type(self).breaks:
            self.wfile.write(content[: type(self).breaks.pop(0)])
            self.wfile.flush()
            self.close_connection = True
            return
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def unreliable(**settings: Any) -> Iterator[tuple[ModelRegistryClient, type[Unreliable]]]:
    handler = type("Handler", (Unreliable,), {"asked": [], "breaks": [], **settings})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield ModelRegistryClient(f"http://127.0.0.1:{server.server_port}"), handler
    finally:
        server.shutdown()
        server.server_close()


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


WHOLE = {"release.json": RECORD, "model.tflite": CONTENT, "golden.npz": GOLDEN}


def test_a_version_of_a_server_can_be_loaded(built: Path, tmp_path: Path) -> None:
    with serving(built, tmp_path / "server", "ball", "shot") as server:
        client = ModelRegistryClient(server.address)
        assert [one["model"] for one in client.models()] == ["ball", "shot"]
        assert [one["version"] for one in client.versions("ball")] == ["v1.0.0"]
        folder = client.download_model("ball", folder=tmp_path / "models")
        expected = server.predict("ball", json=house.ROWS)["predictions"]
        assert Predictor.load(folder).predict(house.ROWS) == expected
        assert Predictor.load(tmp_path / "models" / "ball" / "current").predict(house.ROWS) == expected
        assert client.download_model("ball_model", "latest", tmp_path / "models") == folder  # its name in MLflow
        with pytest.raises(DownloadError, match="404, no version of ball holds canary"):
            client.download_model("ball", "canary", tmp_path / "models")
        with pytest.raises(DownloadError, match=r"has no weights\.h5; it has"):
            client.download_model("ball", files=["weights.h5"])
    with pytest.raises(DownloadError, match="cannot be reached"):
        client.download_model("ball", folder=tmp_path / "models")
    assert Predictor.load(tmp_path / "models" / "ball" / "current").predict(house.ROWS) == expected


def test_what_is_there_is_not_downloaded_again_unless_it_is_damaged(tmp_path: Path) -> None:
    with unreliable() as (client, server):
        folder = client.download_model("ball", folder=tmp_path)
        count = len(server.asked)
        assert client.download_model("ball", folder=tmp_path) == folder
        assert len(server.asked) == count + 1
        (folder / "golden.npz").write_bytes(b"other")
        assert contents(client.download_model("ball", folder=tmp_path)) == WHOLE


@settings(max_examples=30, deadline=None)
@given(breaks=st.lists(st.integers(0, 60_000), max_size=4), parts=st.booleans())
def test_a_download_that_stops_goes_on(
    tmp_path_factory: pytest.TempPathFactory, breaks: list[int], parts: bool
) -> None:
    folder = tmp_path_factory.mktemp("models")
    with unreliable(breaks=list(breaks), parts=parts) as (client, server):
        assert contents(client.download_model("ball", folder=folder)) == WHOLE
        model = [wanted for path, wanted in server.asked if path.endswith("model.tflite")]
    assert not list(folder.glob("*/.*"))
    assert model[0] is None


def test_the_next_call_goes_on_with_a_download_that_stopped_too_often(tmp_path: Path) -> None:
    with unreliable(breaks=[10_000] * clients.TRIES) as (client, server):
        with pytest.raises(DownloadError, match="the next call goes on with it"):
            client.download_model("ball", folder=tmp_path)
        assert not (tmp_path / "ball" / "current").exists()
        server.asked.clear()
        assert contents(client.download_model("ball", folder=tmp_path)) == WHOLE
        assert "bytes=50000-" in [wanted for _, wanted in server.asked]


def test_a_file_that_is_not_what_it_should_be_is_begun_anew_and_then_refused(tmp_path: Path) -> None:
    with unreliable(damage=2, breaks=[20_000]) as (client, _):  # the first part is sound, the rest is damaged
        assert contents(client.download_model("ball", folder=tmp_path)) == WHOLE
    with unreliable(damage=9, version="v1.1.0") as (client, _):
        with pytest.raises(DownloadError, match="is not the file with the SHA-256"):
            client.download_model("ball", folder=tmp_path)
        assert (tmp_path / "ball" / "current").readlink().name.startswith("v1.0.0")


@pytest.mark.parametrize("wrong", [{"name": "../up"}, {"version": "../../up"}, {"name": ".hidden"}])
def test_names_of_a_server_are_no_paths(tmp_path: Path, wrong: dict[str, str]) -> None:
    with unreliable(**wrong) as (client, _), pytest.raises(DownloadError, match="not of the right form"):
        client.download_model("ball", folder=tmp_path / "models")
    assert not (tmp_path / "models").exists()


def test_a_token_is_sent_but_not_to_another_server(tmp_path: Path) -> None:
    seen: list[tuple[str, str | None]] = []

    class Redirecting(Unreliable):
        def do_GET(self) -> None:
            seen.append((self.path, self.headers.get("Authorization")))
            self.send_response(302)
            self.send_header("Location", "http://127.0.0.1:9/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Redirecting)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        client = ModelRegistryClient(f"http://127.0.0.1:{server.server_port}", token="secret")
        with pytest.raises(DownloadError, match="302"):
            client.models()
    finally:
        server.shutdown()
        server.server_close()
    assert seen == [("/api/v1/models", "Bearer secret")]
