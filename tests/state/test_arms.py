"""The arms that units have: index and logs together miss nobody, however far the index has come."""

import os
from pathlib import Path

import pytest

from experiments.cases import exposure, write
from slipway.state import index
from slipway.state.arms import Arms
from slipway.state.index import ExposureIndex
from slipway.state.store import StateError, Store, default


def seen(arms: Arms) -> tuple[dict[str, str], dict[str | None, tuple[str, float | None]]]:
    indexed = {unit: arm for unit, arm, _ in arms.indexed()}
    return indexed, {one.unit: (one.arm, one.share) for one in arms.logged()}


def test_units_come_from_the_index_and_later_ones_from_the_logs(store: Store, tmp_path: Path) -> None:
    write(tmp_path, exposure("a", "night", 0), exposure("b", "control", 1), exposure("c", "night", 2, name="other"))
    ExposureIndex(store, tmp_path).update()
    write(tmp_path, exposure("d", "night", 3, share=0.9), exposure("e", "night", 4, name="night-games-2"))
    arms = Arms(store, tmp_path, "night-games")
    assert seen(arms) == ({"a": "night", "b": "control"}, {"d": ("night", 0.9)})
    write(tmp_path, exposure("f", "control", 86_400, share=0.1))  # a file of the next day
    assert {one.unit: one.share for one in arms.logged()} == {"f": 0.1}
    assert list(arms.logged()) == []


def test_without_an_index_all_comes_from_the_logs(store: Store, tmp_path: Path) -> None:
    write(tmp_path, *(exposure(f"u{number}", "night", number) for number in range(50)))
    indexed, logged = seen(Arms(store, tmp_path, "night-games"))
    assert (indexed, len(logged)) == ({}, 50)


def test_an_index_of_other_logs_hides_nobody(store: Store, tmp_path: Path) -> None:
    """Two servers with one store have files of the same names."""
    write(tmp_path / "other", *(exposure(f"u{number}", "night", number) for number in range(9)))
    ExposureIndex(store, tmp_path / "other").update()
    write(tmp_path / "mine", *(exposure(f"v{number}", "night", 50 + number) for number in range(9)))
    _, logged = seen(Arms(store, tmp_path / "mine", "night-games"))
    assert len(logged) == 9


def test_half_a_line_and_a_large_log(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "BATCH", 2000)
    write(tmp_path, *(exposure(f"u{number}", "night", number) for number in range(60)))
    (log,) = tmp_path.glob("predictions/*/*.jsonl")
    content = log.read_bytes()
    log.write_bytes(content[:-20])
    arms = Arms(store, tmp_path, "night-games")
    assert len(seen(arms)[1]) == 59
    log.write_bytes(content)
    assert [one.unit for one in arms.logged()] == ["u59"]


def test_a_log_of_the_same_size_that_took_its_place_is_read(store: Store, tmp_path: Path) -> None:
    arms = Arms(store, tmp_path, "night-games")
    for second, unit in enumerate("abc"):
        write(tmp_path, exposure(unit, "night", 1))
        (log,) = tmp_path.glob("predictions/*/*.jsonl")
        os.utime(log, (second, second))
        assert [one.unit for one in arms.logged()] == [unit]
        log.unlink()


def test_a_store_without_tables_says_so(tmp_path: Path) -> None:
    with pytest.raises(StateError):
        list(Arms(Store(default(tmp_path)), tmp_path, "night-games").indexed())
