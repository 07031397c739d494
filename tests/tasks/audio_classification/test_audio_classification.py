import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from slipway.core.errors import DataError
from slipway.core.protocol import Task as Protocol
from slipway.tasks.audio_classification import Data, Task

SMALL = {"sample_rate": 8000, "window_seconds": 0.5, "n_fft": 256, "hop": 128, "mels": 16, "fmax": 4000.0}
FRAMES = 1 + (4000 - 256) // 128


def task(**data: object) -> Task:
    return Task(Data(**{**SMALL, **data}))


def tone(hertz: float, seconds: float, rate: int = 8000) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Two classes of three clips each, of several lengths, rates and formats."""
    for label, hertz in (("high", 2000), ("low", 300)):
        for name, seconds, rate in (("a.wav", 0.2, 8000), ("b/c.flac", 0.5, 16000), ("b/d.ogg", 1.3, 22050)):
            path = tmp_path / label / name
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, tone(hertz, seconds, rate), rate)
    return tmp_path


def test_it_is_a_task() -> None:
    checked: Protocol = task()
    assert set(checked.headline) <= checked.metrics.keys()


def test_examples_are_the_clips_below_the_class_folders_with_the_folds_of_metadata(raw: Path) -> None:
    names = [f"{label}/{name}" for label in ("high", "low") for name in ("a.wav", "b/c.flac", "b/d.ogg")]
    assert task().index(raw).examples["example"].tolist() == names
    table = pd.DataFrame({"path": names, "group": ["1", "1", "2", "3", "4", "4"], "fold": [1, 1, 2, 1, 2, 2]})
    table.to_csv(raw / "metadata.csv", index=False)
    index = task().index(raw)
    assert index.problems == []
    assert index.examples["label"].tolist() == ["high"] * 3 + ["low"] * 3
    assert index.examples["fold"].tolist() == [1, 1, 2, 1, 2, 2]
    assert task(group="^([a-z])").index(raw).examples["group"].tolist() == ["a", "b", "b"] * 2


def test_the_spec_says_what_the_bytes_of_an_input_stand_for(raw: Path) -> None:
    small = task(classes=["low", "high"])
    assert small.specify(raw, small.index(raw).examples) == {
        "objective": "multiclass",
        "input": {
            "shape": [16, FRAMES, 1],
            "dtype": "uint8",
            "sample_rate": 8000,
            "seconds": 0.496,
            "decibels": [-90.0, 0.0],
        },
        "outputs": ["low", "high"],
        "classes": ["low", "high"],
    }


def test_a_clip_becomes_as_many_windows_as_cover_it(raw: Path) -> None:
    examples = task().index(raw).examples
    spec = task().specify(raw, examples)
    (batch,) = task().encode(raw, examples, spec)
    assert batch.inputs.dtype == np.uint8
    assert batch.inputs.shape[1:] == (16, FRAMES, 1)
    assert batch.rows.tolist() == [0, 1, *5 * [2], 3, 4, *5 * [5]]
    assert batch.targets.tolist() == [0] * 7 + [1] * 7
    assert batch.hashes is not None and batch.hashes.shape == (14,)
    assert batch.problems == []
    loudest = batch.inputs.astype(float).mean(axis=(2, 3)).argmax(axis=1)
    assert loudest[batch.targets == 0].min() > loudest[batch.targets == 1].max(), "low pitches come first"


@pytest.mark.parametrize(("seconds", "overlap", "count"), [(0.5, 0.5, 1), (0.52, 0.5, 2), (1.0, 0.0, 3), (2.0, 0.5, 8)])
def test_windows_reach_both_ends_and_overlap_by_at_least_the_setting(
    seconds: float, overlap: float, count: int
) -> None:
    rise = (np.linspace(1e-3, 0.3, round(seconds * 8000)) * np.sign(tone(999, seconds) + 1e-3)).astype(np.float32)
    framed = task(overlap=overlap)
    inputs, rows = framed.preprocess([(rise, 8000)], SPEC)
    assert len(inputs) == count
    assert rows.tolist() == [0] * count
    whole = framed._log_mel(rise)
    np.testing.assert_array_equal(inputs[0, ..., 0], whole[:, :FRAMES])
    np.testing.assert_array_equal(inputs[-1, ..., 0], whole[:, -FRAMES:])


SPEC = {"objective": "multiclass", "input": {"shape": [16, FRAMES, 1], "dtype": "uint8"}, "outputs": ["high", "low"]}


def test_a_short_clip_is_repeated_and_silence_at_its_ends_is_removed() -> None:
    noise = (0.1 * np.random.default_rng(0).standard_normal(1024)).astype(np.float32)
    alone, _ = task().preprocess([(noise, 8000)], SPEC)
    padded, _ = task().preprocess([(np.pad(noise, (700, 9000)), 8000)], SPEC)
    np.testing.assert_array_equal(alone, padded)
    assert alone.shape == (1, 16, FRAMES, 1)
    np.testing.assert_array_equal(alone[0, :, :8], alone[0, :, 8:16])


def test_training_and_prediction_encode_equally(raw: Path) -> None:
    examples = task().index(raw).examples
    spec = task().specify(raw, examples)
    (batch,) = task().encode(raw, examples, spec)
    paths = [raw / name for name in examples["example"]]
    inputs, rows = task().preprocess([paths[0], str(paths[1]), *(path.read_bytes() for path in paths[2:])], spec)
    np.testing.assert_array_equal(inputs, batch.inputs)
    np.testing.assert_array_equal(rows, batch.rows)
    assert task().preprocess([], spec)[0].shape == (0, 16, FRAMES, 1)


def test_bad_clips_are_problems_and_the_others_keep_their_rows(raw: Path) -> None:
    for name in ("high/a.wav", "high/b/d.ogg"):
        whole = (raw / name).read_bytes()
        (raw / name).write_bytes(whole[: len(whole) * 2 // 3])
    soundfile.write(raw / "low/a.wav", np.zeros(4000), 8000)
    soundfile.write(raw / "low/b/c.flac", np.zeros(1), 8000)
    soundfile.write(raw / "low/e.wav", np.full(4000, np.nan), 8000, "FLOAT")
    soundfile.write(raw / "low/f.wav", np.zeros(0), 8000)
    (raw / "low/g.wav").write_text("not a sound at all")
    index = task().index(raw)
    assert [(problem.where, problem.kind) for problem in index.problems] == [("low/g.wav", "not a sound")]
    spec = task().specify(raw, index.examples)
    (batch,) = task().encode(raw, index.examples, spec)
    assert {problem.where: problem.kind for problem in batch.problems} == {
        "high/a.wav": "truncated",
        "high/b/d.ogg": "damaged",
        "low/a.wav": "silent",
        "low/b/c.flac": "silent",
        "low/e.wav": "not a number",
        "low/f.wav": "empty sound",
    }
    assert index.examples["example"][batch.rows].unique().tolist() == ["high/b/c.flac", "low/b/d.ogg"]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (b"GIF89a", "sound 1: not a sound: its content is not WAV"),
        (Path("absent.wav"), "sound 1 (absent.wav): unreadable: No such file"),
        ((np.zeros(800), 8000), "sound 1: silent"),
        (np.ones(800), "sound 1: not a sound: an array without its rate; give (samples, rate in Hz)"),
        ((8000, np.ones(800)), "sound 1: not a sound: (int, ndarray); give (samples, rate in Hz), in this order"),
        ((np.ones(800),), "sound 1: not a sound: (ndarray); give (samples, rate in Hz), in this order"),
        ((np.ones((2, 800)), 8000), "sound 1: not a sound: samples must be [n] or [n, channels]; [2, 800] has the"),
        ([1.0, 2.0], "sound 1: not a sound: list; give a path, bytes or (samples, rate in Hz)"),
    ],
)
def test_the_error_names_the_bad_sound(bad: object, message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        task().preprocess([(tone(300, 1), 8000), bad], SPEC)  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"fmax": 5000.0}, "half of sample_rate, 4000 Hz"),
        ({"floor": 0.0}, "floor 0 dB must be below ceiling 0 dB"),
        ({"window_seconds": 0.01}, "window_seconds 0.01 is shorter than n_fft, 256 samples"),
        ({"mels": 200}, "mels 200 is too many for n_fft 256"),
        ({"group": "("}, "not a regular expression"),
        ({"classes": ["owl"]}, "two or more different names"),
    ],
)
def test_an_invalid_section_is_refused(bad: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        task(**bad)


def test_near_duplicates_are_found_by_their_spectrograms(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    songs = [np.concatenate([tone(hertz, 0.05) for hertz in rng.uniform(200, 3500, 10)]) for _ in range(2)]
    hiss = 0.01 * rng.standard_normal(4000)
    files = {"one/a.wav": songs[0], "one/b.ogg": 0.7 * songs[0], "two/c.wav": songs[1]}
    for name, samples in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        soundfile.write(tmp_path / name, samples + hiss, 8000)
    examples = task().index(tmp_path).examples
    (batch,) = task().encode(tmp_path, examples, task().specify(tmp_path, examples))
    assert batch.hashes is not None
    original, again, other = (int(one) for one in batch.hashes)
    assert (original ^ again).bit_count() <= 4
    assert (original ^ other).bit_count() > 12


def test_a_prediction_is_presented_by_class() -> None:
    assert task().present(np.array([[0.25, 0.75]]), [b""], SPEC) == [{"high": 0.25, "low": 0.75}]
