"""The laws of combining predictions."""

from collections import Counter
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from slipway.ensembles.combination import TIE, Combination, majority, votes, weighted_average

Draw = st.DrawFn
SHARES = st.floats(0, 1, width=32)


@st.composite
def weights(draw: Draw, count: int) -> tuple[Fraction, ...]:
    """Weights that sum to 1, from a few parts, so that many are equal."""
    parts = draw(st.lists(st.integers(1, 4), min_size=count, max_size=count))
    return tuple(Fraction(one, sum(parts)) for one in parts)


@st.composite
def classes(draw: Draw) -> tuple[list[np.ndarray], tuple[Fraction, ...]]:
    """The predictions of several members for several classes, with ties, and their weights."""
    members, examples, count = draw(st.integers(2, 6)), draw(st.integers(1, 5)), draw(st.integers(2, 4))
    coarse = arrays.arrays(np.float32, (examples, count), elements=st.sampled_from([0.0, 0.25, 0.5, 1.0]))
    return [draw(coarse) for _ in range(members)], draw(weights(members))


def plain_majority(chosen: list[int], of: tuple[Fraction, ...]) -> int:
    """The class with most votes; then that of the larger weight; then the first."""
    count, weight = Counter(chosen), Counter[int]()
    for one, share in zip(chosen, of, strict=True):
        weight[one] += share  # type: ignore[assignment]  # a Counter of fractions
    return min(count, key=lambda one: (-count[one], -weight[one], one))


@given(classes())
def test_most_votes_decide_then_the_weights_then_the_order_of_the_classes(
    drawn: tuple[list[np.ndarray], tuple[Fraction, ...]],
) -> None:
    predictions, of = drawn
    found = majority([votes(one, None) for one in predictions], of)
    for number, row in enumerate(found):
        chosen = [int(one[number].argmax()) for one in predictions]
        assert int(row.argmax()) == plain_majority(chosen, of)
        assert row.sum() == pytest.approx(1, abs=1e-12)
        assert (row >= 0).all()


@given(classes(), st.randoms(use_true_random=False))
def test_the_order_of_the_members_does_not_matter(
    drawn: tuple[list[np.ndarray], tuple[Fraction, ...]], random: Any
) -> None:
    predictions, of = drawn
    order = list(range(len(of)))
    random.shuffle(order)
    for threshold in (None, 0.5):
        voted = [votes(one, threshold) for one in predictions]
        again = majority([voted[at] for at in order], [of[at] for at in order])
        assert np.array_equal(again, majority(voted, of))  # exactly: a vote must not depend on rounding
    mean = weighted_average(predictions, of)
    moved = weighted_average([predictions[at] for at in order], [of[at] for at in order])
    assert moved == pytest.approx(mean, abs=1e-12)


@given(classes())
def test_a_mean_is_within_its_members_and_follows_the_weights(
    drawn: tuple[list[np.ndarray], tuple[Fraction, ...]],
) -> None:
    predictions, of = drawn
    mean = weighted_average(predictions, of)
    exact = [
        [
            sum(w * Fraction(float(one[at])) for w, one in zip(of, predictions, strict=True))
            for at in np.ndindex(mean.shape)
        ]
    ]
    assert mean.ravel() == pytest.approx([float(one) for one in exact[0]], abs=1e-12)
    assert (mean >= np.min(predictions, axis=0)).all()
    assert (mean <= np.max(predictions, axis=0)).all()


@given(st.integers(2, 10).flatmap(weights), arrays.arrays(np.float32, (4, 3), elements=SHARES))
def test_members_that_agree_say_what_each_says(of: tuple[Fraction, ...], predictions: np.ndarray) -> None:
    assert np.array_equal(weighted_average([predictions] * len(of), of), predictions)
    voted = votes(predictions, None)
    assert np.array_equal(majority([voted] * len(of), of), voted)
    specs = tuple({"outputs": ["seen"], "threshold": 0.1} for _ in of)
    assert Combination("weighted_average", specs, of).spec["threshold"] == 0.1


@given(st.lists(st.booleans(), min_size=2, max_size=6), st.data())
def test_an_output_with_a_threshold_gets_yes_by_votes_then_weights_then_yes(
    said: list[bool], data: st.DataObject
) -> None:
    of = data.draw(weights(len(said)))
    (share,) = majority([np.array([[one]]) for one in said], of)[0]
    yes = plain_majority([0 if one else 1 for one in said], of) == 0
    assert (share >= TIE) == yes


def test_each_member_votes_at_its_own_threshold() -> None:
    specs = ({"threshold": [0.3, 0.6]}, {"threshold": [0.7, 0.2]})
    voting = Combination("majority", specs, (Fraction(1, 4), Fraction(3, 4)))
    found = voting.combine([np.array([[0.3, 0.5]]), np.array([[0.69, 0.5]])])
    assert found.tolist() == [[(1 + 0.25) / 3, (1 + 0.75) / 3]]
    assert voting.spec["threshold"] == [TIE, TIE]
    assert (found >= voting.spec["threshold"]).tolist() == [[False, True]]


def test_the_threshold_of_a_mean_is_the_mean_of_the_thresholds() -> None:
    specs = ({"outputs": ["seen"], "threshold": 0.25}, {"outputs": ["seen"], "threshold": 0.75})
    both = Combination("weighted_average", specs, (Fraction(1, 4), Fraction(3, 4)))
    assert both.spec == {"outputs": ["seen"], "threshold": 0.625}
    each = tuple({"threshold": [one, 0.5]} for one in (0.2, 0.4))
    assert Combination("weighted_average", each, (Fraction(1, 2), Fraction(1, 2))).spec["threshold"] == [
        pytest.approx(0.3),
        0.5,
    ]


def test_the_interval_of_a_mean_is_the_mean_of_the_intervals() -> None:
    specs = tuple({"outputs": ["price"], "spread": {"low": -one, "high": 2 * one, "relative": False}} for one in (1, 3))
    both = Combination("weighted_average", specs, (Fraction(1, 2), Fraction(1, 2)))
    assert both.spec["spread"] == {"low": -2, "high": 4, "relative": False}


def test_the_rest_share_the_weight_of_who_is_missing() -> None:
    specs = ({"threshold": 0.1}, {"threshold": 0.2}, {"threshold": 0.4})
    whole = Combination("weighted_average", specs, (Fraction(1, 2), Fraction(1, 10), Fraction(4, 10)))
    rest = whole.without({0})
    assert rest.weights == (Fraction(1, 5), Fraction(4, 5))
    assert rest.spec["threshold"] == pytest.approx(0.36)
    assert rest.combine([np.array([[0.5]]), np.array([[1.0]])]).tolist() == [[pytest.approx(0.9)]]
    assert whole.without({0, 2}).weights == (1,)
