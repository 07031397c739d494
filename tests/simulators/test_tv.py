from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from conftest import fingerprints
from slipway.simulators.tv import World, simulate
from slipway.tasks.image_classification import Data, Task

SMALL = {"frames": 240, "frames_per_video": 6, "channels": 4, "height": 72, "width": 128}


def written(folder: Path, seed: int = 3, **world: object) -> Path:
    simulate(World(**{**SMALL, **world}), seed, folder)
    return folder


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("tv"))


def test_the_task_reads_the_world_without_a_problem(raw: Path) -> None:
    task = Task(Data(height=48, width=64))
    index = task.index(raw)
    assert index.problems == []
    assert len(index.examples) == SMALL["frames"]
    assert index.examples["group"].nunique() == 40
    assert (index.examples.groupby("group")["label"].nunique() == 1).all()
    encoded = list(task.encode(raw, index.examples, task.specify(raw, index.examples)))
    assert sum(len(batch.inputs) for batch in encoded) == SMALL["frames"]
    assert not any(batch.problems for batch in encoded)


def test_frames_are_jpeg_of_the_requested_size(raw: Path) -> None:
    with Image.open(raw / "ad/v0001-00.jpg") as image:
        assert (image.format, image.size, image.mode) == ("JPEG", (128, 72), "RGB")


def test_equal_worlds_and_seeds_give_equal_bytes_and_others_do_not(raw: Path, tmp_path: Path) -> None:
    first = fingerprints(raw)
    assert fingerprints(written(tmp_path / "again")) == first
    other = fingerprints(written(tmp_path / "other", seed=4))
    assert other.keys() == first.keys()
    assert sum(other[name] == first[name] for name in first if name.endswith("jpg")) == 0


@pytest.mark.parametrize(("frames", "each"), [(2, (1, 1)), (7, (4, 3)), (50, (25, 25))])
def test_half_of_the_frames_are_of_each_class(frames: int, each: tuple[int, int], tmp_path: Path) -> None:
    written(tmp_path, frames=frames)
    labels = pd.read_csv(tmp_path / "metadata.csv")["label"]
    assert ((labels == "content").sum(), (labels == "ad").sum()) == each


def test_more_frames_do_not_change_the_videos_before_them(raw: Path, tmp_path: Path) -> None:
    few = fingerprints(written(tmp_path, frames=120))
    many = fingerprints(raw)
    assert all(many[name] == few[name] for name in few if name.endswith("jpg"))


def shade(folder: Path) -> np.ndarray:
    return np.mean([np.asarray(Image.open(path)).std(axis=(0, 1)) for path in sorted(folder.rglob("*.jpg"))], axis=0)


def test_a_shifted_world_has_other_colours_and_less_contrast(raw: Path, tmp_path: Path) -> None:
    shifted = written(tmp_path, shift=1.0)
    assert pd.read_csv(shifted / "metadata.csv").equals(pd.read_csv(raw / "metadata.csv"))
    assert (shade(shifted) < 0.9 * shade(raw)).all()


def test_frames_of_a_video_are_alike_and_not_the_same(tmp_path: Path) -> None:
    folder = written(tmp_path, confusable=0, crossfade=0)
    pictures = [np.asarray(Image.open(folder / f"content/v0000-{n:02d}.jpg"), np.float32) for n in range(6)]
    assert all(not np.array_equal(one, other) for one, other in pairwise(pictures))


def test_a_kind_of_programme_shows_other_pictures_of_the_same_layout(raw: Path, tmp_path: Path) -> None:
    greens = {}
    for programme in ("any", "sports", "news"):
        folder = written(tmp_path / programme, programme=programme, confusable=0, crossfade=0)
        assert pd.read_csv(folder / "metadata.csv").equals(pd.read_csv(raw / "metadata.csv"))
        means = [np.asarray(Image.open(path)).mean(axis=(0, 1)) for path in sorted((folder / "content").iterdir())]
        greens[programme] = np.mean([green > max(red, blue) for red, green, blue in means])
    assert greens["news"] < greens["any"] < greens["sports"], "a pitch is green"


@pytest.mark.parametrize("bad", [{"programme": "cooking"}, {"frames": 1}, {"confusable": 1.5}, {"colour": 1}])
def test_an_invalid_world_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        World(**bad)
