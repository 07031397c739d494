"""Requests are captured for labelling as the options say, and nothing else notices."""

import base64
import csv
import hashlib
import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock

from serving import house
from serving.process import Server, serving, until
from serving.test_recording import measured
from slipway import tasks
from slipway.cli.labelled import labelled
from slipway.cli.serve import serve
from slipway.core.errors import ConfigError, DataError
from slipway.data.readers import metadata, tables
from slipway.data.readers.labels import Labels
from slipway.data.readers.table_format import Format
from slipway.experiments.assignment import Range, Split
from slipway.registry.grammar import Tag
from slipway.registry.state import Version
from slipway.serving.capture import MOST_WAITING, SALT, confidences
from slipway.serving.raw_layout import RawLayout
from slipway.serving.release import Loaded
from slipway.serving.review import Captured, ReviewFolder
from slipway_edge.predictor import Predictor
from slipway_edge.tasks import (
    audio_multilabel,
    image_classification,
    keypoint_detection,
    object_detection,
    row_regression,
    tabular_classification,
    tabular_multiclass,
)

BOX = (0.5, 0.5, 0.1, 0.1)
PNG = {"content-type": "image/png"}
TAG = Tag("ball@v1.0.0", "0" * 40, "1" * 40, "ball", "register", "v1.0.0", None, 0, "Ann", "ann@example.org", 0, "")
_SAMPLE = Split(SALT, (Range("sampled", 0, 50),))
IDS = [f"request-{number}" for number in range(100)]
DRAWN = [one for one in IDS if _SAMPLE.of(one) is not None]
OTHERS = [one for one in IDS if _SAMPLE.of(one) is None]
"""Requests that a server with `--capture 0.5` draws, and others."""


@pytest.fixture(scope="module")
def capturing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    """A server that captures half of the requests with two workers, and the folder of its repository."""
    root = tmp_path_factory.mktemp("capturing") / "repository"
    house.begin(root)
    names = (*house.NAMES, "pose", "demand")
    for write in (house.rows, house.pictures, house.sounds, house.poses, house.forecasts):
        write(root)
    house.commit(root)
    for variant in names:
        house.register(root, variant, "v1.0.0")
        house.assign(root, variant, "v1.0.0", "production", 1)
    with serving(root, root.parent / "server", "--capture", "0.5", "--workers", "2") as server:
        yield server, root / "data/review"


def records(review: Path, variant: str, request_id: str, count: int) -> list[dict[str, Any]]:
    """The records of a request, when there are so many."""
    found: list[dict[str, Any]] = []

    def there() -> bool:
        lines = [line for file in (review / variant).glob("*.jsonl") for line in file.read_text().splitlines()]
        found[:] = [one for one in map(json.loads, lines) if one["request_id"] == request_id]
        return len(found) >= count

    until(there, f"{count} records of {request_id}")
    assert len(found) == count
    return found


def batch(review: Path, variant: str) -> Path:
    (found,) = (one for one in (review / variant).iterdir() if one.is_dir())
    return found


def rows(review: Path, variant: str) -> list[dict[str, str]]:
    with (batch(review, variant) / "captured.csv").open(newline="") as file:
        return list(csv.DictReader(file, strict=True))


