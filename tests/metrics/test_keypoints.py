"""Average precision equals that of pycocotools, with and without the weights of a bootstrap draw."""

import time

import numpy as np
import pandas as pd
import pytest

from repeated import assert_weights_repeat
from slipway.metrics import keypoints

SIGMAS = list(keypoints.SIGMAS.values())
NOWHERE = pd.Series(dtype=object)
Persons = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, list[float]]


def persons(n: int = 60, spread: float = 4.0, seed: int = 0) -> Persons:
    """Persons of 100 pixels, found with errors of `spread` pixels, some keypoints not annotated."""
    rng = np.random.default_rng(seed)
    truth = np.concatenate([rng.uniform(0, 100, (n, 17, 2)), rng.integers(0, 3, (n, 17, 1))], axis=-1)
    off = rng.normal(0, spread, (n, 17, 2)) * rng.uniform(0, 2, (n, 1, 1))
    found = np.concatenate([truth[..., :2] + off, rng.uniform(0, 1, (n, 17, 1))], axis=-1)
    return truth, found, rng.uniform(2000, 6000, n), np.full(n, 100.0), SIGMAS


def oks(truth: np.ndarray, found: np.ndarray, area: np.ndarray) -> np.ndarray:
    """Object keypoint similarity as cocodataset.org defines it."""
    squared = ((truth[..., :2] - found[..., :2]) ** 2).sum(axis=-1)
    similar = np.exp(-squared / (2 * area[:, None] * (2 * np.array(SIGMAS)) ** 2))
    annotated = truth[..., 2] > 0
    return (similar * annotated).sum(axis=1) / annotated.sum(axis=1)


def scores_of(
    groups: pd.Series, truth: np.ndarray, found: np.ndarray, area: np.ndarray, size: np.ndarray, sigmas: list[float]
) -> keypoints.Scores:
    return keypoints.Scores(groups, truth, found, area, size, sigmas, list(keypoints.SIGMAS)[: truth.shape[1]])


def score(
    truth: np.ndarray,
    found: np.ndarray,
    area: np.ndarray,
    size: np.ndarray,
    sigmas: list[float],
    weight: np.ndarray | None = None,
) -> dict[str, float]:
    return scores_of(NOWHERE, truth, found, area, size, sigmas).total(weight)


def test_average_precision_is_that_of_persons_ranked_by_score() -> None:
    truth, found, area, size, _ = persons()
    similarity = oks(truth, found, area)
    assert 0.2 < (similarity >= 0.75).mean() < 0.9, "the example tells right from wrong"
    correct = (similarity >= 0.75)[np.argsort(-found[..., 2].mean(axis=1), kind="stable")]
    precision = correct.cumsum() / np.arange(1, len(correct) + 1)
    recall = correct.cumsum() / len(correct)
    levels = [precision[recall >= level].max(initial=0) for level in np.linspace(0, 1, 101)]
    assert score(truth, found, area, size, SIGMAS)["ap75"] == pytest.approx(np.mean(levels), abs=1e-6)


def test_perfect_keypoints_score_one_and_wrong_ones_nothing() -> None:
    truth, _, area, size, _ = persons()
    scores = score(truth, truth, area, size, SIGMAS)
    assert scores == pytest.approx({"map": 1, "ap50": 1, "ap75": 1, "pck": 1, "mean_error": 0})
    elsewhere = truth + np.array([1000, 0, 0])
    scores = score(truth, elsewhere, area, size, SIGMAS)
    assert scores == pytest.approx({"map": 0, "ap50": 0, "ap75": 0, "pck": 0, "mean_error": 10})


@pytest.mark.parametrize("seed", range(3))
def test_a_weight_counts_a_person_that_often(seed: int) -> None:
    truth, found, area, size, sigmas = persons(seed=seed)
    times = np.random.default_rng(seed).integers(0, 4, len(truth))
    repeated = np.repeat(np.arange(len(truth)), times)
    plain = score(truth[repeated], found[repeated], area[repeated], size[repeated], sigmas)
    for _ in range(2):
        assert score(truth, found, area, size, sigmas, times.astype(float)) == pytest.approx(plain)
    assert score(truth, found, area, size, sigmas)["map"] != pytest.approx(plain["map"])


def test_without_any_weight_every_metric_is_nan() -> None:
    scores = score(*persons(), np.zeros(60))
    assert scores.keys() == keypoints.METRICS.keys()
    assert np.isnan(list(scores.values())).all()


def test_a_draw_of_a_test_split_takes_milliseconds() -> None:
    drawn = persons(400)
    scores = scores_of(NOWHERE, *drawn)
    scores.total()
    start = time.process_time()
    for seed in range(20):
        scores.total(np.random.default_rng(seed).integers(0, 3, 400))
    assert (time.process_time() - start) / 20 < 0.03


def test_pck_and_error_count_annotated_keypoints_only() -> None:
    truth = np.array([[[10.0, 10, 2], [20, 10, 1], [0, 0, 0]]])
    found = np.array([[[10.0, 14, 0.9], [20, 25, 0.9], [80, 80, 0.9]]])
    scores = score(truth, found, np.array([400.0]), np.array([50.0]), SIGMAS[:3])
    assert scores["pck"] == 0.5
    assert scores["mean_error"] == pytest.approx((4 + 15) / 2 / 50)


def test_tables_add_up_to_the_score_and_plots_hold_what_they_draw() -> None:
    truth, found, area, size, sigmas = persons()
    names = list(keypoints.SIGMAS)
    groups = pd.Series([f"g{number % 3}" for number in range(len(truth))])
    scores = score(truth, found, area, size, sigmas)
    tables = scores_of(groups, truth, found, area, size, SIGMAS).breakdowns()
    assert tables["per_keypoint"]["keypoint"].tolist() == names
    assert tables["per_group"]["group"].tolist() == ["g0", "g1", "g2"]
    for table in tables.values():
        for metric in ("pck", "mean_error"):
            assert np.average(table[metric], weights=table["n"]) == pytest.approx(scores[metric])
    curve, errors = scores_of(groups, truth, found, area, size, SIGMAS).plots()
    assert curve.table["pck"].is_monotonic_increasing
    at = curve.table.loc[(curve.table["threshold"] - keypoints.PCK_THRESHOLD).abs().idxmin(), "pck"]
    assert at == pytest.approx(scores["pck"])
    assert set(errors.table.columns) == {errors.x, errors.y}


@pytest.mark.parametrize("seed", range(3))
def test_a_weight_counts_a_person_that_often_in_the_tables(seed: int) -> None:
    truth, found, area, size, _ = persons(n=20, seed=seed)
    groups, times = (
        pd.Series([f"g{number % 5}" for number in range(20)]),
        np.random.default_rng(seed).integers(0, 3, 20),
    )
    times[::5] = 0
    truth[1:, 3, 2] = 0
    rows = np.repeat(np.arange(20), times)
    assert_weights_repeat(
        scores_of(groups, truth, found, area, size, SIGMAS).breakdowns(),
        scores_of(groups, truth, found, area, size, SIGMAS).breakdowns(times.astype(float)),
        scores_of(groups[rows], truth[rows], found[rows], area[rows], size[rows], SIGMAS).breakdowns(),
    )
