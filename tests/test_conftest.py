"""What holds for every test."""

import pytest
from hypothesis import settings


def test_what_waits_for_the_build_is_marked(request: pytest.FixtureRequest) -> None:
    """`make check` leaves it out by that."""
    marked = {item.nodeid for item in request.session.items if item.get_closest_marker("build")}
    waiting = {item.nodeid for item in request.session.items if "smoke_build" in getattr(item, "fixturenames", ())}
    assert waiting <= marked


def test_none_fails_by_the_clock_or_by_chance() -> None:
    assert settings().deadline is None
    assert settings().derandomize
