"""Rules for every test."""

import pytest
from hypothesis import settings


def test_tests_that_use_the_build_are_marked(request: pytest.FixtureRequest) -> None:
    """`make check` skips tests with this mark."""
    marked = {item.nodeid for item in request.session.items if item.get_closest_marker("build")}
    waiting = {item.nodeid for item in request.session.items if "smoke_build" in getattr(item, "fixturenames", ())}
    assert waiting <= marked


def test_no_test_fails_because_of_time_or_chance() -> None:
    assert settings().deadline is None
    assert settings().derandomize
