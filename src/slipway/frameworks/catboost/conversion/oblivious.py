"""Read CatBoost's symmetric (oblivious) trees from a saved model into arrays.

All nodes of one level of an oblivious tree have the same split condition, `feature > border` in float32. So a tree of
depth d has d conditions. Their results, read as a binary number whose lowest bit is the first condition, give the
index of the leaf. See "CatBoost: unbiased boosting with categorical features" (Prokhorenkova et al., 2018), section 4,
and CatBoost's documentation of its JSON model format, which this module reads.
"""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from catboost import CatBoost, CatBoostError

from slipway.core.errors import ModelError

Link = Literal["identity", "exponent", "sigmoid", "softmax"]

LINKS: dict[str, Link] = {
    "Poisson": "exponent",
    "Tweedie": "exponent",
    "Logloss": "sigmoid",
    "CrossEntropy": "sigmoid",
    "MultiClass": "softmax",
    "MultiClassOneVsAll": "sigmoid",
    "MultiLogloss": "sigmoid",
    "MultiCrossEntropy": "sigmoid",
}
"""The function from the sum of leaf values to CatBoost's prediction, by loss function; other losses predict the sum.

With two classes the prediction is the probability of the second class, the positive one."""


@dataclass(frozen=True)
class Ensemble:
    """Trees, all padded to the depth of the deepest one (d levels).

    `feature` [d, trees] int32 and `border` [d, trees] float32 are the split conditions, first level first. A shallower
    tree is padded with a border of infinity, which no feature exceeds. `leaves` [rows, k] float64 are the leaf values,
    scale included, one tree after the other, and `start` [trees] is each tree's first row. The sum over trees plus
    `bias` [k] goes through `link`. In the features marked in `missing_is_high` [features] a missing value is above
    every border; in the others, below.
    """

    features: int
    feature: np.ndarray
    border: np.ndarray
    leaves: np.ndarray
    start: np.ndarray
    bias: np.ndarray
    missing_is_high: np.ndarray
    link: Link


def read(path: Path) -> Ensemble:
    """Read the trees of a model that CatBoost's `save_model` wrote.

    Raises:
        ModelError: the file does not exist, is not a CatBoost model, has no trees, or cannot be converted because of
            categorical, text or embedding features, trees that are not symmetric, or the loss RMSEWithUncertainty.
    """
    if not path.is_file():
        raise ModelError(f"{path}: no such file; train the model first")
    try:
        model = CatBoost().load_model(str(path))
    except CatBoostError as error:
        raise ModelError(f"{path}: not a CatBoost model ({error}); train it again")
    if not model.tree_count_:
        raise ModelError(f"{path}: has no trees; train for more iterations")
    _refuse_features(path, model)
    with tempfile.TemporaryDirectory() as folder:
        exported = Path(folder) / "model.json"
        model.save_model(str(exported), format="json")
        document = json.loads(exported.read_bytes())
    if "oblivious_trees" not in document:
        raise ModelError(f"{path}: its trees are not symmetric; train with grow_policy SymmetricTree")
    loss = _loss(document)
    if loss == "RMSEWithUncertainty":
        raise ModelError(f"{path}: trained with {loss}, whose two outputs cannot be converted; train with RMSE")
    return _ensemble(document, len(model.feature_names_), LINKS.get(loss, "identity"))


def _refuse_features(path: Path, model: Any) -> None:
    kinds = {
        "categorical": model.get_cat_feature_indices(),
        "text": model.get_text_feature_indices(),
        "embedding": model.get_embedding_feature_indices(),
    }
    for kind, positions in kinds.items():
        if len(positions):
            names = ", ".join(str(model.feature_names_[i]) for i in positions)
            raise ModelError(f"{path}: has {kind} features ({names}); encode them as numbers before training")


def _loss(document: dict[str, Any]) -> str:
    """The loss function's name; empty for a model that does not record it, such as a sum of models."""
    loss = document["model_info"].get("params", {}).get("loss_function", {})
    return str(loss.get("type", ""))


def _ensemble(document: dict[str, Any], features: int, link: Link) -> Ensemble:
    scale, bias = document["scale_and_bias"]
    trees = document["oblivious_trees"]
    floats = document["features_info"]["float_features"]
    column = {f["feature_index"]: f["flat_feature_index"] for f in floats}
    depth = max(1, *(len(tree["splits"] or ()) for tree in trees))
    feature = np.zeros((depth, len(trees)), np.int32)
    border = np.full((depth, len(trees)), np.inf, np.float32)
    for position, tree in enumerate(trees):
        for level, split in enumerate(tree["splits"] or ()):
            feature[level, position] = column[split["float_feature_index"]]
            border[level, position] = split["border"]
    rows = [2 ** len(tree["splits"] or ()) for tree in trees]
    k = len(trees[0]["leaf_values"]) // rows[0]
    leaves = np.concatenate([np.asarray(tree["leaf_values"], np.float64) for tree in trees]).reshape(-1, k)
    high = np.zeros(features, bool)
    high[[f["flat_feature_index"] for f in floats if f["nan_value_treatment"] == "AsTrue"]] = True
    return Ensemble(
        features=features,
        feature=feature,
        border=border,
        leaves=scale * leaves,
        start=np.cumsum([0, *rows[:-1]]),
        bias=np.broadcast_to(np.asarray(bias, np.float64), (k,)).copy(),
        missing_is_high=high,
        link=link,
    )
