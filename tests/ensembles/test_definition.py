"""What ensembles/<name>.yaml may say."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from ensembles.house import content
from slipway.core.errors import ConfigError
from slipway.ensembles import definition
from slipway.ensembles.definition import parse

PATH = "ensembles/both.yaml"


def test_weights_are_exactly_what_is_written() -> None:
    thirds = parse(content(members={"a@v1.0.0": 0.333333, "b@v1.0.0": 0.333333, "c@staging": 0.333334}), PATH)
    assert thirds.weights == (Fraction(333333, 10**6), Fraction(333333, 10**6), Fraction(333334, 10**6))
    assert sum(parse(content(members={f"m{n}@v1.0.0": 0.1 for n in range(10)}), PATH).weights) == 1


def test_all_mistakes_are_told_at_once_each_with_its_line() -> None:
    wrong = b"""\
description: Two.
members:
  mine@v1.0.0: 0.5
  mine@newest: 0.7
  yours: -1
voting_strategy: average
on_member_failur: rest
gate:
  rules:
    accuracy: {min: 0.9, least: 3}
"""
    with pytest.raises(ConfigError) as caught:
        parse(wrong, PATH)
    told = str(caught.value).splitlines()
    for line, text in (
        (4, "mine@newest"),
        (5, "yours"),
        (6, "weighted_average"),
        (7, "on_member_failur"),
        (10, "least"),
    ):
        assert any(one.startswith(f"{PATH}:{line}: ") and text in one for one in told), (line, told)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"members": {"a@v1.0.0": 0.5, "b@v1.0.0": 0.4}}, "sum to 0.9, not 1"),
        ({"members": {"a@v1.0.0": 0.3333333, "b@v1.0.0": 0.6666667}}, "more than 6 decimals"),
        ({"members": {"a@v1.0.0": 1}}, "at least 2"),
        ({"members": {f"m{n}@v1.0.0": 0.05 for n in range(20)}}, "at most 10"),
        ({"members": {"a@v1.0.0": 1, "b@v1.0.0": 0}}, "greater than 0"),
        ({"members": {"a@latest": 0.5, "b@v1.0.0": 0.5}}, "VARIANT@VERSION or VARIANT@ROLE"),
        ({"members": {"a@archived": 0.5, "b@v1.0.0": 0.5}}, "roles are staging, canary, production"),
        ({"on_member_failure": "ignore"}, "'error' or 'rest'"),
        ({"description": ""}, "description"),
    ],
)
def test_mistakes_are_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=r"ensembles/both\.yaml:") as caught:
        parse(content(**changes), PATH)
    assert told in str(caught.value)


def test_its_hash_is_that_of_what_it_means() -> None:
    first = parse(content(), PATH).sha256
    assert parse(b"# a comment\n" + content(description="Other words."), PATH).sha256 == first
    for changes in (
        {"members": {"yours@production": 0.4, "mine@v1.0.0": 0.6}},  # another first member, whose rules hold
        {"members": {"mine@v1.0.0": 0.5, "yours@production": 0.5}},
        {"voting_strategy": "majority"},
        {"on_member_failure": "rest"},
        {"gate": {"rules": {"accuracy": {"min": 0.9}}}},
    ):
        assert parse(content(**changes), PATH).sha256 != first


@pytest.mark.parametrize("name", ["Both", "../up", "", "a" * 64, "both_of"])
def test_a_name_is_that_of_a_file_and_a_part_of_an_address(name: str) -> None:
    with pytest.raises(ConfigError, match="cannot name an ensemble"):
        definition.path_of(name)


def test_a_missing_file_says_where_to_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"docs/ensembles\.md"):
        definition.read("both")
