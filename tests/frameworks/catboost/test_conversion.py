import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from catboost import CatBoost, CatBoostClassifier, CatBoostRegressor, Pool, sum_models
from hypothesis import given, settings
from hypothesis import strategies as st

from slipway.core.errors import ModelError
from slipway.frameworks.catboost.conversion import convert, trees

QUIET = {"verbose": 0, "allow_writing_files": False, "thread_count": 1}
SPECIAL = np.array(
    [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-45, -1e-45, 1e-38, 3.4028235e38, -3.4028235e38], dtype=np.float32
)


def converted(model: CatBoost, folder: Path, width: int) -> bytes:
    folder.mkdir(exist_ok=True)
    model.save_model(str(folder / "model.cbm"))
    return convert(folder, np.zeros((1, width), np.float32), "float32")


def run(tflite: bytes, inputs: np.ndarray) -> np.ndarray:
    interpreter = Interpreter(model_content=tflite, num_threads=1)
    index = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(index, inputs.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(index, inputs)
    interpreter.invoke()
    outputs: np.ndarray = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    return outputs


def assert_same(actual: np.ndarray, expected: np.ndarray, magnitude: float = 0) -> None:
    np.testing.assert_allclose(actual, expected.reshape(actual.shape), rtol=1e-5, atol=1e-12 * magnitude)


def table(seed: int, rows: int, features: int, missing: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(rows, features)).astype(np.float32)
    inputs[:, ::3] = np.round(inputs[:, ::3])
    inputs[rng.random(inputs.shape) < missing] = np.nan
    return inputs


def awkward_rows(model: CatBoost, seed: int, rows: int, features: int) -> np.ndarray:
    """Rows of ordinary numbers, of borders and the floats next to them, and of special values."""
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(rows, features)).astype(np.float32)
    for feature, borders in model.get_borders().items():
        if borders:
            at = np.array(borders, np.float32)
            with np.errstate(over="ignore"):
                near = np.concatenate([at, np.nextafter(at, np.float32(np.inf)), np.nextafter(at, np.float32(-np.inf))])
            chosen = rng.random(rows) < 0.5
            inputs[chosen, feature] = rng.choice(near, chosen.sum())
    chosen = rng.random(inputs.shape) < 0.15
    inputs[chosen] = rng.choice(SPECIAL, chosen.sum())
    return inputs


@settings(max_examples=150)
@given(
    seed=st.integers(0, 2**16),
    depth=st.integers(1, 10),
    count=st.integers(1, 40),
    features=st.integers(1, 8),
    nan_mode=st.sampled_from(["Min", "Max", "Forbidden"]),
    batch=st.sampled_from([1, 2, 63]),
    magnitude=st.sampled_from([1e-6, 1.0, 1e6]),
)
def test_tflite_gives_what_catboost_gives_for_any_trees_and_any_input(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    depth: int,
    count: int,
    features: int,
    nan_mode: str,
    batch: int,
    magnitude: float,
) -> None:
    inputs = table(seed, 200, features, 0 if nan_mode == "Forbidden" else 0.1)
    targets = magnitude * (np.nan_to_num(inputs).sum(axis=1) + np.random.default_rng(seed).normal(size=200) + 3)
    model = CatBoostRegressor(iterations=count, depth=depth, nan_mode=nan_mode, random_seed=seed, **QUIET)
    model.fit(inputs, targets)
    rows = awkward_rows(model, seed, batch, features)
    tflite = converted(model, tmp_path_factory.mktemp("native"), features)
    assert_same(run(tflite, rows), model.predict(rows), magnitude)


@pytest.mark.parametrize("depth", [1, 16])
def test_the_shallowest_and_the_deepest_trees_convert(tmp_path: Path, depth: int) -> None:
    inputs = table(0, 300, 20, 0.05)
    model = CatBoostRegressor(iterations=2, depth=depth, random_seed=1, **QUIET).fit(inputs, inputs[:, 1] > 0)
    rows = awkward_rows(model, 2, 50, 20)
    assert_same(run(converted(model, tmp_path, 20), rows), model.predict(rows))


