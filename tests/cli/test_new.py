"""`slipway new`: from a folder of pictures to a variant, and the inputs that it refuses."""

import hashlib
import io
import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml
from PIL import Image
from typer.testing import CliRunner

from slipway.cli import findings, start, writing
from slipway.cli.app import app

NAMES = ["Brötchen", "rye bread", "ちくわ", *(f"kind {number:02}" for number in range(4, 31))]


def picture(seed: int, kind: int, form: int) -> tuple[bytes, str]:
    """Return a noisy picture in the hue of its kind, in one of the common file formats, as bytes and suffix."""
    random = np.random.default_rng((seed, kind))
    hue = Image.new("HSV", (40, 32), (kind * 8 % 256, 220, 180)).convert("RGB")
    noisy = np.clip(np.asarray(hue, float) + random.normal(0, 25, (32, 40, 3)), 0, 255).astype(np.uint8)
    image, out = Image.fromarray(noisy), io.BytesIO()
    match form % 7:
        case 0:
            image.save(out, "JPEG")
        case 1:
            image.save(out, "PNG")
        case 2:
            image.save(out, "WEBP")
        case 3:
            image.convert("L").save(out, "JPEG")
        case 4:
            image.convert("CMYK").save(out, "JPEG")
        case 5:
            Image.fromarray(noisy[..., 0].astype(np.uint16) * 257).save(out, "PNG")
        case 6:
            exif = Image.Exif()
            exif[0x0112] = 6
            image.save(out, "JPEG", exif=exif)
    return out.getvalue(), {1: ".png", 2: ".webp", 5: ".PNG"}.get(form % 7, ".jpg")


def pictures(folder: Path, classes: int, each: int) -> Path:
    """Write a folder per class; every second picture is in a subfolder with a space and an accent in its name."""
    for kind, name in enumerate(NAMES[:classes]):
        for number in range(each):
            content, suffix = picture(number, kind, number + kind)
            place = folder / name / ("été 2024" if number % 2 else "")
            place.mkdir(parents=True, exist_ok=True)
            (place / f"no {number}{suffix}").write_bytes(content)
    return folder


def sh(command: str) -> str:
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def state() -> dict[str, bytes]:
    """Every file of the repository, except the internal files of DVC and Git."""
    return {
        str(path): path.read_bytes()
        for path in sorted(Path().rglob("*"))
        if path.is_file() and path.parts[0] not in (".git", ".dvc") and "__pycache__" not in path.parts
    }


