"""A server follows the tags: a new version is loaded beside the old one, and no request notices."""

import json
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from serving import house
from serving.process import Server, serving, until
from slipway_edge.predictor import Predictor


def versions(server: Server, model: str = "ball") -> dict[str, str | None]:
    """Return by role the version that answers for it."""
    models = server.get("/readyz").json()["models"]
    return {one["role"]: one["answers"] for one in models if one["model"] == model}


def problems(server: Server) -> str:
    return "\n".join(server.get("/readyz").json()["problems"])


def refreshed(server: Server) -> dict[str, object]:
    response = server.post("/api/v1/refresh")
    assert response.status_code == 200
    return dict(response.json())


@contextmanager
def asking(server: Server) -> Iterator[list[tuple[str, float]]]:
    """Ask for predictions without a pause, and collect each version with its answer for the first row."""
    answers: list[tuple[str, float]] = []
    over = threading.Event()

    def ask() -> None:
        with requests.Session() as session:
            while not over.is_set():
                response = session.post(f"{server.address}/api/v1/predict/ball", json=house.ROWS, timeout=30)
                assert response.status_code == 200, response.text
                answer = response.json()
                answers.append((answer["model_version"], answer["predictions"][0]["ball"]))

    failed: list[BaseException] = []

    def guarded() -> None:
        try:
            ask()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=guarded) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert not failed


def test_a_promotion_is_followed_and_no_request_fails_or_mixes_versions(root: Path, tmp_path: Path) -> None:
    before = Predictor.load(root / "models" / "ball").predict(house.ROWS)[0]["ball"]
    with serving(root, tmp_path / "server", "--poll", "0.5") as server, asking(server) as answers:
        until(lambda: len(answers) > 5, "answers by the old version")
        house.new_version(root, "v1.1.0", 2, slope=-3.0)
        until(lambda: answers[-1][0] == "v1.1.0", "an answer by the new version")
        count = len(answers)
        until(lambda: len(answers) > count + 5, "more answers by the new version")
    after = Predictor.load(root / "models" / "ball").predict(house.ROWS)[0]["ball"]
    assert before != after
    assert set(answers) == {("v1.0.0", before), ("v1.1.0", after)}


def test_a_refresh_does_not_wait_for_the_next_look(root: Path, tmp_path: Path) -> None:
    with serving(root, tmp_path / "server", "--poll", "0") as server:
        house.new_version(root, "v1.1.0", 2, slope=-3.0)
        time.sleep(1)
        assert versions(server) == {"production": "v1.0.0"}
        refreshed(server)
        assert versions(server) == {"production": "v1.1.0"}
        house.assign(root, "ball", "v1.0.0", "production", 3)
        refreshed(server)
        assert versions(server) == {"production": "v1.0.0"}


def test_a_release_that_cannot_be_loaded_leaves_the_old_one_in_service(root: Path, tmp_path: Path) -> None:
    with serving(root, tmp_path / "server", "--poll", "0") as server:
        house.new_version(root, "v1.1.0", 2, slope=-3.0)
        shutil.rmtree(root / ".dvc" / "cache")  # the remote does not have it either
        refreshed(server)
        ready = server.get("/readyz")
        assert ready.status_code == 200
        assert "ball@v1.1.0 cannot be loaded for production" in problems(server)
        assert "dvc push" in problems(server)
        assert server.predict("ball", json=house.ROWS)["model_version"] == "v1.0.0"
        assert {one["model"]: one["version"] for one in ready.json()["models"]}["ball"] == "v1.1.0"
        assert server.post("/api/v1/predict/ball@v1.1.0", json=house.ROWS).status_code == 503
        house.commit(root)  # the bytes are there again
        refreshed(server)
        assert problems(server) == ""
        assert server.predict("ball", json=house.ROWS)["model_version"] == "v1.1.0"