def test_a_drawn_request_is_kept_whole_and_of_another_what_the_model_is_unsure_of(
    capturing: tuple[Server, Path],
) -> None:
    server, review = capturing
    who = {"x-unit": "user-1"}
    answer = server.predict("ball", json=house.ROWS, headers={"x-request-id": DRAWN[0], **who})
    server.predict("ball", json=house.ROWS, headers={"x-request-id": OTHERS[0], **who})
    found = records(review, "ball", DRAWN[0], 3)
    assert [(one["example"], one["sampled"], one["unsure"]) for one in found] == [
        *((1, True, False), (2, True, False), (3, True, True)),
    ]
    assert [one["prediction"] for one in found] == answer["predictions"]
    probabilities = [one["ball"] for one in answer["predictions"]]
    assert [one["confidence"] for one in found] == pytest.approx([max(one, 1 - one) for one in probabilities])
    assert {(one["model"], one["model_version"], len(one["unit"])) for one in found} == {("ball", "v1.0.0", 32)}
    (unsure,) = records(review, "ball", OTHERS[0], 1)
    assert (unsure["example"], unsure["sampled"], unsure["unsure"]) == (3, False, True)
    by_key = {one["capture"]: one for one in rows(review, "ball")}
    for number, given in enumerate(house.ROWS, start=1):
        line = by_key[f"{DRAWN[0]}/{number}"]
        assert (float(line["x"]), line["team"]) == (given["x"], given["team"])
    assert f"{OTHERS[0]}/3" in by_key
    assert not any("user-1" in path.read_text() for path in review.rglob("*.jsonl"))


def test_pictures_of_every_form_are_kept_as_they_came(capturing: tuple[Server, Path], tmp_path: Path) -> None:
    server, review = capturing
    pictures = [house.picture(seed, kind) for seed, kind in enumerate(["PNG", "JPEG", "WEBP", "PNG", "PNG", "PNG"])]
    texts = [base64.b64encode(one).decode() for one in pictures]
    files = [("file", (f"{at}.jpg", one)) for at, one in enumerate(pictures[2:4])]
    server.predict("shot", data=pictures[0], headers={"x-request-id": DRAWN[1], **PNG})
    server.predict("shot", json=[texts[1]], headers={"x-request-id": DRAWN[2]})
    server.predict("shot", files=files, headers={"x-request-id": DRAWN[3]})
    tensor = {"name": "examples", "shape": [1], "datatype": "BYTES", "data": [texts[4]]}
    again = {"x-request-id": DRAWN[4]}
    assert server.post("/v2/models/shot/infer", json={"inputs": [tensor]}, headers=again).status_code == 200
    server.predict("shot", data=pictures[0], headers={"x-request-id": DRAWN[5], **PNG})
    server.predict("shot", data=pictures[5], headers={"x-request-id": OTHERS[1], **PNG})  # sure, and not drawn
    counts = {DRAWN[1]: 1, DRAWN[2]: 1, DRAWN[3]: 2, DRAWN[4]: 1, DRAWN[5]: 1}
    named = [one["file"] for name, count in counts.items() for one in records(review, "shot", name, count)]
    expected = [hashlib.sha256(pictures[at]).hexdigest() for at in (0, 1, 2, 3, 4, 0)]
    assert [name.partition(".")[0] for name in named] == expected
    assert {Path(one).suffix for one in named} == {".png", ".jpg", ".webp"}
    folder = batch(review, "shot")
    assert {one.name for one in folder.iterdir()} == {*named, "metadata.csv"}
    assert {hashlib.sha256((folder / one).read_bytes()).hexdigest() for one in named} == set(expected)

    mine = Path(shutil.copytree(folder, tmp_path / "mine"))
    assert sorted(metadata.read(mine / "metadata.csv").rows["path"]) == sorted(set(named))
    with pytest.raises(DataError, match="'' is not the name of a class"), labelled(mine, mine / "metadata.csv"):
        pass
    classes = iter(["drive", "cut", "sweep", "drive", "cut"])
    lines = (mine / "metadata.csv").read_text().splitlines()
    (mine / "metadata.csv").write_text(
        "\n".join([lines[0], *(one.replace(",,", f",{next(classes)},", 1) for one in lines[1:])])
    )
    with labelled(mine, None) as laid:  # as `slipway new --data` does
        assert sorted(one.parent.name for one in laid.folder.glob("*/*")) == ["cut", "cut", "drive", "drive", "sweep"]