def test_trees_of_differing_depth_in_one_model_convert(tmp_path: Path) -> None:
    inputs = np.sign(table(0, 300, 5, 0))
    model = CatBoostRegressor(iterations=40, depth=8, random_seed=0, **QUIET).fit(inputs, inputs.sum(axis=1))
    deep = CatBoostRegressor(iterations=3, depth=6, **QUIET).fit(table(1, 300, 5, 0), inputs[:, 1])
    both = sum_models([model, deep], weights=[1.0, -2.0])
    assert len(set(both.get_tree_leaf_counts())) > 2
    rows = awkward_rows(both, 3, 100, 5)
    assert_same(run(converted(both, tmp_path, 5), rows), both.predict(rows), 1)


def test_trees_without_splits_give_their_constant_for_any_input(tmp_path: Path) -> None:
    inputs = table(0, 50, 3, 0)
    model = CatBoostRegressor(iterations=2, depth=2, **QUIET).fit(inputs, inputs[:, 1])
    model.save_model(str(tmp_path / "trees.json"), format="json")
    document = json.loads((tmp_path / "trees.json").read_text())
    constant = {"leaf_values": [7.25], "leaf_weights": [50], "splits": []}
    for number, kept in enumerate([[constant], [constant, *document["oblivious_trees"]]]):
        (tmp_path / "trees.json").write_text(json.dumps({**document, "oblivious_trees": kept}))
        model = CatBoostRegressor().load_model(str(tmp_path / "trees.json"), format="json")
        rows = np.concatenate([inputs, np.full((2, 3), np.nan, np.float32)])
        assert_same(run(converted(model, tmp_path / str(number), 3), rows), model.predict(rows), 1)


def test_features_that_no_tree_uses_still_belong_to_the_input(tmp_path: Path) -> None:
    inputs = table(0, 100, 6, 0)
    inputs[:, [0, 5]] = 1
    model = CatBoostRegressor(iterations=3, depth=2, **QUIET).fit(inputs, inputs[:, 1])
    assert_same(run(converted(model, tmp_path, 6), inputs), model.predict(inputs))


def test_scale_and_bias_are_applied(tmp_path: Path) -> None:
    inputs = table(0, 100, 4, 0)
    model = CatBoostRegressor(iterations=5, depth=3, **QUIET).fit(inputs, inputs[:, 1])
    model.set_scale_and_bias(-0.25, 1e5)
    assert_same(run(converted(model, tmp_path, 4), inputs), model.predict(inputs))


def test_small_predictions_with_a_large_bias_keep_five_digits(tmp_path: Path) -> None:
    inputs = table(0, 2000, 4, 0)
    model = CatBoostRegressor(iterations=400, depth=6, **QUIET).fit(inputs, inputs[:, 1])
    predictions = model.predict(inputs)
    model.set_scale_and_bias(1000, float(-1000 * predictions[0]) + 0.01)
    assert_same(run(converted(model, tmp_path, 4), inputs[:1]), model.predict(inputs[:1]))


def test_more_leaves_than_float32_can_count_go_into_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = table(0, 200, 4, 0.1)
    model = CatBoostRegressor(iterations=23, depth=4, nan_mode="Max", **QUIET).fit(inputs, np.arange(200))
    whole = run(converted(model, tmp_path, 4), inputs)
    monkeypatch.setattr(trees, "EXACT", 50)
    assert trees._blocks(np.arange(0, 23 * 16, 16), 23 * 16)[:2] == [slice(0, 3), slice(3, 6)]
    np.testing.assert_array_equal(run(converted(model, tmp_path, 4), inputs), whole)


@pytest.mark.parametrize("loss", ["RMSE", "MAE", "Quantile:alpha=0.9", "Poisson", "Tweedie:variance_power=1.5"])
def test_a_regressor_converts_with_any_loss(tmp_path: Path, loss: str) -> None:
    inputs = table(0, 200, 4, 0.1)
    model = CatBoostRegressor(iterations=30, depth=4, loss_function=loss, **QUIET)
    model.fit(inputs, np.exp(np.nan_to_num(inputs[:, 1])))
    assert_same(run(converted(model, tmp_path, 4), inputs), model.predict(inputs), 1)


