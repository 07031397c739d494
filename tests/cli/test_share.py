"""`slipway share`, `changed` and `pullable` in a DVC repository with one stage for each of two variants."""

import os
from pathlib import Path

import pytest
import yaml

from slipway.cli.changed import changed
from slipway.cli.pullable import Pullable, pullable
from slipway.cli.share import share
from slipway.core.errors import RegistryError
from smoke import sh

GRAPH = {
    "stages": {
        "train": {
            "foreach": ["one", "two"],
            "do": {
                "cmd": "echo ran ${item} >> log; echo ${item} | cat - rate > ${item}.model; cat rate > ${item}.json",
                "deps": ["rate"],
                "outs": ["${item}.model", {"${item}.json": {"cache": False}}],
            },
        }
    }
}


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A built repository that is not pushed; its remote is a folder."""
    root = tmp_path / "built"
    root.mkdir()
    monkeypatch.chdir(root)
    Path("dvc.yaml").write_text(yaml.safe_dump(GRAPH))
    Path("params.yaml").write_text("all: {one: {}, two: {from: one}}\nvariants: {one: {}}\ntransfers: {two: {}}\n")
    Path("rate").write_text("0.1\n")
    sh("git init -q && dvc init -q && dvc remote add -q -d place ../remote && echo log > .gitignore", root)
    sh("dvc repro -q && git add -A && git commit -qm built", root)
    return root


def test_a_shared_build_is_not_repeated_in_another_clone(built: Path, tmp_path: Path) -> None:
    base = sh("git rev-parse HEAD", built).strip()
    Path("rate").write_text("0.2\n")
    sh("dvc repro -q", built)
    assert share(["one", "two"]) > 0
    other = tmp_path / "other"
    sh(f"git clone -q {built} {other} && git -C {other} checkout -q {base} && cp rate {other}", built)
    printed = sh("dvc repro --pull", other)
    assert printed.count("is cached - skipping run") == 2
    assert not (other / "log").exists()
    assert [(other / name).read_text() for name in ("one.model", "one.json")] == ["one\n0.2\n", "0.2\n"]


def test_an_edited_output_is_not_shared(built: Path) -> None:
    Path("one.model").write_text("edited")
    assert share(["one"]) == 0


def test_an_unreachable_remote_gives_an_error_of_one_line(built: Path) -> None:
    sh("dvc remote modify -q --local place url /proc/nowhere", built)
    with pytest.raises(RegistryError, match=r"could (not )?be pushed") as raised:
        share(["one"])
    assert "\n" not in str(raised.value)


def test_variants_that_start_from_another_are_built_with_it(built: Path) -> None:
    assert changed() == []
    Path("two.json").write_text("edited")
    assert changed() == [["two"]]
    Path("rate").write_text("0.3\n")
    assert changed() == [["one", "two"]]


def test_an_output_that_was_only_not_fetched_has_not_changed(built: Path) -> None:
    for name in ("one.model", "two.model"):
        Path(name).unlink()
    assert changed() == []


def test_what_the_remote_has_need_not_be_built(built: Path, tmp_path: Path) -> None:
    assert share(["one"]) > 0
    assert pullable(["one", "two"]) == Pullable(0, 0, "place"), "all is here"
    other = tmp_path / "other"
    sh(f"git clone -q {built} {other}", built)
    os.chdir(other)
    assert pullable(["one", "two"]) == Pullable(2, 1, "place")
    assert pullable(["two"]) == Pullable(1, 0, "place")
    sh("dvc pull -q --allow-missing train@one", other)
    assert pullable(["one", "two"]) == Pullable(1, 0, "place")
    Path("rate").write_text("0.2\n")
    assert pullable(["one", "two"]) == Pullable(0, 0, "place"), "what has changed is built"
    sh("dvc remote modify -q --local place url /proc/nowhere", other)
    sh("git checkout -q rate", other)
    assert pullable(["one", "two"]) == Pullable(1, 0, "place"), "an empty remote has nothing"
    sh("dvc remote remove -q place && dvc config -q --unset core.remote || true", other)
    assert pullable(["one"]) is None
