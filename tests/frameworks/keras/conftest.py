from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from slipway.core.spec import Spec
from slipway.data.shards import PackedSplit, ShardWriter

SIDE = 32


@pytest.fixture
def spec() -> Spec:
    return {
        "objective": "multiclass",
        "input": {"shape": [SIDE, SIDE, 3], "dtype": "uint8"},
        "outputs": ["bright_above", "bright_below"],
    }


@pytest.fixture
def split(tmp_path: Path) -> Callable[[str, int], PackedSplit]:
    """Packs pictures whose upper or lower half is brighter, in several shards."""
    return lambda name, examples: pack(tmp_path / name, examples)


def pack(folder: Path, examples: int) -> PackedSplit:
    random = np.random.default_rng(examples)
    targets = np.arange(examples) % 2
    inputs = random.integers(0, 120, (examples, SIDE, SIDE, 3), np.uint8)
    for i, target in enumerate(targets):
        inputs[i, target * SIDE // 2 :][: SIDE // 2] += 110
    writer = ShardWriter(folder, shard_bytes=SIDE * SIDE * 3 * 16)
    for start in range(0, examples, 8):
        writer.append(inputs[start : start + 8], targets[start : start + 8])
    writer.close(pd.DataFrame({"example": [str(i) for i in range(examples)]}))
    return PackedSplit(folder)
