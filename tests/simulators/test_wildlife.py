from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from conftest import fingerprints
from slipway.simulators.wildlife import World, simulate
from slipway.simulators.wildlife.voices import PITCHES, SPECIES, Voice
from slipway.tasks.audio_classification import Data, Task

SMALL = {"clips": 96, "clips_per_recording": 8, "longest": 3.0}
RATE = 22050


def written(folder: Path, seed: int = 3, **world: object) -> Path:
    simulate(World(**{**SMALL, **world}), seed, folder)
    return folder


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("wildlife"))


def test_the_task_reads_the_world_without_a_problem(raw: Path) -> None:
    task = Task(Data(window_seconds=1.0, mels=32))
    index = task.index(raw)
    assert index.problems == []
    assert index.examples["label"].value_counts().to_dict() == dict.fromkeys(SPECIES, 24)
    assert index.examples["group"].value_counts().to_dict() == {f"r{number:04d}": 8 for number in range(12)}
    encoded = list(task.encode(raw, index.examples, task.specify(raw, index.examples)))
    assert not any(batch.problems for batch in encoded)
    assert {row for batch in encoded for row in batch.rows} == set(range(96))


def test_clips_differ_in_length_rate_channels_and_format_and_recordings_do_not(raw: Path) -> None:
    files = [(path, soundfile.info(path)) for path in sorted(raw.glob("*/*")) if path.is_file()]
    assert {file.format for _, file in files} >= {"WAV", "FLAC"}
    assert len({file.samplerate for _, file in files}) > 1
    assert {file.channels for _, file in files} == {1, 2}
    assert all(1.9 < file.duration < 3.2 for _, file in files)
    recorders: dict[str, set[object]] = {}
    for path, file in files:
        recorders.setdefault(path.stem[:5], set()).add((file.format, file.samplerate, file.channels))
    assert all(len(kinds) == 1 for kinds in recorders.values())


def test_equal_worlds_and_seeds_give_equal_bytes_and_others_do_not(tmp_path: Path) -> None:
    first, again, other = (
        fingerprints(written(tmp_path / name, seed, clips=16)) for name, seed in (("a", 3), ("b", 3), ("c", 4))
    )
    assert first == again
    assert not set(first.values()) & {digest for name, digest in other.items() if name != "metadata.csv"}


def test_more_clips_do_not_change_the_recordings_before_them(raw: Path, tmp_path: Path) -> None:
    few, many = fingerprints(written(tmp_path, clips=16)), fingerprints(raw)
    assert all(many[name] == few[name] for name in few if name != "metadata.csv")


def hiss(folder: Path, names: list[str]) -> float:
    """Median power of clips between 9 and 10 kHz."""
    powers = []
    for name in names:
        samples, rate = soundfile.read(folder / name, always_2d=True)
        hertz = np.fft.rfftfreq(len(samples), 1 / rate)
        powers.append((np.abs(np.fft.rfft(samples[:, 0])) ** 2)[(hertz > 9000) & (hertz < 10000)].mean() / len(samples))
    return float(np.median(powers))


def test_a_shifted_world_has_the_same_clips_and_more_hiss(raw: Path, tmp_path: Path) -> None:
    shifted = written(tmp_path, clips=32, shift=1.0)
    names = pd.read_csv(shifted / "metadata.csv")["path"].tolist()
    assert set(names) <= set(pd.read_csv(raw / "metadata.csv")["path"])
    assert hiss(shifted, names) > 1.3 * hiss(raw, names)


@pytest.mark.parametrize("species", SPECIES)
def test_a_bird_sings_about_its_pitch_and_not_like_another_unless_confused(species: str) -> None:
    voice = Voice.drawn(species, np.random.default_rng(1), shift=0)
    low, high = PITCHES[species]
    assert low <= voice.pitch <= high
    usual, confusable = (voice.calls(4 * RATE, RATE, odd, np.random.default_rng(2)) for odd in (False, True))
    strongest = np.abs(np.fft.rfft(usual)).argmax() / 4
    assert 0.4 * voice.pitch < strongest < 1.9 * voice.pitch
    assert not np.array_equal(usual, confusable)
    assert np.abs(usual).max() < 3


def test_a_shift_raises_voices_without_drawing_others() -> None:
    before, after = (Voice.drawn("hawk", np.random.default_rng(1), shift) for shift in (0, 1))
    assert after.pitch == pytest.approx(1.12 * before.pitch)
    assert (after.pace, after.harmonics) == (before.pace, before.harmonics)


@pytest.mark.parametrize("bad", [{"clips": 3}, {"far": 1.5}, {"longest": 61}, {"shortest": 6}, {"bats": 1}])
def test_an_invalid_world_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        World(**bad)
