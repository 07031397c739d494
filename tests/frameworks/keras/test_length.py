"""How long a network is trained: a number of epochs, or steps by the number of examples."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from slipway.frameworks.keras.schema import Length, Train
from slipway.frameworks.keras.training.length import Parts, parts, said

LENGTH = Length(steps=1200, growth=0.75, least=500, most=50_000)
AUTO = Train(epochs="auto", length=LENGTH, batch_size=16)

examples = st.integers(1, 1_000_000)


@given(examples, st.integers(1, 64), st.integers(1, 100))
def test_a_number_of_epochs_is_that_many_passes_whatever_the_length(n: int, batch: int, epochs: int) -> None:
    config = Train(epochs=epochs, length=LENGTH, batch_size=batch, warmup_epochs=0)
    assert parts(n, config) == Parts(epochs, max(1, n // batch))


@given(examples)
def test_the_steps_are_those_of_the_length_but_for_equal_parts(n: int) -> None:
    wanted = min(max(1200 * (n / 1000) ** 0.75, 500), 50_000)
    chosen = parts(n, AUTO)
    assert abs(chosen.total - wanted) < chosen.epochs + 1
    assert chosen.total == pytest.approx(wanted, rel=0.05)
    assert 500 <= chosen.total <= 50_000


@given(st.integers(1, 100_000), st.floats(0, 1), st.integers(300, 3000))
def test_one_more_example_never_changes_the_steps_by_much(n: int, growth: float, steps: int) -> None:
    config = Train(epochs="auto", length=Length(steps=steps, growth=growth, least=300, most=50_000), batch_size=16)
    before, after = parts(n, config).total, parts(n + 1, config).total
    assert abs(after - before) <= 0.06 * before + 2


def test_the_lengths_of_pictures_have_no_cliff() -> None:
    totals = [parts(n, AUTO).total for n in range(1, 50_001)]
    changes = [after / before - 1 for before, after in pairwise(totals)]
    assert max(changes) < 0.05
    assert min(changes) > -0.02, "but for rounding to equal parts, they only grow"


@given(st.integers(300, 50_000), st.floats(1.2, 3))
def test_more_examples_get_more_steps_and_fewer_passes(n: int, times: float) -> None:
    few, many = parts(n, AUTO).total, parts(round(n * times), AUTO).total
    assert few < many
    assert many / (n * times) < few / n


@given(examples)
def test_an_epoch_is_a_pass_over_the_examples_unless_there_are_very_few_or_many(n: int) -> None:
    chosen = parts(n, AUTO)
    assert 5 <= chosen.epochs <= 60
    if 200 <= n <= 100_000:
        assert chosen.steps == pytest.approx(n // 16, rel=0.11)


@pytest.mark.parametrize(
    ("n", "sentence"),
    [
        (1200, "1,200 training examples: 1,386 steps of 16 (18 epochs)"),
        (20_000, "20,000 training examples: 11,349 steps of 16 (9 epochs)"),
        (40, "40 training examples: 504 steps of 16 (56 epochs, each of 4.5 passes over the examples)"),
        (9, "9 training examples: 504 steps of 9 (56 epochs, each of 9 passes over the examples)"),
    ],
)
def test_what_was_chosen_is_said_in_words(n: int, sentence: str) -> None:
    assert said(n, AUTO, parts(n, AUTO)) == sentence


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epochs": "auto"}, "needs train.length, as conf/train/own_pictures.yaml has it"),
        ({"epochs": "many"}, "must be a whole number of at least 1, or auto"),
        ({"epochs": 0}, "must be a whole number of at least 1, or auto"),
        ({"length": {**LENGTH.model_dump(), "least": 60_000}}, "least is 60000 and most is 50000"),
        ({"epochs": "auto", "length": LENGTH, "warmup_epochs": 5}, "must be less than 5, the fewest that epochs: auto"),
    ],
)
def test_a_length_that_cannot_be_used_is_one_message(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message) as caught:
        Train.model_validate(values)
    assert caught.value.error_count() == 1
