"""Requests that wait together go through a model together, and each gets the answer that it would get alone."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving import house
from slipway.core.errors import DataError
from slipway.registry.grammar import Tag
from slipway.registry.state import Version
from slipway.serving.inference import MOST_TOGETHER, Inference
from slipway.serving.release import Loaded
from slipway_edge.predictor import Predictor

TAG = Tag("ball@v1.0.0", "0" * 40, "1" * 40, "ball", "register", "v1.0.0", None, 0, "Ann", "ann@example.org", 0, "")


@pytest.fixture(scope="module")
def predictor(built: Path) -> Predictor:
    return Predictor.load(built / "models" / "ball")


def loaded(predictor: Predictor, seconds: float) -> Loaded:
    version = Version("ball", "v1.0.0", "1" * 40, TAG, ())
    return Loaded(version, predictor, 1, seconds, ((1,), np.dtype(np.float32)))


def together(model: Loaded, requests: Sequence[Any], passes: list[int]) -> list[Any]:
    """Return the result or the error of each request, all sent at once; `passes` gets the rows of each pass."""
    predictor = model.predictor
    whole = predictor.interpreter

    class Counting:
        def __call__(self, inputs: np.ndarray) -> np.ndarray:
            passes.append(len(inputs))
            return whole(inputs)

    async def ask() -> list[Any]:
        inference = Inference(1000)
        inference.start()
        asked = [inference.predict(model, one, deadline=30) for one in requests]
        return await asyncio.gather(*asked, return_exceptions=True)

    predictor.interpreter = Counting()  # type: ignore[assignment]
    try:
        return asyncio.run(ask())
    finally:
        predictor.interpreter = whole


ROW = st.fixed_dictionaries(
    {},
    optional={
        "x": st.one_of(st.floats(-3, 3), st.none(), st.sampled_from(["0.5", "much"])),
        "team": st.sampled_from(["home", "away", "guest"]),
        "other": st.integers(0, 9),
    },
)


@pytest.mark.parametrize("seconds", [0.0, 1.0], ids=["on the loop", "on the thread"])
@given(requests=st.lists(st.lists(ROW, min_size=1, max_size=3), min_size=1, max_size=6))
def test_a_request_gets_the_same_answer_together_with_others_as_alone(
    predictor: Predictor, seconds: float, requests: list[list[dict[str, Any]]]
) -> None:
    found = together(loaded(predictor, seconds), requests, [])
    for request, result in zip(requests, found, strict=True):
        try:
            expected = predictor.predict(request)
        except DataError as error:
            assert str(result) == str(error)
        else:
            assert result.values == expected
            assert np.array_equal(result.array, predictor.predict_array(request))


@pytest.mark.parametrize("seconds", [0.0, 1.0], ids=["on the loop", "on the thread"])
def test_requests_of_one_turn_are_one_pass_of_at_most_64_rows(predictor: Predictor, seconds: float) -> None:
    passes: list[int] = []
    together(loaded(predictor, seconds), [house.ROWS[:1]] * 100, passes)
    assert passes == [MOST_TOGETHER, 100 - MOST_TOGETHER]


def test_a_wrong_row_does_not_spoil_the_answers_of_others(predictor: Predictor) -> None:
    good, bad = house.ROWS[:1], [{"x": "much", "team": "home"}]
    first, wrong, second = together(loaded(predictor, 0.0), [good, bad, good], [])
    assert first.values == second.values == predictor.predict(good)
    assert isinstance(wrong, DataError)
    assert "row 1: x is much" in str(wrong)


def test_an_unexpected_error_is_logged_without_the_input(
    predictor: Predictor, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(examples: Any) -> np.ndarray:
        raise ValueError(f"cannot use {examples}")

    monkeypatch.setattr(predictor, "predict_array", fail)
    (found,) = together(loaded(predictor, 1.0), [[{"x": "secret-4711", "team": "home"}]], [])
    assert str(found) == "ball@v1.0.0 failed: ValueError"
    assert "ValueError" in caplog.text and "secret-4711" not in caplog.text


def test_the_result_of_a_request_whose_deadline_passed_goes_nowhere(predictor: Predictor) -> None:
    async def ask() -> list[Any]:
        inference = Inference(10)
        inference.start()
        model = loaded(predictor, 1.0)
        late = await asyncio.gather(inference.predict(model, house.ROWS, deadline=0), return_exceptions=True)
        good = await inference.predict(model, house.ROWS, deadline=30)
        await asyncio.sleep(0)
        assert inference.waiting == model.busy == 0
        return [*late, good]

    late, good = asyncio.run(ask())
    assert late.status == 504
    assert good.values == predictor.predict(house.ROWS)