def test_sounds_poses_and_forecasts_are_kept_in_their_own_layout(capturing: tuple[Server, Path]) -> None:
    server, review = capturing
    server.predict("bird", data=house.sound(), headers={"x-request-id": DRAWN[6], "content-type": "audio/wav"})
    server.predict(
        "pose",
        json={"picture": base64.b64encode(house.picture()).decode(), "box": [1, 2, 15, 16]},
        headers={"x-request-id": DRAWN[7]},
    )
    table = house.demand()
    ahead = [{**table[-1], "visitors": None, "hour": f"2024-01-12 {hour:02}:00"} for hour in (0, 1)]
    history = [one for one in table if one["spot"] == "park"]
    answer = server.predict("demand", json=[*history, *ahead], headers={"x-request-id": DRAWN[8]})
    (bird,) = records(review, "bird", DRAWN[6], 1)
    assert (batch(review, "bird") / bird["file"]).read_bytes() == house.sound()
    (pose,) = records(review, "pose", DRAWN[7], 1)
    assert (batch(review, "pose") / "images" / Path(pose["file"]).name).read_bytes() == house.picture()
    assert (pose["box"], pose["confidence"]) == ([1, 2, 15, 16], None)
    forecasts = records(review, "demand", DRAWN[8], 2)
    assert [one["prediction"] for one in forecasts] == answer["predictions"]
    lines = rows(review, "demand")
    assert [(one["hour"], one["spot"], one["visitors"]) for one in lines] == [
        (one["hour"], "park", "") for one in ahead
    ]


def test_encoded_inputs_and_refused_requests_are_not_kept(capturing: tuple[Server, Path]) -> None:
    server, review = capturing
    encoded = {"inputs": [[0.5, 0.7, 0.5]]}
    header = {"x-request-id": DRAWN[9]}
    assert server.post("/invocations?model=ball", json=encoded, headers=header).status_code == 200
    header = {"x-request-id": DRAWN[10]}
    assert server.post("/api/v1/predict/shot", data=b"none", headers={**header, **PNG}).status_code == 422
    tensors = [{"name": "x", "datatype": "FP64", "shape": [1], "data": [0]}]
    tensors.append({"name": "team", "datatype": "BYTES", "shape": [1], "data": ["home"]})
    asked = {"inputs": tensors, "outputs": [{"name": "nothing"}]}
    header = {"x-request-id": DRAWN[11]}
    assert server.post("/v2/models/ball/infer", json=asked, headers=header).status_code == 422
    for number in (12, 13, 14, 15):  # whichever worker answered is done with those before
        server.predict("ball", json=house.ROWS[0], headers={"x-request-id": DRAWN[number]})
        records(review, "ball", DRAWN[number], 1)
    written = "".join(path.read_text() for path in review.rglob("*.jsonl"))
    assert not any(f'"{DRAWN[number]}"' in written for number in (9, 10, 11))


def test_it_is_measured_and_git_does_not_see_it(capturing: tuple[Server, Path]) -> None:
    server, review = capturing
    before = measured(server)
    server.predict("ball", json=house.ROWS, headers={"x-request-id": DRAWN[16]})
    server.predict("ball", json=house.ROWS, headers={"x-request-id": OTHERS[2]})
    name = "slipway_captured_examples_total{{model=ball,why={}}}"
    for why, count in (("sampled", 3), ("unsure", 1)):
        wanted = before.get(name.format(why), 0) + count
        until(lambda why=why, wanted=wanted: measured(server).get(name.format(why)) == wanted, f"{why} is counted")
    assert server.get("/readyz").json()["problems"] == []
    assert house.git(review.parent.parent, "status", "--porcelain", "--", "data") == ""


def test_without_the_option_nothing_is_written(server: Server, built: Path) -> None:
    server.predict("ball", json=house.ROWS)
    assert not (built / "data").exists()
    assert not any("captur" in name for name in measured(server))


