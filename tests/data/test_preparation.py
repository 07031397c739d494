"""Prepare: nothing is dropped silently, bad examples are set aside or refused, and the others are packed."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from slipway.core.config import Checks, Recommended, Split
from slipway.core.errors import DataError
from slipway.data.preparation import prepare
from slipway.data.shards import PackedSplit
from slipway.tasks.image_classification import Data, Task

SPLIT = Split(train=0.6, val=0.2, test=0.2, calibration=8)
Make = Callable[..., dict[str, Any]]


def pictures(raw: Path, classes: dict[str, int], videos: int = 10) -> Path:
    """Write noise with a tint for each class, in videos of several frames."""
    random = np.random.default_rng(0)
    for tint, (name, count) in enumerate(classes.items()):
        (raw / name).mkdir(parents=True)
        for number in range(count):
            pixels = random.integers(0, 160, (24, 32, 3), np.uint8)
            pixels[..., tint % 3] += 60
            Image.fromarray(pixels).save(raw / name / f"{name}{number % videos:02d}_{number:03d}.png")
    return raw


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A function that prepares `tmp_path/raw` and returns the report."""

    def run(checks: Checks | None = None, split: Split = SPLIT) -> dict[str, Any]:
        task = Task(Data(height=16, width=16, group=r"^([a-z]+\d\d)_"))
        report = tmp_path / "dataset.json"
        try:
            prepare(task, tmp_path / "raw", tmp_path / "prepared", report, split, checks or Checks(), 7)
        finally:
            found: dict[str, Any] = json.loads(report.read_text()) if report.exists() else {}
            run.report = found  # type: ignore[attr-defined]
        return found

    return run


def test_every_example_is_packed_once_with_its_row(tmp_path: Path, make: Make) -> None:
    pictures(tmp_path / "raw", {"ad": 60, "content": 60})
    report = make()
    packed = {side: PackedSplit(tmp_path / "prepared" / side) for side in ("train", "val", "test")}
    names = [name for split in packed.values() for name in split.examples["example"]]
    assert len(names) == len(set(names)) == report["found"] == 120
    for split in packed.values():
        assert (split.examples["label"] == np.array(["ad", "content"])[split.targets]).all()
        row = split.examples.iloc[3]["example"]
        original = Image.open(tmp_path / "raw" / row).resize((16, 16), Image.Resampling.BILINEAR)
        assert (split.gather(np.array([3]))[0] == np.asarray(original)).all()


def test_the_report_counts_by_class(tmp_path: Path, make: Make) -> None:
    pictures(tmp_path / "raw", {"ad": 60, "content": 60})
    splits = make()["splits"]
    assert splits["train"]["classes"] == {"ad": 36, "content": 36}
    assert splits["test"] == {"classes": {"ad": 12, "content": 12}, "groups": 4, "total": 24}
    assert splits["calibration"]["total"] == 8


def test_preparing_twice_gives_the_same_bytes(tmp_path: Path, make: Make) -> None:
    pictures(tmp_path / "raw", {"ad": 30, "content": 30})

    def content() -> dict[str, bytes]:
        folder = tmp_path / "prepared"
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    make()
    first = content()
    make()
    assert content() == first


def test_a_truncated_picture_is_refused_and_listed(tmp_path: Path, make: Make) -> None:
    raw = pictures(tmp_path / "raw", {"ad": 60, "content": 60})
    bad = raw / "ad" / "ad03_003.png"
    bad.write_bytes(bad.read_bytes()[:400])
    with pytest.raises(
        DataError, match=r"1 of 120 examples are bad, 0.83%, and checks.quarantine allows 0.00%; the fi"
    ):
        make()
    assert [one["where"] for one in make.report["problems"]["examples"]] == ["ad/ad03_003.png"]  # type: ignore[attr-defined]
    assert not (tmp_path / "prepared").exists()


def test_a_share_of_bad_pictures_is_set_aside_when_allowed(tmp_path: Path, make: Make) -> None:
    raw = pictures(tmp_path / "raw", {"ad": 60, "content": 60})
    (raw / "ad" / "ad03_003.png").write_bytes(b"not a picture at all")
    (raw / "ad" / "ad04_004.png").write_bytes(b"")
    report = make(Checks(quarantine=0.02))
    assert report["problems"]["total"] == 2
    assert sum(side["total"] for name, side in report["splits"].items() if name != "calibration") == 118


def test_a_class_missing_from_a_side_is_refused(tmp_path: Path, make: Make) -> None:
    pictures(tmp_path / "raw", {"ad": 60, "content": 60})
    pictures(tmp_path / "raw", {"rare": 4}, videos=2)
    with pytest.raises(DataError, match="has no example of rare: add groups"):
        make()


def test_a_class_out_of_balance_is_a_warning(tmp_path: Path, make: Make) -> None:
    pictures(tmp_path / "raw", {"ad": 20, "content": 80})
    assert "train: ad is 20.0% of the examples, outside 40% to 60%" in make()["warnings"]


def test_fewer_examples_than_recommended_are_a_warning(tmp_path: Path, make: Make) -> None:
    pictures(tmp_path / "raw", {"ad": 60, "content": 60})
    checks = Checks(recommended=Recommended(least=5000, advised=20000, best=50000))
    assert "120 examples; at least 5,000 are recommended, 20,000 advised, 50,000 are best" in make(checks)["warnings"]


