"""Programs that others wrote speak with the server: Triton's client, and schemathesis on the OpenAPI document."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import requests
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from serving import house
from serving.process import SECONDS, Server, serving
from slipway.serving import tokens
from slipway.serving.tokens import SCOPES
from slipway_edge.predictor import Predictor


@pytest.fixture
def client(server: Server) -> Iterator[triton.InferenceServerClient]:
    made = triton.InferenceServerClient(server.address.removeprefix("http://"))
    yield made
    made.close()


def tensor(name: str, values: np.ndarray, binary: bool = True) -> triton.InferInput:
    kind = "BYTES" if values.dtype == np.object_ else "FP64"
    made = triton.InferInput(name, list(values.shape), kind)
    made.set_data_from_numpy(values, binary_data=binary)
    return made


def test_triton_finds_the_server_and_its_models(client: triton.InferenceServerClient) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("ball")
    assert client.is_model_ready("ball", "v1.0.0")
    assert client.get_server_metadata()["name"] == "slipway"
    assert {one["name"]: one["datatype"] for one in client.get_model_metadata("ball")["inputs"]} == {
        "x": "FP64",
        "team": "BYTES",
    }
    with pytest.raises(InferenceServerException, match="no model nobody"):
        client.get_model_metadata("nobody")


@pytest.mark.parametrize("binary", [True, False])
def test_triton_predicts_rows(client: triton.InferenceServerClient, built: Path, binary: bool) -> None:
    inputs = [
        tensor("x", np.array([row["x"] for row in house.ROWS]), binary),
        tensor("team", np.array([row["team"] for row in house.ROWS], np.object_), binary),
    ]
    outputs = [triton.InferRequestedOutput(name, binary_data=binary) for name in ("predictions", "answers")]
    result = client.infer("ball", inputs, outputs=outputs, request_id="mine")
    predictor = Predictor.load(built / "models" / "ball")
    assert result.get_response()["id"] == "mine"
    np.testing.assert_array_equal(result.as_numpy("predictions"), predictor.predict_array(house.ROWS))
    assert [json.loads(one) for one in result.as_numpy("answers")] == predictor.predict(house.ROWS)


def test_triton_predicts_pictures_and_shows_what_is_wrong(client: triton.InferenceServerClient, built: Path) -> None:
    pictures = [house.picture(1), house.picture(2)]
    result = client.infer("shot", [tensor("examples", np.array(pictures, np.object_))])
    expected = Predictor.load(built / "models" / "shot").predict_array(pictures)
    np.testing.assert_array_equal(result.as_numpy("predictions"), expected)
    with pytest.raises(InferenceServerException, match="picture 0"):
        client.infer("shot", [tensor("examples", np.array([b"no picture"], np.object_))])


@pytest.fixture(scope="module")
def guarded(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, dict[str, str]]]:
    """A server that asks for tokens, and a token of each scope."""
    folder = tmp_path_factory.mktemp("guarded")
    file = folder / "tokens.json"
    secrets = {scope: tokens.create(file, scope, [scope]) for scope in SCOPES}
    with serving(built, folder / "server", "--tokens", str(file), "--poll", "0") as running:
        yield running, secrets


SETTINGS = """
[generation]
max-examples = 8

[parameters]
"path.address" = "ball"
"path.name" = "ball"
"path.model" = "ball"
"path.which" = "production"
"path.version" = "v1.0.0"
"path.file" = "model.tflite"

[[operations]]
include-path-regex = "^/api/v1/(experiments|monitoring|rollouts)|/(promote|rollback)$"
generation.max-examples = 2
phases.coverage.enabled = false
"""
"""Names that there are, without which most requests would be 404, and few requests where each starts a command."""


@pytest.mark.parametrize("scope", SCOPES)
def test_schemathesis_finds_nothing_that_the_document_does_not_say(
    guarded: tuple[Server, dict[str, str]], tmp_path: Path, scope: str
) -> None:
    server, secrets = guarded
    headers = {"Authorization": f"Bearer {secrets['read']}"}
    schema = tmp_path / "openapi.json"
    schema.write_bytes(requests.get(f"{server.address}/openapi.json", headers=headers, timeout=SECONDS).content)
    (tmp_path / "schemathesis.toml").write_text(SETTINGS)
    command = [str(Path(sys.executable).with_name("schemathesis")), "--no-color", "run", str(schema)]
    options = {
        "--url": server.address,
        "--checks": "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,"
        "response_headers_conformance,ignored_auth",
        "--phases": "examples,coverage,fuzzing" if scope == "admin" else "examples,fuzzing",
        "--seed": "7",
        "--header": f"Authorization: Bearer {secrets[scope]}",
        "--request-timeout": "30",
    }
    done = subprocess.run(
        [*command, *(part for pair in options.items() for part in pair)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
