"""An ensemble of oblivious trees as TFLite operators.

With B rows, T trees of d levels and k outputs:

    x [B, features] -> TRANSPOSE -> GATHER the feature of each condition [d, T, B] -> GREATER than its border -> CAST
      -> MUL by 1, 2, 4, ... along d -> SUM over d = leaf of each tree [T, B] -> ADD each tree's first row -> CAST
      -> GATHER leaf values [T, B, 2k] -> SUM over T, ADD bias [B, 2k] -> SUM of the two parts [B, k] -> link

The batch is the last axis, so that a gather copies contiguous runs of rows.

CatBoost adds leaf values in float64. A float32 sum of hundreds of leaves that nearly cancel (a small prediction with a
large bias) would be wrong by far more than 1e-5. So each value is split into two float32 parts: a multiple of a grid
that is coarse enough for multiples to add up exactly in float32 in any order, and the small remainder. Both parts lie
next to each other, so gathering both costs no more than gathering one.
"""

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from slipway.core.errors import ModelError
from slipway.frameworks.catboost.conversion.graph import DYNAMIC, Graph
from slipway.frameworks.catboost.conversion.oblivious import Ensemble

BOOL, FLOAT32, INT32 = schema.TensorType.BOOL, schema.TensorType.FLOAT32, schema.TensorType.INT32
EXACT = 2**24
"""float32 represents integers exactly up to here: trees beyond this number of leaf rows go into another block."""
MAX_BYTES = 2**31 - 2**27
"""The largest size of the leaf values: a TFLite file is limited to 2 GiB."""


def write(ensemble: Ensemble) -> bytes:
    """Return the TFLite file: float32 [batch, features] to float32 [batch, k]; equal trees give equal bytes.

    Raises:
        ModelError: the leaf values do not fit into a TFLite file, or their sum does not fit into float32.
    """
    leaves, bias = ensemble.leaves, ensemble.bias
    k = leaves.shape[1]
    if 2 * 4 * leaves.size > MAX_BYTES:
        raise ModelError(
            f"the trees have {len(leaves):,} leaves of {k} values, too many for a TFLite file; "
            "train fewer or shallower trees"
        )
    parts, bias_parts = _two_parts(leaves, ensemble.start, bias)
    graph = Graph("CatBoost symmetric trees", (DYNAMIC, ensemble.features))
    columns = _columns(graph, ensemble)
    total: int | np.ndarray = bias_parts
    for block in _blocks(ensemble.start, len(leaves)):
        start = ensemble.start[block]
        row = _rows(graph, columns, ensemble.feature[:, block], ensemble.border[:, block], start - start[0])
        stop = ensemble.start[block.stop] if block.stop < len(ensemble.start) else len(leaves)
        values = graph.add("GATHER", [parts[start[0] : stop], row], (len(start), DYNAMIC, 2 * k), axis=0)
        summed = graph.add("SUM", [values, np.array([0], np.int32)], (DYNAMIC, 2 * k))
        total = graph.add("ADD", [summed, total], (DYNAMIC, 2 * k))
    pairs = graph.add("RESHAPE", [total, np.array([DYNAMIC, 2, k], np.int32)], (DYNAMIC, 2, k))
    outputs = graph.add("SUM", [pairs, np.array([1], np.int32)], (DYNAMIC, k))
    match ensemble.link:
        case "exponent":
            outputs = graph.add("EXP", [outputs], (DYNAMIC, k))
        case "sigmoid":
            outputs = graph.add("LOGISTIC", [outputs], (DYNAMIC, k))
        case "softmax":
            outputs = graph.add("SOFTMAX", [outputs], (DYNAMIC, k), beta=1.0)
    return graph.serialize(outputs)


def _columns(graph: Graph, ensemble: Ensemble) -> int:
    """The input as [features, B], with missing values replaced if they count as above every border."""
    shape = (ensemble.features, DYNAMIC)
    columns = graph.add("TRANSPOSE", [graph.input, np.array([1, 0], np.int32)], shape)
    used = ensemble.feature[np.isfinite(ensemble.border)]
    if not ensemble.missing_is_high[used].any():
        return columns  # NaN > border is false, as the other features require
    replacement = np.where(ensemble.missing_is_high, np.inf, -np.inf).astype(np.float32)[:, None]
    missing = graph.add("NOT_EQUAL", [columns, columns], shape, np.bool_)
    return graph.add("SELECT_V2", [missing, replacement, columns], shape)


def _rows(graph: Graph, columns: int, feature: np.ndarray, border: np.ndarray, start: np.ndarray) -> int:
    """The row of leaf values that each of T trees selects, int32 [T, B]; `start` [T] is each tree's first row."""
    depth, trees = feature.shape
    shape = (depth, trees, DYNAMIC)
    gathered = graph.add("GATHER", [columns, feature], shape, axis=0)
    above = graph.add("GREATER", [gathered, border[:, :, None]], shape, np.bool_)
    bits = graph.add("CAST", [above], shape, inDataType=BOOL, outDataType=FLOAT32)
    weights = (2.0 ** np.arange(depth)).astype(np.float32)[:, None, None]
    weighed = graph.add("MUL", [bits, weights], shape)
    leaf = graph.add("SUM", [weighed, np.array([0], np.int32)], shape[1:])
    row = graph.add("ADD", [leaf, start.astype(np.float32)[:, None]], shape[1:])
    return graph.add("CAST", [row], shape[1:], np.int32, inDataType=FLOAT32, outDataType=INT32)


def _blocks(start: np.ndarray, rows: int) -> list[slice]:
    """Split the trees into consecutive blocks with at most `EXACT` rows of leaf values each."""
    ends = np.append(start[1:], rows)
    blocks = []
    first = 0
    while first < len(start):
        last = int(np.searchsorted(ends, start[first] + EXACT, side="right"))
        blocks.append(slice(first, last))
        first = last
    return blocks


def _two_parts(leaves: np.ndarray, start: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Split leaf values [rows, k] and bias [k], float64, into float32 [rows, 2k] and [2k]: coarse parts, then the rest.

    Coarse parts are multiples of a power of two. The largest possible sum is fewer than 2^24 such multiples.
    """
    largest = np.maximum.reduceat(np.abs(leaves), start, axis=0).sum(axis=0) + np.abs(bias)
    if not (largest < np.finfo(np.float32).max).all():
        raise ModelError(f"the sum of the trees can reach {largest.max():g}, beyond float32; scale the target down")
    unit = 2.0 ** (np.ceil(np.log2(np.maximum(largest, 2.0**-100))) - 23)

    def parts(values: np.ndarray) -> np.ndarray:
        coarse = np.rint(values / unit) * unit
        return np.concatenate([coarse, values - coarse], axis=-1).astype(np.float32)

    return parts(leaves), parts(bias)
