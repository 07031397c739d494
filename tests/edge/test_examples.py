"""What a caller gives to the Predictor is one example or several."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from slipway_edge.examples import single

PICTURE = np.zeros((4, 4, 3), np.uint8)


@pytest.mark.parametrize(
    "one",
    [
        "a.jpg",
        Path("a.jpg"),
        b"bytes",
        PICTURE,
        PICTURE[..., 0],
        Image.fromarray(PICTURE),
        (np.zeros(9), 8000),
        ("a.jpg", [0, 0, 1, 1]),
        {"x": 1, "event": "duel", "y": None},
        pd.Series({"x": 1, "event": "duel"}),
        {},
        None,
        7,
    ],
    ids=lambda one: type(one).__name__,
)
def test_one_example(one: Any) -> None:
    assert single(one, 3)


@pytest.mark.parametrize(
    "several",
    [
        ["a.jpg"],
        [],
        iter(["a.jpg"]),
        Path().glob("*.jpg"),
        np.array(["a.jpg", "b.jpg"]),
        np.array([PICTURE, None], object),
        PICTURE[None],
        pd.Series(["a.jpg", "b.jpg"]),
        [{"x": 1}],
        {"x": [1], "event": ["duel"]},
        {"x": np.zeros(2), "event": ("duel", "shot")},
        pd.DataFrame({"x": [1]}),
        pd.DataFrame({"x": []}),
    ],
    ids=lambda several: type(several).__name__,
)
def test_several_examples(several: Any) -> None:
    assert not single(several, 3)
