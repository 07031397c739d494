"""Clients of other servers: the Open Inference Protocol V2, and MLflow's model server."""

import base64
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import requests

from serving import house
from serving.process import Server, serving
from slipway.registry.pyfunc import _load_pyfunc
from slipway_edge.predictor import Predictor

COLUMNS = [
    {"name": "x", "datatype": "FP64", "shape": [3], "data": [row["x"] for row in house.ROWS]},
    {"name": "team", "datatype": "BYTES", "shape": [3, 1], "data": [row["team"] for row in house.ROWS]},
]


def infer(server: Server, path: str, document: Any, status: int = 200) -> dict[str, Any]:
    response = server.post(f"/v2/models/{path}/infer", json=document)
    assert response.status_code == status, response.text
    return dict(response.json())


def packed(texts: list[bytes]) -> bytes:
    """Return a BYTES tensor in the binary form of the protocol."""
    return b"".join(struct.pack("<I", len(one)) + one for one in texts)


def test_health_and_metadata_of_the_server(server: Server) -> None:
    assert server.get("/v2/health/live").json() == {"live": True}
    assert server.get("/v2/health/ready").json() == {"ready": True}
    assert server.get("/v2").json()["name"] == "slipway"
    assert "binary_tensor_data" in server.get("/v2").json()["extensions"]


def test_metadata_names_the_columns_of_rows_and_the_shape_of_the_output(server: Server) -> None:
    found = server.get("/v2/models/ball").json()
    assert found == server.get("/v2/models/ball/versions/v1.0.0").json()
    assert found["versions"] == ["v1.0.0"]
    assert {one["name"]: (one["datatype"], one["shape"]) for one in found["inputs"]} == {
        "x": ("FP64", [-1]),
        "team": ("BYTES", [-1]),
    }
    assert found["outputs"][0] == {
        "name": "predictions",
        "datatype": "FP32",
        "shape": [-1, 1],
        "parameters": {"names": ["ball"]},
    }
    assert [one["datatype"] for one in server.get("/v2/models/shot").json()["inputs"]] == ["BYTES"]
    assert server.get("/v2/models/ball/ready").json() == {"name": "ball", "ready": True}


@pytest.mark.parametrize("path", ["ball", "ball/versions/v1.0.0", "ball/versions/production"])
def test_rows_are_tensors_by_column(server: Server, built: Path, path: str) -> None:
    predictor = Predictor.load(built / "models" / "ball")
    found = infer(server, path, {"id": "mine", "inputs": COLUMNS})
    assert (found["id"], found["model_name"], found["model_version"]) == ("mine", "ball", "v1.0.0")
    values, answers = found["outputs"]
    assert values["shape"] == [3, 1]
    assert values["data"] == predictor.predict_array(house.ROWS).ravel().tolist()
    assert [json.loads(one) for one in answers["data"]] == predictor.predict(house.ROWS)


def test_only_the_wanted_outputs_are_in_the_answer(server: Server) -> None:
    found = infer(server, "ball", {"inputs": COLUMNS, "outputs": [{"name": "answers"}]})
    assert [one["name"] for one in found["outputs"]] == ["answers"]


@pytest.mark.parametrize(("name", "make"), [("shot", house.picture), ("bird", house.sound)])
def test_files_are_texts_in_base64_or_bytes_after_the_json(server: Server, built: Path, name: str, make: Any) -> None:
    files = [make(1), make(2)]
    expected = Predictor.load(built / "models" / name).predict_array(files)
    tensor = {"name": "examples", "datatype": "BYTES", "shape": [2]}
    texts = [base64.b64encode(one).decode() for one in files]
    found = infer(server, name, {"inputs": [{**tensor, "data": texts}]})
    assert found["outputs"][0]["data"] == expected.ravel().tolist()

    content = packed(files)
    head = json.dumps(
        {
            "inputs": [{**tensor, "parameters": {"binary_data_size": len(content)}}],
            "parameters": {"binary_data_output": True},
        }
    ).encode()
    response = server.post(
        f"/v2/models/{name}/infer",
        data=head + content,
        headers={"Inference-Header-Content-Length": str(len(head)), "Content-Type": "application/octet-stream"},
    )
    assert response.status_code == 200, response.text
    length = int(response.headers["Inference-Header-Content-Length"])
    values, answers = json.loads(response.content[:length])["outputs"]
    size = values["parameters"]["binary_data_size"]
    assert np.array_equal(
        np.frombuffer(response.content[length : length + size], "<f4").reshape(expected.shape), expected
    )
    assert len(response.content) == length + size + answers["parameters"]["binary_data_size"]