@pytest.fixture
def smoke(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A scratch copy in profile smoke, with its own DVC."""
    top = Path("params.yaml")
    top.write_text(top.read_text().replace("profile: demo", "profile: smoke"))
    monkeypatch.setenv("PYTHONPATH", f"src{os.pathsep}edge/src{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    return repository


@pytest.mark.build
@pytest.mark.parametrize(("classes", "each"), [(2, 12), (30, 5)])
def test_a_folder_of_pictures_becomes_a_variant_that_dvc_prepares(
    smoke: Path, tmp_path: Path, classes: int, each: int
) -> None:
    folder = pictures(tmp_path / "my pictures", classes, each)
    before = Path("params.yaml").read_text()
    result = CliRunner().invoke(app, ["new", "own-one", "--task", "image_classification", "--data", str(folder)])
    assert result.exit_code == 0, result.output
    for name in NAMES[:classes]:
        assert name in result.output
    assert "dvc repro register@own-one" in result.output
    line = "  own-one: {task: image_classification, framework: keras}\n"
    assert Path("params.yaml").read_text().replace(line, "", 1) == before
    artifact = {"path": "models/own-one/model.tflite", "type": "model"}
    assert yaml.safe_load(Path("dvc.yaml").read_text())["artifacts"]["own-one"] == artifact
    names = list(yaml.safe_load(Path("params.yaml").read_text())["variants"])
    assert names[names.index("own-one") - 1] == max(name for name in names if name < "own-one")

    sh("dvc repro prepare@own-one")
    report = json.loads(Path("reports/own-one/dataset.json").read_text())
    assert report["found"] == classes * each
    assert report["problems"]["total"] == 0
    for side in ("train", "val", "test"):
        assert set(report["splits"][side]["classes"]) == set(NAMES[:classes])
        assert min(report["splits"][side]["classes"].values()) >= 1


@pytest.mark.build
def test_five_classes_are_built_gated_and_recorded(smoke: Path, tmp_path: Path) -> None:
    """The folder is already in its place; a number in the name of a picture is its group, across all classes."""
    raw = Path("data/raw/breads")
    raw.parent.mkdir(parents=True, exist_ok=True)
    pictures(tmp_path / "pictures", 5, 12).rename(raw)
    arguments = ["--task", "image_classification", "--data", str(raw), "--group", r"^(?:[^/]+/)?(no \d)", "--json"]
    result = CliRunner().invoke(app, ["new", "breads", *arguments])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["classes"]["Brötchen"] == {"examples": 12, "groups": 10}
    sh("dvc repro register@breads")
    record = json.loads(Path("models/breads/release.json").read_text())
    assert record["spec"]["outputs"] == sorted(NAMES[:5])
    floors = {rule["metric"]: rule["min"] for rule in record["gate"]["rules"]}
    assert floors == {"accuracy": 0.6, "roc_auc": 0.75}, "halfway from 1/5, and from 1/2, to 1"
    sizes = {name: record["artifacts"][name]["bytes"] for name in ("model.tflite", "float.tflite")}
    assert sizes["float.tflite"] > 3.3 * sizes["model.tflite"], "INT8 is what ships"


def test_a_folder_of_sounds_becomes_a_variant(repository: Path, tmp_path: Path) -> None:
    for label in ("rain", "wind"):
        (tmp_path / "sounds" / label).mkdir(parents=True)
        for number in range(4):
            noise = np.random.default_rng(number).normal(0, 0.1, 8000)
            soundfile.write(tmp_path / "sounds" / label / f"{number}.wav", noise, 8000)
    arguments = ["new", "weather", "--task", "audio_classification", "--data", str(tmp_path / "sounds"), "--json"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["classes"]["rain"] == {"examples": 4, "groups": 4}
    written = yaml.safe_load(Path("conf/variant/weather.yaml").read_text())
    assert written["gate"]["rules"] == {"accuracy": {"min": 0.75}}


def test_the_task_is_found_by_the_files(repository: Path, tmp_path: Path) -> None:
    pictures(tmp_path / "pictures", 2, 12)
    said = CliRunner().invoke(app, ["new", "mine", "--data", str(tmp_path / "pictures"), "--dry-run"])
    assert said.exit_code == 0 and "task: image_classification" in said.output, said.output
    for label in ("rain", "wind"):
        (tmp_path / "sounds" / label).mkdir(parents=True)
        for number in range(4):
            soundfile.write(tmp_path / "sounds" / label / f"{number}.wav", np.zeros(8000), 8000)
    said = CliRunner().invoke(app, ["new", "mine", "--data", str(tmp_path / "sounds"), "--dry-run"])
    assert said.exit_code == 0 and "task: audio_classification" in said.output, said.output
    (tmp_path / "papers" / "a").mkdir(parents=True)
    (tmp_path / "papers" / "a" / "one.pdf").write_bytes(b"%PDF-1.7")
    code, message = refused("mine", "--data", str(tmp_path / "papers"))
    assert code == 3 and "no task found that suits it; name the task with --task: audio_classification" in message
    (tmp_path / "nothing" / ".cache").mkdir(parents=True)
    assert "no file in this folder" in refused("mine", "--data", str(tmp_path / "nothing"))[1]


def test_the_network_is_chosen_by_the_data_with_its_reason_or_named(repository: Path, tmp_path: Path) -> None:
    new = ["new", "mine", "--data", str(pictures(tmp_path / "pictures", 2, 12)), "--dry-run"]
    said = CliRunner().invoke(app, new)
    reason = "for 16 training examples of 80 x 80 px, since it learns from random weights in few steps"
    assert f"note: network resnet18_quarter, {reason}; --model chooses another one" in said.output, said.output
    assert f"  - override /model: resnet18_quarter # {reason}\n" in said.output
    said = CliRunner().invoke(app, [*new, "--model", "mobilenet_v3_small"])
    assert "note: network" not in said.output
    assert "  - override /model: mobilenet_v3_small\n" in said.output
    assert "conf/model/resnet50.yaml: no such file; it has catboost" in refused(*new[1:], "--model", "resnet50")[1]
    message = refused(*new[1:], "--model", "catboost")[1]
    assert "model.network: missing" in message and "model.iterations: unknown key" in message


def test_a_predefined_split_and_copies_are_reported(repository: Path, tmp_path: Path) -> None:
    for side, each in (("train", 12), ("test", 4)):
        pictures(tmp_path / "pictures" / side, 2, each)
    for number, path in enumerate(sorted((tmp_path / "pictures/test").rglob("no *"))):
        path.write_bytes(picture(100 + number, 9, 1)[0])
    content = (tmp_path / "pictures/train/rye bread/no 0.png").read_bytes()
    for number in range(20, 30):
        (tmp_path / f"pictures/train/rye bread/no {number}.png").write_bytes(content)
    (tmp_path / "pictures/test/.DS_Store").write_bytes(b"")
    arguments = ["--task", "image_classification", "--data", str(tmp_path / "pictures"), "--group-copies"]
    said = CliRunner().invoke(app, ["new", "mine", *arguments])
    assert said.exit_code == 0, said.output
    assert "(train 34, val 0, test 8); val is cut from train, by group" in said.output
    assert "1 files that operating systems leave behind were ignored: 1 of '.DS_Store'" in said.output
    assert "copies and near copies are put into one group: 42 groups become 32" in said.output
    assert "1 sets of exact copies (11 files), 0 of them across the split, 0 of them in several classes" in said.output
    assert yaml.safe_load(Path("conf/variant/mine.yaml").read_text())["split"] == {"group_copies": True}


def test_identical_files_are_counted_by_side_and_class(tmp_path: Path) -> None:
    rows = [("a", "x", "train", b"1"), ("b", "y", "train", b"1"), ("c", "x", "test", b"22"), ("d", "x", "val", b"22")]
    for name, *_, content in [*rows, ("e", "x", "val", b"33")]:
        (tmp_path / name).write_bytes(content)
    examples = pd.DataFrame([row[:3] for row in [*rows, ("e", "x", "val")]], columns=["example", "label", "side"])
    assert findings.identical(tmp_path, examples) == [
        "2 sets of exact copies (4 files), 1 of them across the split, 1 of them in several classes; "
        "--group-copies keeps copies on one side"
    ]
    assert findings.identical(tmp_path, examples[3:]) == []


def refused(*arguments: str) -> tuple[int, str]:
    """Run `slipway new`, which must fail and change no file; return its exit code and message."""
    before = state()
    result = CliRunner().invoke(app, ["new", *arguments])
    assert state() == before
    assert result.exit_code != 0
    assert result.stderr.startswith("error: "), result.output
    return result.exit_code, result.stderr


@pytest.mark.parametrize(
    ("variant", "task", "code", "message"),
    [
        ("base-ad-detector", "image_classification", 2, "this variant exists already"),
        ("Base-Ad-Detector", "image_classification", 2, "base-ad-detector: this variant exists already"),
        ("my_pictures", "image_classification", 2, "letters, digits and -"),
        ("größe", "image_classification", 2, "letters, digits and -"),
        ("-x", "image_classification", 2, "letters, digits and -"),
        ("yes", "image_classification", 2, "letters, digits and -"),
        ("mine", "picture_poems", 2, "no such task; slipway new supports"),
    ],
)
def test_invalid_names_and_tasks_are_refused(
    repository: Path, tmp_path: Path, variant: str, task: str, code: int, message: str
) -> None:
    folder = pictures(tmp_path / "pictures", 2, 3)
    exit_code, stderr = refused("--task", task, "--data", str(folder), "--", variant)
    assert exit_code == code
    assert message in stderr


def test_a_task_without_defaults_is_written_by_hand(repository: Path, tmp_path: Path) -> None:
    Path("conf/new/image_classification.yaml").unlink()
    folder = pictures(tmp_path / "pictures", 2, 3)
    exit_code, stderr = refused("--task", "image_classification", "--data", str(folder), "--", "mine")
    assert exit_code == 2 and "see docs/add-a-variant.md" in stderr


def test_folders_that_do_not_have_the_tasks_layout_are_refused(repository: Path, tmp_path: Path) -> None:
    def error(folder: Path, *more: str) -> str:
        code, message = refused("mine", "--task", "image_classification", "--data", str(folder), *more)
        assert code == 3
        return message

    assert "no such file or folder" in error(tmp_path / "absent")
    assert "1 class folders; classification needs at least two" in error(pictures(tmp_path / "one", 1, 3))
    assert "classification needs at least two, named after the classes" in error(tmp_path / "one" / NAMES[0])
    unpacked = pictures(tmp_path / "unpacked" / "pictures v1", 2, 3)
    (unpacked.parent / "__MACOSX").mkdir()
    assert f"give {unpacked} if its folders are the classes (Brötchen, rye bread)" in error(unpacked.parent)
    few = pictures(pictures(tmp_path / "few", 3, 2), 2, 9)
    assert "test would have no example of ちくわ: each class needs at least three groups" in error(few)
    litter = pictures(tmp_path / "litter", 2, 12)
    (litter / "README.md").write_text("About.")
    (litter / "rye bread" / "notes.txt").write_text("About.")
    listed = error(litter)
    assert "2 of 26 files cannot be used" in listed
    assert "--quarantine 0.077" in listed
    assert "README.md: not in a class folder" in listed
    linked = pictures(tmp_path / "linked", 2, 12)
    (linked / "rye bread").rename(tmp_path / "rye")
    (linked / "rye bread").symlink_to(tmp_path / "rye")
    assert "the first is rye bread (linked folder)" in error(linked)
    odd = pictures(tmp_path / "odd", 2, 12)
    (odd / "rye bread" / "no 0.png").rename(odd / "rye bread" / os.fsdecode(b"\xe9t\xe9.png"))
    assert r"rye bread/\xe9t\xe9.png: name is not UTF-8" in error(odd)
    taken = Path("data/raw/mine/ad")
    taken.mkdir(parents=True)
    assert "this folder exists already" in error(pictures(tmp_path / "good", 2, 3))
    assert "it contains data/raw/other" in refused("other", "--task", "image_classification", "--data", "data")[1]


def test_bad_files_are_quarantined_on_request(repository: Path, tmp_path: Path) -> None:
    folder = pictures(tmp_path / "pictures", 2, 12)
    (folder / "README.md").write_text("About.")
    arguments = ["--task", "image_classification", "--data", str(folder), "--quarantine", "0.05"]
    result = CliRunner().invoke(app, ["new", "mine", *arguments])
    assert result.exit_code == 0, result.output
    assert "1 files cannot be used and will be quarantined" in result.output
    assert yaml.safe_load(Path("conf/variant/mine.yaml").read_text())["checks"] == {"quarantine": 0.05}


@pytest.mark.parametrize("failure", [KeyboardInterrupt, OSError("No space left on device")])
def test_a_late_failure_undoes_all_changes(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException
) -> None:
    folder = pictures(tmp_path / "pictures", 2, 3)
    write = writing.atomic.write_text

    def fail(path: Path, text: str) -> None:
        write(path, text)
        if path == Path("dvc.yaml"):
            assert Path("data/raw/mine.dvc").exists()
            raise failure

    before = state()
    monkeypatch.setattr(writing.atomic, "write_text", fail)
    result = CliRunner().invoke(app, ["new", "mine", "--task", "image_classification", "--data", str(folder)])
    assert result.exit_code != 0
    assert state() == before
    assert not Path("data/raw/mine").exists()


def test_the_new_files_are_staged_in_git_and_can_be_queued(repository: Path, tmp_path: Path) -> None:
    """A queued experiment includes only files known to Git."""
    folder = pictures(tmp_path / "pictures", 2, 3)
    result = CliRunner().invoke(app, ["new", "mine", "--task", "image_classification", "--data", str(folder)])
    assert result.exit_code == 0, result.output
    files = ["conf/variant/mine.yaml", "data/raw/mine.dvc", "dvc.yaml", "params.yaml"]
    assert sh("git diff --cached --name-only").splitlines() == files
    assert sh("git status --porcelain").splitlines() == [
        "A  " + files[0],
        "A  " + files[1],
        "M  " + files[2],
        "M  " + files[3],
    ]
    assert all(name in result.output for name in files)
    sh("dvc exp run --queue -S 'conf/variant/mine.yaml:++train.epochs=1' compose@mine")
    assert {*files} <= set(sh("git ls-tree -r --name-only refs/exps/celery/stash").splitlines())


@pytest.mark.parametrize("name", ["metadata.csv", "train.csv"])
def test_pictures_in_one_folder_get_their_classes_from_a_table(repository: Path, tmp_path: Path, name: str) -> None:
    folder, rows = tmp_path / "loose", ["path,label,taken" if name == "metadata.csv" else "id,kind"]
    folder.mkdir()
    for number in range(12):
        content, _ = picture(number, number % 2, 0)
        (folder / f"{number}.jpg").write_bytes(content)
        kind = "spoon" if number % 2 else "fork"
        rows.append(f"{number}.jpg,{kind},today" if name == "metadata.csv" else f"{number},{kind}")
    table = (folder if name == "metadata.csv" else tmp_path) / name
    table.write_text("\n".join(rows) + "\n")
    arguments = ["mine", "--data", str(folder), *([] if name == "metadata.csv" else ["--labels", str(table)])]
    said = CliRunner().invoke(app, ["new", *arguments])
    assert said.exit_code == 0, said.output
    assert "task: image_classification" in said.output
    assert f"{'path' if name == 'metadata.csv' else 'id'} names the files" in said.output.replace("\n", " ")
    assert sorted(path.name for path in Path("data/raw/mine").iterdir()) == ["fork", "metadata.csv", "spoon"]
    assert len(list(Path("data/raw/mine/fork").iterdir())) == 6
    assert sorted(path.name for path in Path("data/raw").glob(".slipway*")) == []
    both = CliRunner().invoke(app, ["new", "other", "--data", str(folder), "--labels", str(table), "--test", "x"])
    assert both.exit_code == 2 and "can say it in a column split" in both.output


def test_training_starts_from_a_file_of_weights_that_is_named_with_its_hash(repository: Path, tmp_path: Path) -> None:
    folder = pictures(tmp_path / "pictures", 2, 3)
    arguments = ["mine", "--task", "image_classification", "--data", str(folder), "--weights"]
    assert "--weights: weights/no.keras cannot be read" in refused(*arguments, "weights/no.keras")[1]
    Path("weights").mkdir()
    Path("weights/a.keras").write_bytes(b"weights")
    said = CliRunner().invoke(app, ["new", *arguments, "weights/a.keras"])
    assert said.exit_code == 0, said.output
    assert "weights/a.keras is not tracked: run dvc add weights/a.keras" in said.output
    expected = {"path": "weights/a.keras", "sha256": hashlib.sha256(b"weights").hexdigest()}
    assert yaml.safe_load(Path("conf/variant/mine.yaml").read_text())["start"] == expected
    sh("python -m slipway.stages.compose mine")
    assert yaml.safe_load(Path("params/mine.yaml").read_text())["start"] == expected


def test_weights_outside_the_repository_are_named_as_such_and_tracked_ones_are_not(
    repository: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "a.keras"
    outside.write_bytes(b"weights")
    assert "is outside this repository" in start.notes(outside)[1]
    Path("b.keras").write_bytes(b"weights")
    assert len(start.notes(Path("b.keras"))) == 2
    Path("b.keras.dvc").write_text("outs: []")
    assert len(start.notes(Path("b.keras"))) == 1
    sh("git add --force b.keras && rm b.keras.dvc")
    assert len(start.notes(Path("b.keras"))) == 1
