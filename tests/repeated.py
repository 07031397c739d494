"""The meaning of `weight` in a task's tables: each example counts that many times."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

Tables = Mapping[str, pd.DataFrame]


def assert_weights_repeat(plain: Tables, weighted: Tables, repeated: Tables) -> None:
    """Check that weighted scores equal those of repeated examples (nan if none is left), with equal rows and counts."""
    assert list(plain) == list(weighted)
    for name, table in weighted.items():
        key = table.columns[0]
        scores = [column for column in table.columns[1:] if table[column].dtype.kind == "f"]
        assert scores and plain[name].columns.tolist() == table.columns.tolist()
        counts = table.columns.difference(scores)
        pd.testing.assert_frame_equal(table[counts], plain[name][counts])
        expected = repeated[name].set_index(key)[scores].reindex(table[key]).to_numpy()
        np.testing.assert_allclose(table[scores].to_numpy(), expected, rtol=1e-9)