def test_what_cannot_be_written_is_dropped_and_counted_and_nobody_waits(built: Path, tmp_path: Path) -> None:
    review, today = tmp_path / "review", datetime.now(UTC).date().isoformat()
    old = review / "ball" / "2020-01-01-v1.0.0"
    old.mkdir(parents=True)
    old.with_name(f"{today}-v0.9.0").mkdir()
    dropped = "slipway_dropped_captures_total{{model=ball,reason={}}}"
    with serving(built, tmp_path / "server", "ball", "--capture", "1", "--capture-to", str(review)) as server:
        until(lambda: not old.exists(), "the old captures are removed")
        assert old.with_name(f"{today}-v0.9.0").exists()
        old.with_name(f"{today}-v0.9.0").rmdir()

        server.predict("ball", json=house.ROWS[0], headers={"x-request-id": "first"})
        records(review, "ball", "first", 1)
        with FileLock(review / "ball" / ".lock"):  # a thread that is too slow
            for name in ("second", "third"):
                server.predict("ball", json=house.ROWS[:1] * (MOST_WAITING - 1), headers={"x-request-id": name})
            assert measured(server)[dropped.format("busy")] == MOST_WAITING - 1
        assert len(records(review, "ball", "second", MOST_WAITING - 1)) == MOST_WAITING - 1
        assert "third" not in "".join(path.read_text() for path in review.rglob("*.jsonl"))

        shutil.rmtree(review)
        review.write_text("in the way")
        for _ in range(3):
            server.predict("ball", json=house.ROWS)
        until(lambda: measured(server).get(dropped.format("failed")) == 9, "all are counted")
        (problem,) = server.get("/readyz").json()["problems"]
        assert problem.startswith("requests cannot be captured for labelling: ")
        assert server.get("/readyz").status_code == 200
        assert server.log.read_text().count("cannot be captured") == 1
        review.unlink()
        server.predict("ball", json=house.ROWS, headers={"x-request-id": "works"})
        assert len(records(review, "ball", "works", 3)) == 3
        assert server.get("/readyz").json()["problems"] == []


def loaded(task: Any, spec: dict[str, Any], data: dict[str, Any] | None = None) -> Loaded:
    predictor = Predictor(Path(), None, task, spec, {"data": data or {}})  # type: ignore[arg-type]
    return Loaded(Version("ball", "v1.0.0", "1" * 40, TAG, ()), predictor, 1, 1.0, ((1,), np.dtype(np.float32)))


def made(kind: Any) -> Any:
    """A task without its data, of which only the kind is looked at."""
    return kind.Task.__new__(kind.Task)


@pytest.mark.parametrize(
    ("kind", "predictions", "expected"),
    [
        (image_classification, [[0.6, 0.3, 0.1], [0.2, 0.2, 0.6]], [0.6, 0.6]),
        (tabular_multiclass, [[0.9, 0.1, 0.0]], [0.9]),
        (tabular_classification, [[0.9], [0.1], [0.45]], [0.9, 0.9, 0.55]),
        (audio_multilabel, [[0.9, 0.4, 0.1], [0.99, 0.01, 0.0]], [0.6, 0.99]),
        (object_detection, [[[*BOX, 0.8], [*BOX, 0.4], [*BOX, 0.1]], [[*BOX, 0.2]] * 3], [0.4, np.inf]),
        (row_regression, [[3.5]], None),
        (keypoint_detection, [[[0.5, 0.5, 0.1]]], None),
    ],
)
def test_the_confidence_is_that_of_the_least_sure_decision(kind: Any, predictions: Any, expected: Any) -> None:
    found = confidences(loaded(made(kind), {"threshold": 0.3}), np.array(predictions))
    assert found is None if expected is None else found == pytest.approx(expected)