@pytest.mark.parametrize(
    ("loss", "classes"), [("Logloss", 2), ("CrossEntropy", 2), ("MultiClass", 3), ("MultiClassOneVsAll", 3)]
)
def test_a_classifier_gives_the_probability_of_each_class_or_of_the_positive_one_of_two(
    tmp_path: Path, loss: str, classes: int
) -> None:
    inputs = table(0, 200, 4, 0.1)
    labels = np.digitize(np.nan_to_num(inputs[:, 1]), np.arange(classes - 1))
    model = CatBoostClassifier(iterations=30, depth=4, loss_function=loss, **QUIET).fit(inputs, labels)
    outputs = run(converted(model, tmp_path, 4), inputs)
    expected = model.predict_proba(inputs)
    if classes == 2:
        expected = expected[:, 1:]
    assert outputs.shape == expected.shape
    assert_same(outputs, expected)


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    inputs = table(0, 100, 4, 0)
    files = [
        converted(CatBoostRegressor(iterations=5, random_seed=3, **QUIET).fit(inputs, inputs[:, 1]), tmp_path / name, 4)
        for name in ("a", "b")
    ]
    assert files[0] == files[1]


def test_constants_are_aligned_to_sixteen_bytes(tmp_path: Path) -> None:
    inputs = table(0, 100, 4, 0)
    tflite = converted(CatBoostRegressor(iterations=5, depth=3, **QUIET).fit(inputs, inputs[:, 1]), tmp_path, 4)
    model = schema.Model.GetRootAs(tflite, 0)
    vectors = [model.Buffers(i)._tab for i in range(model.BuffersLength())]
    offsets = [tab.Vector(tab.Offset(4)) for tab in vectors if tab.Offset(4)]
    assert len(offsets) > 5
    assert {offset % 16 for offset in offsets} == {0}


def test_a_model_without_trees_is_refused(tmp_path: Path) -> None:
    inputs = table(0, 50, 3, 0)
    model = CatBoostRegressor(iterations=2, depth=2, **QUIET).fit(inputs, inputs[:, 1])
    model.save_model(str(tmp_path / "trees.json"), format="json")
    document = json.loads((tmp_path / "trees.json").read_text())
    (tmp_path / "trees.json").write_text(json.dumps({**document, "oblivious_trees": []}))
    with pytest.raises(ModelError, match="has no trees"):
        converted(CatBoost().load_model(str(tmp_path / "trees.json"), format="json"), tmp_path, 3)


def refusal(folder: Path, precision: Any = "float32", width: int = 4) -> str:
    with pytest.raises(ModelError) as refused:
        convert(folder, np.zeros((1, width), np.float32), precision)
    return str(refused.value)


def test_a_model_that_cannot_be_converted_is_refused_with_advice(tmp_path: Path) -> None:
    inputs = table(0, 100, 4, 0)
    assert "set convert.precision to float32" in refusal(tmp_path, "int8")
    assert "no such file" in refusal(tmp_path)
    (tmp_path / "model.cbm").write_bytes(b"CBM1 nothing")
    assert "not a CatBoost model" in refusal(tmp_path)
    CatBoostRegressor(iterations=2, grow_policy="Lossguide", **QUIET).fit(inputs, inputs[:, 1]).save_model(
        str(tmp_path / "model.cbm")
    )
    assert "grow_policy SymmetricTree" in refusal(tmp_path)
    CatBoostRegressor(iterations=2, loss_function="RMSEWithUncertainty", **QUIET).fit(inputs, inputs[:, 1]).save_model(
        str(tmp_path / "model.cbm")
    )
    assert "train with RMSE" in refusal(tmp_path)
    rows = [[*row, "ab"[row[0] > 0]] for row in inputs.astype(object)]
    pool = Pool(rows, inputs[:, 1], cat_features=[4], feature_names=[*"abcd", "place"])
    CatBoostRegressor(iterations=2, **QUIET).fit(pool).save_model(str(tmp_path / "model.cbm"))
    assert "categorical features (place)" in refusal(tmp_path)
    CatBoostRegressor(iterations=2, **QUIET).fit(inputs, inputs[:, 1]).save_model(str(tmp_path / "model.cbm"))
    assert "takes 4 features, but the prepared data has 5" in refusal(tmp_path, width=5)
