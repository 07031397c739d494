"""Writing tags: dates in order, all or none, and only one of several concurrent writes."""

import os
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from registry.house import git
from slipway.core.errors import RegistryError
from slipway.registry import grammar, tags, transaction
from slipway.registry.transaction import New

VARIANT = "base-ad-detector"


def test_tags_of_a_variant_are_dated_one_after_the_other_though_written_within_a_second(
    root: Path, commits: Mapping[str, str]
):
    for at in range(1, 4):
        transaction.write(transaction.snapshot(VARIANT), [New(f"{VARIANT}#staging#{at}", commits["good-1"], "why")])
    times = [tag.when for tag in tags.read(VARIANT)]
    assert times == sorted(set(times))


def test_a_clock_that_is_behind_does_not_hide_a_newer_tag(root: Path, commits: Mapping[str, str]):
    env = os.environ | {"GIT_COMMITTER_DATE": "2090-01-01T00:00:00Z"}
    name = f"{VARIANT}#staging#1"
    subprocess.run(["git", "tag", "-a", "-m", "fast clock", name, commits["good-1"]], check=True, env=env)
    transaction.write(transaction.snapshot(VARIANT), [New(f"{VARIANT}#staging#2", commits["good-2"], "why")])
    assert tags.read(VARIANT)[-1].name == f"{VARIANT}#staging#2"


def test_several_tags_are_written_all_or_none(root: Path, commits: Mapping[str, str]):
    snapshot = transaction.snapshot(VARIANT)
    git(
        root, "tag", f"{VARIANT}#staging#2", commits["good-1"]
    )  # lightweight: not a registry tag, but it blocks the name
    new = [New(f"{VARIANT}#staging#{at}", commits["good-1"], "why") for at in (1, 2)]
    with pytest.raises(RegistryError):
        transaction.write(snapshot, new)
    assert tags.read() == []


def test_a_decision_on_an_older_state_is_refused_and_names_the_earlier_write(root: Path, commits: Mapping[str, str]):
    snapshot = transaction.snapshot(VARIANT)
    transaction.write(snapshot, [New(f"{VARIANT}@v1.0.0", commits["good-1"], "first")])
    with pytest.raises(
        RegistryError, match=r"changed at the same time \(base-ad-detector@v1.0.0 by Tester, .*\); nothing was"
    ):
        transaction.write(snapshot, [New(f"{VARIANT}#staging#1", commits["good-1"], "second")])
    assert [tag.name for tag in tags.read()] == [f"{VARIANT}@v1.0.0"]


def test_one_of_several_threads_that_write_at_once_wins(root: Path, commits: Mapping[str, str]):
    snapshot = transaction.snapshot(VARIANT)
    refused: list[Exception] = []

    def write(name: str) -> None:
        try:
            transaction.write(snapshot, [New(name, commits["good-1"], "why")])
        except RegistryError as error:
            refused.append(error)

    writers = [threading.Thread(target=write, args=[f"{VARIANT}#{role}#1"]) for role in grammar.LIVE]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert (len(tags.read()), len(refused)) == (1, 2)
