"""Predictions over HTTP are those of `Predictor.predict`, whatever way the examples come."""

import base64
from pathlib import Path

import pytest

from serving import house
from serving.process import Server, serving
from slipway_edge.predictor import Predictor


@pytest.fixture(scope="module")
def predictors(built: Path) -> dict[str, Predictor]:
    return {name: Predictor.load(built / "models" / name) for name in house.NAMES}


def test_rows_are_predicted_as_by_the_predictor(server: Server, predictors: dict[str, Predictor]) -> None:
    expected = predictors["ball"].predict(house.ROWS)
    for given in (house.ROWS, {"examples": house.ROWS}):
        answer = server.predict("ball", json=given)
        assert answer["predictions"] == expected
    assert answer["model"] == "ball"
    assert answer["model_version"] == "v1.0.0"
    assert answer["experiment_info"] is None
    assert answer["request_id"]
    assert 0 < answer["inference_time"] < 10


def test_one_row_may_be_an_object_alone(server: Server, predictors: dict[str, Predictor]) -> None:
    assert server.predict("ball", json=house.ROWS[0])["predictions"] == [predictors["ball"].predict(house.ROWS[0])]


@pytest.mark.parametrize("address", ["ball", "ball@production", "ball@v1.0.0", "ball@latest", "ball_model"])
def test_an_address_is_a_model_with_or_without_role_or_version(server: Server, address: str) -> None:
    assert server.predict(address, json=house.ROWS)["model_version"] == "v1.0.0"


@pytest.mark.parametrize(
    ("name", "make", "kind"), [("shot", house.picture, "image/png"), ("bird", house.sound, "audio/wav")]
)
def test_a_file_is_the_body_or_a_form_or_a_text_in_json(
    server: Server, predictors: dict[str, Predictor], name: str, make: object, kind: str
) -> None:
    files = [make(seed) for seed in (1, 2)]  # type: ignore[operator]
    expected = predictors[name].predict(files)
    raw = [server.predict(name, data=one, headers={"content-type": kind})["predictions"][0] for one in files]
    form = server.predict(name, files=[("file", ("one", one)) for one in files])
    texts = [base64.b64encode(one).decode() for one in files]
    assert raw == form["predictions"] == server.predict(name, json=texts)["predictions"] == expected
    url = f"data:{kind};base64,{texts[0]}"
    assert server.predict(name, json={"examples": [url]})["predictions"] == expected[:1]


def test_a_person_in_a_picture_is_a_picture_with_a_box(root: Path, tmp_path: Path) -> None:
    house.poses(root)
    house.commit(root)
    house.register(root, "pose", "v1.0.0")
    house.assign(root, "pose", "v1.0.0", "production", 1)
    picture, box = house.picture(), [4, 2, 10, 12.5]
    predictor = Predictor.load(root / "models" / "pose")
    whole, person = predictor.predict(picture), predictor.predict((picture, box))
    assert whole != person
    text = base64.b64encode(picture).decode()
    with serving(root, tmp_path / "server", "pose") as server:
        answer = server.predict("pose", json=[text, {"picture": text, "box": box}])
        assert answer["predictions"] == [whole, person]
        refused = server.post("/api/v1/predict/pose", json=[text, {"picture": text, "box": [0, 0, -1, 5]}])
        assert refused.status_code == 422
        assert "picture 1: a box is" in refused.json()["detail"]
