"""What cannot be answered gets a problem document that says what was found, where, and what to do."""

import base64
import io
import json
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from PIL import Image

from serving import house
from serving.process import Server, serving

PNG = {"content-type": "image/png"}
JSON = {"content-type": "application/json"}


def refused(server: Server, path: str, status: int, **options: Any) -> dict[str, Any]:
    """Return the problem document with which a request is refused."""
    response = server.post(path, **options)
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = dict(response.json())
    assert problem["status"] == status
    assert problem["request_id"]
    return problem


def predict(server: Server, model: str, status: int, **options: Any) -> dict[str, Any]:
    return refused(server, f"/api/v1/predict/{model}", status, **options)


@pytest.mark.parametrize(
    ("address", "known", "named"),
    [
        ("nobody", sorted(house.NAMES), "ball, bird, shot"),
        ("ball@v9.0.0", ["v1.0.0"], "it has v1.0.0"),
        ("ball@staging", ["production"], "held are: production"),
        ("ball@..%2F..%2Fetc", ["v1.0.0"], "no version ../../etc"),
        ("", sorted(house.NAMES), "no model"),
    ],
)
def test_what_is_not_there_is_404_with_those_there_are(
    server: Server, address: str, known: list[str], named: str
) -> None:
    problem = predict(server, address, 404, json=house.ROWS)
    assert problem["known"] == known
    assert named in problem["detail"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[]", "no examples"),
        ('{"examples": []}', "no examples"),
        ('{"examples": 1}', "examples is a number"),
        ("[1]", "example 1 is a number"),
        ('["../../etc/passwd"]', "example 1 is a text"),
        ('[{"x": 1, "team": "home"}, {"x": [1], "team": "home"}]', "example 2: column x is a list"),
        ('[{"x": {"y": 1}, "team": "home"}]', "example 1: column x is an object"),
        ('[{"x": NaN, "team": "home"}]', "example 1 x: nan is not a number in JSON"),
        ('[{"x": 1, "team": "home"}, {"x": -Infinity, "team": "home"}]', "example 2 x: -inf"),
        ('{"examples": [{"x": 1e999, "team": "home"}]}', "is"),
        ('[{"team": "home"}]', "no column x; it has team"),
        ('[{"x": "much", "team": "home"}]', "row 1: x is much, not a number"),
        ('[{"x": 1, "team": "home"}, {"x": null, "team": "home"}]', "row 2: x is missing"),
        ('[{"x": 1, "team": "guest"}]', "row 1: team is guest, which is not in the training data (away, home)"),
    ],
)
def test_rows_that_cannot_be_used_are_422_and_say_which_and_why(server: Server, body: str, says: str) -> None:
    assert says in predict(server, "ball", 422, data=body, headers=JSON)["detail"]


def test_too_many_rows_are_413(server: Server) -> None:
    rows = [{"x": 1, "team": "home"}] * 10_001
    assert "10,001 rows, and one request may have 10,000" in predict(server, "ball", 413, json=rows)["detail"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty file"),
        (b"GIF89a" + bytes(20), "GIF is not supported"),
        (house.picture()[:200], "picture 0: "),
        (b"/etc/passwd", "not a picture"),
    ],
)
def test_a_picture_that_cannot_be_read_is_422(server: Server, content: bytes, says: str) -> None:
    assert says in predict(server, "shot", 422, data=content, headers=PNG)["detail"]


def test_a_picture_with_too_many_pixels_is_413_and_is_not_decoded(server: Server) -> None:
    buffer = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(buffer, "PNG")
    assert len(buffer.getvalue()) < 1e6
    assert "more than 50,000,000 pixels" in predict(server, "shot", 413, data=buffer.getvalue(), headers=PNG)["detail"]


def test_too_many_files_are_413(server: Server) -> None:
    texts = [base64.b64encode(house.picture()).decode()] * 65
    assert "65 files, and one request may have 64" in predict(server, "shot", 413, json=texts)["detail"]
    assert "65 files" in predict(server, "shot", 413, files=[("file", ("a", b"x"))] * 65)["detail"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ('["not base64!"]', "example 1 is a text that is not base64"),
        ('["/etc/passwd"]', "not base64"),
        ('[{"path": "/etc/passwd"}]', "example 1 is an object"),
        ('[{"picture": "", "box": [1]}]', "box must be"),
        ("[[1, 2]]", "example 1 is a list"),
    ],
)
def test_files_in_json_are_texts_in_base64_and_never_paths(server: Server, body: str, says: str) -> None:
    assert says in predict(server, "shot", 422, data=body, headers=JSON)["detail"]


@pytest.mark.parametrize(
    ("kind", "body", "says"),
    [
        ("multipart/form-data", b"--a--", "no boundary"),
        ("multipart/form-data; boundary=a", b"nothing", "the form is damaged"),
        (
            "multipart/form-data; boundary=a",
            b'--a\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n--a--',
            "not a file",
        ),
        ("multipart/form-data; boundary=a", b"--a--", "no examples"),
    ],
)
def test_a_form_that_has_no_files_is_422(server: Server, kind: str, body: bytes, says: str) -> None:
    assert says in predict(server, "shot", 422, data=body, headers={"content-type": kind})["detail"]


@pytest.mark.parametrize(
    ("model", "kind"), [("ball", "image/png"), ("ball", "text/csv"), ("shot", "text/plain"), ("shot", "")]
)
def test_another_content_type_is_415(server: Server, model: str, kind: str) -> None:
    predict(server, model, 415, data=b"x", headers={"content-type": kind})


def test_an_experiment_that_does_not_exist_is_404(server: Server) -> None:
    refused(server, "/api/v1/predict/ball?experiment_id=mine", 404, json=house.ROWS)


def test_paths_and_methods_that_do_not_exist_are_problems_too(server: Server) -> None:
    refused(server, "/api/v1/nothing", 404)
    response = server.get("/api/v1/predict/ball")
    assert response.status_code == 405
    assert response.headers["content-type"] == "application/problem+json"


def test_a_client_that_goes_away_in_the_middle_leaves_the_server_in_service(server: Server) -> None:
    host, _, port = server.address.removeprefix("http://").partition(":")
    for _ in range(5):
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(b"POST /api/v1/predict/ball HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n[{")
    assert server.predict("ball", json=house.ROWS)
    assert "Traceback" not in server.log.read_text()


def test_each_problem_is_in_the_openapi_document(server: Server) -> None:
    document = requests.get(f"{server.address}/openapi.json", timeout=30).json()
    described = document["paths"]["/api/v1/predict/{address}"]["post"]
    assert {"200", "404", "413", "415", "422", "429", "500", "503", "504"} <= described["responses"].keys()
    assert set(described["requestBody"]["content"]) >= {"application/json", "multipart/form-data", "image/*"}


def test_values_that_are_not_finite_are_an_error_and_no_answer(root: Path, tmp_path: Path) -> None:
    house.rows(root, slope=float("nan"))
    golden = root / "models" / "ball" / "golden.npz"
    with np.load(golden) as found:
        assert np.isnan(found["outputs"]).all()
    house.commit(root)
    house.register(root, "ball", "v1.1.0")
    house.assign(root, "ball", "v1.1.0", "production", 2)
    with serving(root, tmp_path / "server", "ball") as server:
        problem = predict(server, "ball", 500, json=house.ROWS)
        assert "ball@v1.1.0 gives values that are not finite" in problem["detail"]
        assert json.loads(server.get("/readyz").text)["ready"]
