"""Packed splits: reading returns what was written, whatever the size of the shards."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slipway.data.shards import PackedSplit, ShardWriter


@settings(max_examples=30)
@given(sizes=st.lists(st.integers(1, 9), min_size=1, max_size=8), shard_rows=st.integers(1, 12), data=st.data())
def test_reading_returns_what_was_written_whatever_the_size_of_the_shards(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], shard_rows: int, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("split") / "train"
    total = sum(sizes)
    inputs = np.arange(total * 6, dtype=np.uint8).reshape(total, 2, 3)
    targets = np.arange(total)
    writer = ShardWriter(folder, shard_bytes=shard_rows * 6)
    start = 0
    for size in sizes:
        writer.append(inputs[start : start + size], targets[start : start + size])
        start += size
    writer.close(pd.DataFrame({"example": targets}))

    split = PackedSplit(folder)
    assert (len(split), split.shape, split.dtype) == (total, (2, 3), np.uint8)
    positions = np.array(data.draw(st.lists(st.integers(0, total - 1), max_size=20)), np.int64)
    assert (split.gather(positions) == inputs[positions]).all()
    read = list(split.batches(4))
    assert (np.concatenate([batch for batch, _ in read]) == inputs).all()
    assert (np.concatenate([batch for _, batch in read]) == targets).all()
    assert split.examples["example"].tolist() == targets.tolist()


def test_a_large_split_is_several_files(tmp_path: Path) -> None:
    writer = ShardWriter(tmp_path / "train", shard_bytes=1000)
    for _ in range(10):
        writer.append(np.zeros((5, 100), np.uint8), np.zeros(5))
    writer.close(pd.DataFrame({"example": range(50)}))
    assert len(list((tmp_path / "train").glob("inputs-*.npy"))) == 5
