"""Lines of variants in params.yaml, dvc.yaml and dvc.lock are added, renamed and removed, and the rest is unchanged."""

import subprocess
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from slipway.cli import entries
from slipway.core import config
from slipway.core.config import TOP
from slipway.core.errors import ConfigError

NAMES = st.from_regex("[a-z]([a-z0-9-]{0,6}[a-z0-9])?", fullmatch=True).filter(
    lambda name: isinstance(yaml.safe_load(name), str)
)
LINE = "{task: image_classification, framework: keras}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "variants: &v\n  a: {x: 1} # of a\n\n# next\nall: {<<: *v}\n",
            "variants: &v\n  a: {x: 1} # of a\n  b: {x: 2}\n",
        ),
        ("variants: &v\n  a:\n    x: 1\n# next\nall: {<<: *v}\n", "variants: &v\n  a:\n    x: 1\n  b: {x: 2}\n# next"),
        ("variants: &v {}\nall: {<<: *v}\n", "variants: &v\n  b: {x: 2}\nall: {<<: *v}\n"),
    ],
)
def test_a_line_is_added_in_its_place_and_the_rest_is_unchanged(text: str, expected: str) -> None:
    out = entries.add(text, TOP, "variants", "b", "{x: 2}")
    assert out.startswith(expected)
    assert entries.remove(out, TOP, "variants", ["b"]) == text


@given(names=st.lists(NAMES, min_size=2, max_size=6, unique=True), data=st.data())
def test_what_is_added_and_removed_again_leaves_no_trace(names: list[str], data: st.DataObject) -> None:
    *others, name = names
    text = "variants: &v\n" + "".join(f"  {other}: {LINE} # {other}\n\n" for other in others) + "all: {<<: *v}\n"
    out = entries.add(text, TOP, "variants", name, LINE)
    assert yaml.safe_load(out)["variants"].keys() == set(names)
    assert entries.remove(out, TOP, "variants", [name]) == text
    assert entries.rename(entries.rename(out, TOP, "variants", name, "x" * 9), TOP, "variants", "x" * 9, name) == out
    gone = data.draw(st.sets(st.sampled_from(names), min_size=1))
    assert yaml.safe_load(entries.remove(out, TOP, "variants", gone))["variants"].keys() == set(names) - gone


def test_a_block_of_several_lines_is_removed_with_all_of_them() -> None:
    text = "stages:\n  a@x:\n    cmd: a\n    deps:\n    - path: one\n      size: 1\n  a@y:\n    cmd: b\n"
    assert entries.remove(text, Path("dvc.lock"), "stages", ["a@x"]) == "stages:\n  a@y:\n    cmd: b\n"
    assert entries.remove(text, Path("dvc.lock"), "stages", ["a@x", "a@y"]) == "stages: {}\n"
    assert entries.remove(text, Path("dvc.lock"), "stages", ["b"]) == text


def test_only_what_names_the_variant_is_renamed() -> None:
    """A simulator, a task or a framework may have the name of a variant."""
    text = (
        "variants: &v\n  keras: {task: tv, framework: keras}\n  tv: {task: tv, framework: keras, from: keras} # keras\n"
    )
    out = entries.rename(text + "all: {<<: *v}\n", TOP, "variants", "keras", "mine")
    assert out.startswith(
        "variants: &v\n  mine: {task: tv, framework: keras}\n  tv: {task: tv, framework: keras, from: mine} # keras\n"
    )
    assert entries.rename("simulated:\n  tv: tv\n", TOP, "simulated", "tv", "mine") == "simulated:\n  mine: tv\n"
    artifact = "artifacts:\n  tv: {path: models/tv/model.tflite, type: model}\n"
    assert entries.rename(artifact, Path("dvc.yaml"), "artifacts", "tv", "mine") == artifact.replace("tv", "mine")


def test_what_cannot_be_changed_alone_is_refused() -> None:
    text = "base: &b {x: 1}\nvariants: &v\n  a: &a {x: 1}\n  b: *a\nall: {<<: *v}\n"
    with pytest.raises(ConfigError, match=r"params\.yaml"):
        entries.remove(text, TOP, "variants", ["a"])
    with pytest.raises(ConfigError, match="must be a mapping with a line per variant"):
        entries.add("variants: []\nall: {}\n", TOP, "variants", "a", "{x: 1}")


def test_lines_that_two_branches_add_to_params_yaml_rarely_conflict(repository: Path) -> None:
    """Each line goes after the previous name in the alphabet, in any order of the lines."""

    def sh(command: str) -> None:
        subprocess.run(command, shell=True, check=True)

    before = Path("params.yaml").read_text()
    for branch in ("apples", "fruit", "shop-front", "zebras"):
        sh(f"git switch -q -c {branch} main")
        Path("params.yaml").write_text(entries.add(before, TOP, "variants", branch, LINE))
        sh("git commit -q --all -m Add")
    sh("git switch -q main && git merge -q apples && git merge -q fruit shop-front zebras")
    assert {"apples", "fruit", "shop-front", "zebras"} < set(config.top()["variants"])