def test_exact_copies_near_copies_and_label_conflicts_are_distinguished(tmp_path: Path, make: Make) -> None:
    raw = pictures(tmp_path / "raw", {"ad": 60, "content": 60})
    source = Image.open(raw / "ad" / "ad00_000.png")
    for video in range(20, 26):
        source.save(raw / "ad" / f"ad{video}_000.png")
    pixels = np.asarray(Image.open(raw / "ad" / "ad01_001.png"))
    for video in range(30, 36):
        Image.fromarray(pixels + np.uint8(video - 29)).save(raw / "ad" / f"ad{video}_000.webp", lossless=True)
    shutil.copy(raw / "content" / "content02_002.png", raw / "ad" / "ad02_900.png")
    report = make()
    exact, near, conflicts = (report["copies"][kind] for kind in ("exact", "near", "conflicts"))
    assert (exact["sets"], exact["examples"]) == (2, 9)
    assert exact["across"] == sum(len({name.split(": ")[0] for name in names}) > 1 for names in exact["listed"]) >= 1
    assert max(map(len, exact["listed"])) == 7
    assert near["examples"] == len(near["listed"]) >= 1
    assert all("_000.webp" in " ".join(pair["examples"]) for pair in near["listed"])
    assert {name.split(": ")[1]: label for name, label in conflicts["listed"][0].items()} == {
        "ad/ad02_900.png": "ad",
        "content/content02_002.png": "content",
    }
    warnings = " ".join(report["warnings"])
    assert "2 sets of exact copies (9 examples)" in warnings
    assert "near copies across the split" in warnings
    assert "1 label conflicts: sets of exact copies (2 examples)" in warnings
    assert "slipway new --group-copies" in warnings


def test_copies_and_near_copies_can_be_put_into_one_group(tmp_path: Path, make: Make) -> None:
    """Two pictures have copies in six new videos each; these videos and the originals' become two groups."""
    raw = pictures(tmp_path / "raw", {"ad": 60, "content": 60})
    for origin, first in (("ad00_000", 20), ("ad01_001", 30)):
        pixels = np.asarray(Image.open(raw / "ad" / f"{origin}.png"))
        for video in range(first, first + 6):
            Image.fromarray(pixels + np.uint8(video - first)).save(raw / "ad" / f"ad{video}_000.png")
    assert make()["copies"]["near"]["examples"] + make()["copies"]["exact"]["across"] > 0
    report = make(split=SPLIT.model_copy(update={"group_copies": True}))
    assert report["copies"]["near"]["examples"] == report["copies"]["exact"]["across"] == 0
    assert report["notes"] == ["copies and near copies are put into one group: 32 groups become 20"]
    sides = [PackedSplit(tmp_path / "prepared" / side).examples for side in ("train", "val", "test")]
    assert {"ad00", "ad01"} <= {group for side in sides for group in side["group"]}
    assert not {f"ad{video}" for video in (*range(20, 26), *range(30, 36))} & {
        group for side in sides for group in side["group"]
    }


def test_every_copy_is_listed_however_many_there_are(tmp_path: Path, make: Make) -> None:
    raw = pictures(tmp_path / "raw", {"ad": 60, "content": 150})
    for path in sorted((raw / "content").iterdir()):
        shutil.copy(path, path.with_name(f"content9{path.name[8:]}"))
    report = make()
    assert report["copies"]["exact"]["sets"] == len(report["copies"]["exact"]["listed"]) == 150


def test_the_datas_own_split_and_ignored_files_are_noted(tmp_path: Path, make: Make) -> None:
    for side in ("Train", "test"):
        pictures(tmp_path / "raw" / side, {"ad": 30, "content": 30})
    for label in ("ad", "content"):
        for path in (tmp_path / "raw/test" / label).iterdir():
            path.rename(path.with_name(path.name.replace(label, f"{label[::-1]}")))
    (tmp_path / "raw/test/ad/@eaDir").mkdir()
    (tmp_path / "raw/test/ad/@eaDir/thumb.png").write_bytes((tmp_path / "raw/Train/ad/ad00_000.png").read_bytes())
    report = make()
    assert report["found"] == 120
    assert report["splits"]["test"]["total"] == 60
    assert report["splits"]["train"]["total"] + report["splits"]["val"]["total"] == 60
    assert report["notes"] == [
        "1 files that operating systems leave behind were ignored: 1 of '@eaDir'",
        "the data has its own split (train 60, val 0, test 60); val is cut from train, by group",
    ]


def test_a_limited_number_of_examples_keeps_the_shares_of_the_classes(tmp_path: Path, make: Make) -> None:
    pictures(tmp_path / "raw", {"ad": 40, "content": 80})
    report = make(Checks(max_examples=60))
    assert (report["found"], report["left_out"]) == (120, 60)
    sides = [report["splits"][side]["classes"] for side in ("train", "val", "test")]
    assert [sum(side[name] for side in sides) for name in ("ad", "content")] == [20, 40]


def test_the_share_of_bad_pictures_is_relative_to_the_checked_ones(tmp_path: Path, make: Make) -> None:
    raw = pictures(tmp_path / "raw", {"ad": 60, "content": 60})
    for path in sorted(raw.glob("*/*"))[::10]:
        path.write_bytes(path.read_bytes()[:400])
    bad = r"of 40 examples are bad, .*, and checks.quarantine allows 5.00%"
    with pytest.raises(DataError, match=bad):
        make(Checks(max_examples=40, quarantine=0.05))


@pytest.mark.parametrize("classes", [{"ad": 60}, {"ad": 1, "content": 1}])
def test_data_that_cannot_be_used_leaves_the_reason_in_the_report(
    tmp_path: Path, make: Make, classes: dict[str, int]
) -> None:
    pictures(tmp_path / "raw", classes)
    with pytest.raises(DataError) as refused:
        make()
    (problem,) = make.report["problems"]["examples"]  # type: ignore[attr-defined]
    assert problem["detail"] == str(refused.value)