def test_a_damaged_file_of_the_server_is_fetched_again_and_never_served(root: Path, tmp_path: Path) -> None:
    def damage() -> None:
        for model in (tmp_path / "server" / "cache").rglob("model.tflite"):
            content = bytearray(model.read_bytes())
            content[len(content) // 2] ^= 1
            model.write_bytes(content)

    with serving(root, tmp_path / "server", "ball") as server:
        expected = server.predict("ball", json=house.ROWS)["predictions"]
    damage()
    with serving(root, tmp_path / "server", "ball") as server:
        assert server.predict("ball", json=house.ROWS)["predictions"] == expected
    damage()
    for stored in (root / ".dvc" / "cache" / "files" / "md5").rglob("*"):  # nor does DVC have it
        if stored.is_file():
            stored.write_bytes(stored.read_bytes()[:-1])
    with serving(root, tmp_path / "server", "ball") as server:
        assert server.get("/readyz").status_code == 503
        assert "ball@v1.0.0 cannot be loaded for production" in problems(server)
        assert server.post("/api/v1/predict/ball", json=house.ROWS).status_code == 503


def test_a_model_that_computes_something_else_here_is_not_served(root: Path, tmp_path: Path) -> None:
    house.rows(root, slope=-3.0)
    record = root / "models" / "ball" / "release.json"
    lying = json.loads(record.read_text())
    house.rows(root, slope=2.0)
    other = json.loads(record.read_text())
    lying["artifacts"]["model.tflite"] = other["artifacts"]["model.tflite"]  # its golden examples are another model's
    house.rows(root, slope=-3.0)
    golden = (root / "models" / "ball" / "golden.npz").read_bytes()
    house.rows(root, slope=2.0)
    (root / "models" / "ball" / "golden.npz").write_bytes(golden)
    record.write_text(json.dumps(lying))
    house.commit(root)
    house.register(root, "ball", "v1.1.0")
    house.assign(root, "ball", "v1.1.0", "production", 2)
    with serving(root, tmp_path / "server", "--poll", "0") as server:
        assert server.get("/readyz").status_code == 503  # nothing answers for it
        assert "golden example 0" in problems(server)
        response = server.post("/api/v1/predict/ball", json=house.ROWS)
        assert response.status_code == 503
        assert "golden example 0" in response.json()["detail"]
        assert server.predict("shot", data=house.picture(), headers={"content-type": "image/png"})


def test_a_tag_of_a_version_that_failed_the_gate_is_not_followed(root: Path, tmp_path: Path) -> None:
    house.new_version(root, "v1.1.0", 2, slope=-3.0, verdict="fail")
    with serving(root, tmp_path / "server", "--poll", "0") as server:
        assert versions(server) == {"production": "v1.0.0"}
        assert "ball#production#2 is not followed: the gate says fail" in problems(server)
        assert server.get("/readyz").status_code == 200


def test_a_role_is_taken_only_by_a_force_that_counts(root: Path, tmp_path: Path) -> None:
    def take(number: int, message: str) -> None:
        house.git(root, "tag", "-a", f"ball#production!#{number}", "ball@v1.0.0^{}", "-m", message)

    with serving(root, tmp_path / "server", "--poll", "0") as server:
        take(2, "take")
        refreshed(server)
        assert "ball#production!#2 is not followed: v1.0.0 held production" in problems(server)
        assert server.predict("ball", json=house.ROWS)["model_version"] == "v1.0.0"
        take(3, "Retire\n\nit is wrong\n\nForced: it holds production, which is left empty")
        refreshed(server)
        response = server.post("/api/v1/predict/ball", json=house.ROWS)
        assert response.status_code == 404
        assert response.json()["known"] == []
        assert server.predict("ball@v1.0.0", json=house.ROWS)["model_version"] == "v1.0.0"


def test_a_version_that_failed_is_followed_if_somebody_who_may_forces_it(root: Path, tmp_path: Path) -> None:
    house.rows(root, slope=-3.0, verdict="fail")
    house.commit(root)
    house.register(root, "ball", "v1.1.0")
    message = "Promote\n\nneeded today\n\nVerdict: fail\nForced: the gate says fail"
    house.git(root, "tag", "-a", "ball#production#2", "ball@v1.1.0^{}", "-m", message)
    with serving(root, tmp_path / "server", "ball") as server:
        assert versions(server) == {"production": "v1.1.0"}
        assert problems(server) == ""


@pytest.fixture
def origin(root: Path, tmp_path: Path) -> Path:
    """A bare Git repository to which `root` pushes; the models' files are in the DVC remote alone."""
    house.commit(root, remote=True) if house.git(root, "status", "--porcelain") else None
    shutil.copytree(root / ".dvc" / "cache", tmp_path / "store", dirs_exist_ok=True)
    (root / ".dvc" / "config").write_text(
        f"[core]\n    remote = store\n['remote \"store\"']\n    url = {tmp_path / 'store'}\n"
    )
    house.git(root, "commit", "-qam", "the DVC remote is here")
    house.git(root, "clone", "-q", "--bare", str(root), str(tmp_path / "origin.git"))
    house.git(root, "remote", "add", "origin", str(tmp_path / "origin.git"))
    shutil.rmtree(root / ".dvc" / "cache")
    return tmp_path / "origin.git"


def test_a_server_of_a_url_clones_fetches_and_starts_again_without_git_and_dvc(
    root: Path, origin: Path, tmp_path: Path
) -> None:
    url = f"file://{origin}"
    with serving(url, tmp_path / "server", "--poll", "0") as server:
        assert versions(server) == {"production": "v1.0.0"}
        house.new_version(root, "v1.1.0", 2, slope=-3.0, remote=True)
        house.git(root, "push", "-q", "--tags", "origin", "main")
        refreshed(server)
        assert versions(server) == {"production": "v1.1.0"}
        house.git(root, "push", "-q", "origin", ":refs/tags/ball#production#2")  # as `verify --undo` deletes it
        refreshed(server)
        assert versions(server) == {"production": "v1.0.0"}
        origin.rename(tmp_path / "away.git")
        (tmp_path / "store").rename(tmp_path / "away")
        refreshed(server)
        assert "the remote cannot be read" in problems(server)
        assert server.predict("ball", json=house.ROWS)["model_version"] == "v1.0.0"
    with serving(url, tmp_path / "server", "--poll", "0") as again:
        assert versions(again) == {"production": "v1.0.0"}
        assert again.predict("ball", json=house.ROWS)["model_version"] == "v1.0.0"


def test_a_clone_of_somebody_gets_the_tags_that_it_lacks_and_keeps_its_own(
    root: Path, origin: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "mine"
    house.git(tmp_path, "clone", "-q", str(origin), str(mine))
    with serving(mine, tmp_path / "server", "--poll", "0") as server:
        assert versions(server) == {"production": "v1.0.0"}
        house.new_version(root, "v1.1.0", 2, slope=-3.0, remote=True)
        house.git(root, "push", "-q", "--tags", "origin")
        house.git(mine, "tag", "-a", "ball#staging#3", "ball@v1.0.0^{}", "-m", "mine")
        refreshed(server)
        assert versions(server) == {"production": "v1.1.0"}
        assert server.predict("ball@staging", json=house.ROWS)["model_version"] == "v1.0.0"
        assert versions(server) == {"production": "v1.1.0", "staging": "v1.0.0"}
