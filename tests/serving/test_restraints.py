"""What the state store holds down reaches every worker within a second, and holds from the first request on."""

import os
import time
from pathlib import Path

from serving.process import serving, until
from serving.test_experiments import answer, compared  # noqa: F401
from slipway.serving import restraints
from slipway.serving.restraints import Restraints
from slipway.state.restraints import lift, restrain
from slipway.state.store import Store, default

CURVE = "experiments/curve"


def test_the_file_is_read_when_it_changes(tmp_path: Path) -> None:
    known = Restraints(tmp_path)
    assert not known.look()
    restraints.write_if_unknown(tmp_path)
    assert known.look()
    assert known.shares == {}
    restraints.write(tmp_path, {CURVE: 0})
    assert known.look()
    assert known.shares == {CURVE: 0}
    restraints.write_if_unknown(tmp_path)
    assert known.look()
    assert known.shares == {CURVE: 0}


def test_a_file_with_the_same_shares_is_not_written_again(tmp_path: Path) -> None:
    restraints.write(tmp_path, {CURVE: 0})
    path = tmp_path / restraints.FILE
    os.utime(path, ns=(1, 1))
    restraints.write(tmp_path, {CURVE: 0})
    assert path.stat().st_mtime_ns == 1
    restraints.write(tmp_path, {})
    assert path.stat().st_mtime_ns != 1


def test_an_experiment_that_is_held_down_takes_no_unit_in_any_worker_nor_after_a_restart(
    compared: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    folder = tmp_path / "server"

    def steep() -> int:
        return sum(answer(server, f"user-{number}")["model_version"] == "v2.0.0" for number in range(40))

    with serving(compared, folder, "ball", "--workers", "2") as server:
        assert 5 < steep() < 35
        store = Store(default(folder / "traffic"))
        restrain(store, CURVE, 0, "it harms", "{}", time.time())
        until(lambda: not steep(), "no worker takes units")
    with serving(compared, folder, "ball") as server:
        assert steep() == 0
        lift(store, CURVE)
        until(steep, "units are taken again")
    store.close()