def test_tables_are_written_as_those_of_the_variant_are(tmp_path: Path) -> None:
    own = {"separator": ";", "decimal": ",", "encoding": "utf-16"}
    data = {
        **{"target": "left", "group": "customer", "example": None, "time": None, "numeric": ["spent"]},
        **{"dates": ["since"], "categorical": ["capture"], "derived": {}, "format": own},
    }
    layout = RawLayout.of(loaded(made(tabular_classification), {"input": {"names": ["spent"]}}, data))
    given = {"spent": 1.5, "since": "2027-01-31", "capture": 'a;"b"\r c', "left": True, "customer": 7}
    path = tmp_path / layout.table
    path.write_bytes(layout.header + layout.row(given, "one/1") + layout.row({"capture": "é ü\n"}, "two/1"))
    read = tables.read_csv(path, None, Format(**own))
    assert list(read) == ["customer", "spent", "since", "capture", "left", "capture (slipway)"]
    assert read.to_numpy().tolist() == [
        ["7", "1,5", "2027-01-31", 'a;"b"\r c', "", "one/1"],
        ["", "", "", "é ü\n", "", "two/1"],
    ]
    assert tables.read_csv(path, (), Format(**own))["spent"].tolist()[0] == 1.5


def captured(given: Any, number: int) -> Captured:
    now = datetime.now(UTC)
    return Captured(now, "one", number, "any", "v1.0.0", None, True, False, 0.9, [{"label": "head"}], given)


def test_kept_rows_are_raw_data_once_they_are_labelled(tmp_path: Path) -> None:
    data = {"target": "left", "positive": "yes", "name": "left", "numeric": ["spent"], "group": "customer"}
    task = tasks.load("tabular_classification", data)
    layout = RawLayout.of(loaded(made(tabular_classification), {"input": {"names": ["spent"]}}, data))
    given = [{"spent": number, "customer": f"c{number}", "left": "yes"} for number in range(4)]
    ReviewFolder(tmp_path / "any", 10**9).keep(layout, [captured(row, number) for number, row in enumerate(given)])
    raw = batch(tmp_path, "any")
    with pytest.raises(DataError, match="none of 4 rows can be used"):
        task.index(raw)
    table = tables.read_csv(raw / layout.table, None)
    table.assign(left=["yes", "no", "yes", "no"]).to_csv(raw / layout.table, index=False)
    assert task.index(raw).examples["label"].tolist() == ["left", "not left"] * 2


def test_kept_pictures_are_raw_data_of_a_detector_once_they_are_labelled(tmp_path: Path) -> None:
    data = {"classes": ["head", "helmet"], "height": 32, "width": 32, "max_boxes": 4, "false_positives": 1.0}
    task = tasks.load("object_detection", data)
    layout = RawLayout.of(loaded(made(object_detection), {"input": {}}))
    kept = [captured(house.picture(number), number) for number in range(3)]
    ReviewFolder(tmp_path / "any", 10**9).keep(layout, kept)
    raw = batch(tmp_path, "any")
    with pytest.raises(DataError, match="labels: no such folder"):
        task.index(raw)
    (raw / "labels").mkdir()
    for picture in (raw / "images").iterdir():
        (raw / "labels" / f"{picture.stem}.txt").write_text("1 0.5 0.5 0.2 0.2\n")
    found = task.index(raw)
    assert (len(found.examples), found.problems) == (3, [])


def test_a_missing_list_of_labels_is_not_an_empty_one() -> None:
    layout = RawLayout.of(loaded(made(audio_multilabel), {"input": {}}))
    line = layout.file("a.wav", {"labels": [], "probabilities": {"wren": 0.4}}, 0.6, "one/1").decode()
    (cells,) = csv.reader([line])
    found = dict(zip(layout.columns, cells, strict=True))["labels"]
    with pytest.raises(DataError, match="leave the cell empty if the file has no label"):
        Labels.of({"a.wav": found}, None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"capture_most": "plenty"}, "'plenty' is not a size such as 800MB or 2GB"),
        ({"deployment_id": "ads"}, "--deployment says which model, which role and what to capture"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], message: str
) -> None:
    (root / "deployments").mkdir()
    (root / "deployments/ads.yaml").write_text("variant: ball\n")
    monkeypatch.chdir(root)
    with pytest.raises(ConfigError, match=message):
        serve(capture=0.1, cache=tmp_path / "cache", **options)
