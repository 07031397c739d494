"""A bundle that is uploaded by REST becomes a version, under the name of the token, and the server answers with it."""

from collections.abc import Iterator, Mapping
from contextlib import chdir
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
import requests

from registry import made
from registry.made import VARIANT
from registry.test_bundle import entries, packed, stating
from serving.house import git
from serving.process import SECONDS, Server, serving
from slipway.client import ModelRegistryClient, UploadError
from slipway.registry import bundle
from slipway.serving import tokens

ROW = {"x": 0.5, "team": "home"}
BINARY = {"Content-Type": "application/octet-stream"}


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """Bundles that a workshop wrote; v1.1.0 fails."""
    folder = tmp_path_factory.mktemp("workshop")
    root = made.begin(folder / "repository")
    found = {}
    with chdir(root):
        for version, wrong in (("v1.0.0", 0), ("v1.1.0", 50)):
            found[version] = folder / f"{version}.tar"
            bundle.write(VARIANT, version, made.build(root, wrong=wrong), found[version])
    return found


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A token for each scope, and the path of their file."""
    path = tmp_path_factory.mktemp("tokens") / "tokens.json"
    scopes: tuple[tokens.Scope, ...] = ("predict", "read", "promote")
    return {"path": str(path), **{scope: tokens.create(path, f"{scope}-bot", [scope]) for scope in scopes}}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry without versions, with a Git remote and a DVC remote."""
    root = made.begin(tmp_path_factory.mktemp("registry") / "repository")
    made.with_remote(root)
    return root


@pytest.fixture(scope="module")
def server(root: Path, secrets: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of its own clone of the registry, which asks for tokens."""
    options = ("--tokens", secrets["path"], "--poll", "600")
    with serving(f"file://{root.parent}/remote.git", tmp_path_factory.mktemp("server"), *options) as running:
        yield running


def post(server: Server, place: str, secret: str | None, **options: Any) -> requests.Response:
    given = options.pop("headers", {})
    headers = given | ({} if secret is None else {"Authorization": f"Bearer {secret}"})
    return requests.post(f"{server.address}/api/v1/models/{place}", headers=headers, timeout=SECONDS, **options)


def too_large(server: Server, place: str, secret: str) -> int:
    """The status for a request that states a body of 2 GiB, of which nothing was sent yet."""
    connection = HTTPConnection(server.address.removeprefix("http://"), timeout=SECONDS)
    headers = {**BINARY, "Authorization": f"Bearer {secret}", "Content-Length": str(2**31)}
    connection.request("POST", f"/api/v1/models/{place}", headers=headers)
    return connection.getresponse().status


def refs(root: Path) -> list[str]:
    """The refs of the registry in the Git remote."""
    remote = root.parent / "remote.git"
    return git(remote, "for-each-ref", "--format=%(refname)", "refs/tags", "refs/uploads").splitlines()


def test_what_is_wrong_is_refused_and_leaves_nothing(
    server: Server, root: Path, secrets: Mapping[str, str], bundles: Mapping[str, Path]
) -> None:
    sent, bot, place = bundles["v1.0.0"].read_bytes(), secrets["promote"], f"{VARIANT}/versions/v1.0.0"
    contents = entries(sent)
    flipped = bytearray(sent)
    flipped[sent.index(b"# ball")] ^= 1
    evil = packed(stating(contents | {"../../evil.py": b"import os"}))
    for status, told, where, secret, body in (
        (401, "token", place, None, sent),
        (403, "promote", place, secrets["read"], sent),
        (404, "there are: ball, shot", "nobody/versions/v1.0.0", bot, sent),
        (422, "is not a version", f"{VARIANT}/versions/1.0", bot, sent),
        (422, "was sent as ball@v1.5.0", f"{VARIANT}/versions/v1.5.0", bot, sent),
        (422, "models/ball/card.md has SHA-256", place, bot, bytes(flipped)),
        (422, "'../../evil.py' is not a file of a version", place, bot, evil),
    ):
        refused = post(server, where, secret, data=body, headers=BINARY)
        assert (refused.status_code, told in refused.json()["detail"]) == (status, True), refused.text
    assert post(server, place, bot, json={}).status_code == 415
    assert too_large(server, place, bot) == 413
    for form in ({"files": {"file": sent, "more": sent}}, {"data": {"file": "text"}, "files": {"more": sent}}):
        assert post(server, place, bot, **form).status_code == 422
    assert refs(root) == []
    assert not (root.parent / "store").exists()


def test_an_upload_is_promoted_and_answers_and_what_the_gate_fails_is_there_as_failed(
    server: Server, root: Path, secrets: Mapping[str, str], bundles: Mapping[str, Path], tmp_path: Path
) -> None:
    bot = secrets["promote"]
    client = ModelRegistryClient(server.address, bot)
    assert client.upload(bundles["v1.0.0"]) == {
        **{"model": VARIANT, "version": "v1.0.0", "verdict": "pass", "lifecycle": "validation"},
        **{"tags": [f"{VARIANT}@v1.0.0"], "pushed": True},
    }
    with pytest.raises(UploadError, match=r"409, ball@v1.0.0 already exists"):
        client.upload(bundles["v1.0.0"])
    (tmp_path / "other.tar").write_bytes(b"not an archive")
    with pytest.raises(UploadError, match="is not a bundle"):
        client.upload(tmp_path / "other.tar")
    with bundles["v1.1.0"].open("rb") as file:
        failed = post(server, f"{VARIANT}/versions/v1.1.0", bot, files={"file": file})
    assert (failed.status_code, failed.json()["verdict"], failed.json()["lifecycle"]) == (201, "fail", "failed")
    promoted = post(server, f"{VARIANT}/versions/v1.0.0/promote", bot, json={"status": "production"})
    assert promoted.status_code == 200, promoted.text
    predict = {"Authorization": f"Bearer {secrets['predict']}"}
    answer = requests.post(f"{server.address}/api/v1/predict/{VARIANT}", json=ROW, headers=predict, timeout=SECONDS)
    assert (answer.status_code, answer.json()["model_version"]) == (200, "v1.0.0")
    remote = root.parent / "remote.git"
    who = git(remote, "for-each-ref", "--format=%(refname) %(taggername) %(authorname)", "refs/tags", "refs/uploads")
    assert who.split("\n") == [
        f"refs/tags/{VARIANT}#production#1 promote-bot ",
        *(f"refs/tags/{VARIANT}@{version} promote-bot " for version in ("v1.0.0", "v1.1.0")),
        *(f"refs/uploads/{VARIANT}/{version}  promote-bot" for version in ("v1.0.0", "v1.1.0")),
    ]