def test_numbers_and_texts_may_be_bytes_and_nan_is_a_missing_value(server: Server, built: Path) -> None:
    numbers = np.array([row["x"] for row in house.ROWS], "<f4").tobytes()
    texts = packed([row["team"].encode() for row in house.ROWS])
    tensors = [
        {"name": "x", "datatype": "FP32", "shape": [3], "parameters": {"binary_data_size": len(numbers)}},
        {"name": "team", "datatype": "BYTES", "shape": [3], "parameters": {"binary_data_size": len(texts)}},
    ]
    head = json.dumps({"inputs": tensors}).encode()
    headers = {"Inference-Header-Content-Length": str(len(head))}
    response = server.post("/v2/models/ball/infer", data=head + numbers + texts, headers=headers)
    expected = Predictor.load(built / "models" / "ball").predict_array(house.ROWS)
    assert response.json()["outputs"][0]["data"] == expected.ravel().tolist()
    missing = np.array([0.5, np.nan, 0.0], "<f4").tobytes()
    response = server.post("/v2/models/ball/infer", data=head + missing + texts, headers=headers)
    assert response.status_code == 422
    assert "row 2: x is missing" in response.json()["error"]


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ([], "no inputs"),
        ({"inputs": []}, "no inputs"),
        ({"inputs": [{**COLUMNS[0], "datatype": "FP8"}]}, "datatype 'FP8'"),
        ({"inputs": [{**COLUMNS[0], "datatype": {}}]}, "datatype {}"),
        ({"inputs": [{**COLUMNS[0], "shape": [2]}]}, "its shape says 2 elements, and it has 3"),
        ({"inputs": [{**COLUMNS[0], "shape": [3, 2]}]}, "must be [n] or [n, 1]"),
        ({"inputs": [COLUMNS[0], COLUMNS[0]]}, "several inputs are called x"),
        ({"inputs": [COLUMNS[0], {**COLUMNS[1], "shape": [2], "data": ["home"] * 2}]}, "different lengths"),
        ({"inputs": [COLUMNS[0]]}, "no column team"),
        ({"inputs": COLUMNS, "outputs": [{"name": "other"}]}, "there are predictions, answers"),
        ({"inputs": [{**COLUMNS[0], "parameters": {"binary_data_size": 5}}]}, "0 bytes are left"),
    ],
)
def test_a_wrong_request_says_what_is_wrong_where_clients_look_for_it(server: Server, document: Any, says: str) -> None:
    assert says in infer(server, "ball", document, 422)["error"]


def test_a_wrong_length_of_the_json_is_refused(server: Server) -> None:
    for length in ("9999", "-1", "x"):
        response = server.post("/v2/models/ball/infer", data=b"{}", headers={"Inference-Header-Content-Length": length})
        assert response.status_code == 422


def test_an_unknown_model_is_404_in_the_form_of_the_protocol(server: Server) -> None:
    assert "no model nobody" in infer(server, "nobody", {"inputs": COLUMNS}, 404)["error"]
    assert server.get("/v2/models/nobody").status_code == 404
    assert server.get("/v2/models/ball/versions/v3.0.0/ready").status_code == 404


FEATURES = ["x", "team share", "team frequency"]
ENCODED = [[0.5, 0.7, 0.5], [-1.0, 0.2, 0.5]]


@pytest.mark.parametrize(
    "document",
    [
        {"dataframe_split": {"columns": FEATURES, "data": ENCODED}},
        {"dataframe_split": {"columns": FEATURES[::-1], "data": [row[::-1] for row in ENCODED], "index": [0, 1]}},
        {"dataframe_records": [dict(zip(FEATURES, row, strict=True)) for row in ENCODED]},
        {"instances": [dict(zip(FEATURES, row, strict=True)) for row in ENCODED]},
        {"instances": ENCODED},
        {"inputs": {name: [row[at] for row in ENCODED] for at, name in enumerate(FEATURES)}},
        {"inputs": ENCODED},
    ],
)
def test_invocations_are_those_of_the_model_in_mlflow(server: Server, built: Path, document: Any) -> None:
    expected = _load_pyfunc(str(built / "models" / "ball")).predict(pd.DataFrame(ENCODED, columns=FEATURES))
    response = server.post("/invocations?model=ball", json=document)
    assert response.status_code == 200, response.text
    assert response.json() == {"predictions": expected.tolist()}


def test_invocations_take_encoded_pictures(server: Server, built: Path) -> None:
    pictures = np.random.default_rng(3).integers(0, 256, (2, 8, 8, 3), np.uint8)
    expected = _load_pyfunc(str(built / "models" / "shot")).predict(pictures)
    response = server.post("/invocations?model=shot", json={"inputs": pictures.tolist()})
    assert response.json() == {"predictions": expected.tolist()}


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({}, "exactly one of dataframe_split"),
        ({"inputs": ENCODED, "instances": ENCODED}, "exactly one of"),
        ({"inputs": [[1.0]]}, "shape [1, 1], but the model takes [n, 3]"),
        ({"inputs": [["a", 1, 2]]}, "not an array of numbers"),
        ({"dataframe_records": [{"x": 1}]}, "no column team share, team frequency"),
        ({"dataframe_split": {"columns": ["x"], "data": [[1, 2]]}}, "must have 1 values"),
        ({"inputs": []}, "shape"),
    ],
)
def test_wrong_invocations_are_422(server: Server, document: Any, says: str) -> None:
    response = server.post("/invocations?model=ball", json=document)
    assert response.status_code == 422, response.text
    assert says in response.json()["detail"]


def test_a_server_of_one_model_needs_no_name_for_invocations(server: Server, built: Path, tmp_path: Path) -> None:
    response = server.post("/invocations", json={"inputs": ENCODED})
    assert response.status_code == 404
    assert "ball, bird, shot" in response.json()["detail"]
    with serving(built, tmp_path / "one", "ball") as one:
        assert one.post("/invocations", json={"inputs": ENCODED}).status_code == 200
        assert requests.get(f"{one.address}/ping", timeout=30).status_code == 200
        assert one.get("/version").text[0].isdigit()
        assert one.post("/api/v1/predict/shot", json=[]).status_code == 404
