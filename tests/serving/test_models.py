"""Which loaded version answers for an address, and which ones are unloaded."""

from collections.abc import Iterable
from typing import Any

import pytest

from slipway.registry.grammar import Tag, parse
from slipway.registry.state import Variant, Version
from slipway.serving.models import Models
from slipway.serving.problems import Problem
from slipway.serving.release import Loaded
from slipway.serving.roles import Roles


def variant(*names: str) -> Variant:
    """Return a variant with these tags; that of a role ends with its version, as in ball#production#1:v1.0.0."""
    tags = []
    for name in names:
        tag, _, version = name.partition(":")
        parsed = parse(tag)
        assert parsed is not None
        commit = version or parsed[2]
        tags.append(Tag(tag, tag, str(commit), *parsed, who="Ann", email="ann@example.org", when=0, why=""))
    return Variant(names[0].partition("@")[0], tags)


def roles(*variants: Variant, **options: Any) -> Roles:
    """Return what these variants say."""
    holders = {
        (one.name, role): holder
        for one in variants
        for role in ("production", "staging")
        if (holder := one.holder(role)) is not None
    }
    return Roles({one.name: one for one in variants}, holders, **options)


def loaded(version: Version, size: int = 10) -> Loaded:
    return Loaded(version, None, size, 0.0, ((), None))  # type: ignore[arg-type]


def models(found: Roles, cache_bytes: int = 1000, only: Iterable[str] = ()) -> Models:
    """Return models in which every holder of production is loaded."""
    made = Models("production", only, cache_bytes)
    made.follow(found)
    for place, version in made.followed().items():
        made.put(loaded(version), place)
    return made


BALL = variant("ball@v1.0.0", "ball@v1.1.0", "ball@v2.0.0", "ball#production#1:v1.0.0", "ball#staging#2:v1.1.0")


def test_a_name_means_the_version_with_the_role_of_the_server() -> None:
    made = models(roles(BALL, names={"ball_model": "ball"}))
    for address in ("ball", "ball@production", "ball@v1.0.0", "ball_model", "ball_model@v1.0.0"):
        found = made.find(address)
        assert isinstance(found, Loaded)
        assert found.version.version == "v1.0.0"
    for address, version in (("ball@staging", "v1.1.0"), ("ball@latest", "v2.0.0"), ("ball@v1.1.0", "v1.1.0")):
        found = made.find(address)
        assert isinstance(found, Version)  # to be loaded first
        assert found.version == version


def test_the_old_version_answers_until_the_new_one_is_loaded() -> None:
    made = models(roles(BALL))
    after = variant("ball@v1.0.0", "ball@v1.1.0", "ball#production#1:v1.0.0", "ball#production#2:v1.1.0")
    made.follow(roles(after))
    old = made.find("ball")
    assert isinstance(old, Loaded) and old.version.version == "v1.0.0"
    made.put(loaded(after.versions["v1.1.0"]), ("ball", "production"))
    new = made.find("ball")
    assert isinstance(new, Loaded) and new.version.version == "v1.1.0"


def test_a_version_that_lost_the_role_while_it_was_loaded_does_not_answer_for_it() -> None:
    made = models(roles(BALL))
    made.put(loaded(BALL.versions["v1.1.0"]), ("ball", "production"))
    found = made.find("ball")
    assert isinstance(found, Loaded) and found.version.version == "v1.0.0"


def test_a_version_whose_tag_was_deleted_or_moved_does_not_answer() -> None:
    made = models(roles(BALL))
    made.put(loaded(BALL.versions["v2.0.0"]))
    assert isinstance(made.find("ball@v2.0.0"), Loaded)
    made.follow(roles(variant("ball@v1.0.0", "ball#production#1:v1.0.0")))
    with pytest.raises(Problem, match=r"no version v2\.0\.0"):
        made.find("ball@v2.0.0")


def test_the_least_used_versions_are_unloaded_but_none_that_holds_a_role() -> None:
    known = variant("ball@v1.0.0", "ball@v1.1.0", "ball@v1.2.0", "ball@v1.3.0", "ball#production#1:v1.0.0")
    made = models(roles(known), cache_bytes=30)
    for version in ("v1.1.0", "v1.2.0"):
        made.put(loaded(known.versions[version]))
    made.find("ball@v1.1.0")
    made.put(loaded(known.versions["v1.3.0"]))
    assert {one.version.version for one in made.loaded()} == {"v1.0.0", "v1.1.0", "v1.3.0"}
    made.put(loaded(known.versions["v1.2.0"], size=100))  # more than the limit, and wanted now
    assert {one.version.version for one in made.loaded()} == {"v1.0.0", "v1.2.0"}


def test_versions_that_hold_a_role_may_be_more_than_the_limit() -> None:
    other = variant("bird@v1.0.0", "bird#production#1:v1.0.0")
    made = models(roles(BALL, other), cache_bytes=1)
    assert {one.version.variant for one in made.loaded()} == {"ball", "bird"}


def test_only_the_chosen_models_are_known() -> None:
    other = variant("bird@v1.0.0", "bird#production#1:v1.0.0")
    made = models(roles(BALL, other), only=["bird"])
    assert made.variants() == ["bird"]
    with pytest.raises(Problem, match="no model ball; there are: bird"):
        made.find("ball")


def test_a_server_can_be_told_to_serve_a_version() -> None:
    made = Models("v1.1.0", ("ball",), 1000)
    made.follow(roles(BALL))
    assert [(place, version.version) for place, version in made.followed().items()] == [(("ball", "v1.1.0"), "v1.1.0")]
    assert made.unanswered() == []
    for place, version in made.followed().items():
        made.put(loaded(version), place)
    for address in ("ball", "ball@v1.1.0", "ball@staging"):
        found = made.find(address)
        assert (found.version if isinstance(found, Loaded) else found).version == "v1.1.0"
    lacking = Models("v9.0.0", ("ball",), 1000)
    lacking.follow(roles(BALL))
    assert lacking.unanswered() == ["ball"]
