"""Files in which each one may be an example of several classes, or of none: their labels.

Input: a raw folder with a column `labels` in metadata.csv, or with a folder for each label
(`slipway.data.readers.several`). Targets: uint8 [n, labels], 1 for each label that an example has.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field

from slipway.core.config import Section
from slipway.core.protocol import Index, each_class
from slipway.data import files
from slipway.data.readers import several


class Separated(Section):
    """How labels are written; a part of the `data` section.

    `separator`: what separates the labels in the column `labels` of metadata.csv; with null, it is found in the column.
    """

    separator: Annotated[str | None, Field(min_length=1)] = None


class MultiLabel(files.Files):
    """A task whose examples are files with any number of labels; see `slipway.core.protocol.Task`."""

    @staticmethod
    def fits(raw: Path) -> bool:
        """Return whether the files of a folder have several labels."""
        return several.suits(raw)

    @staticmethod
    def stated(raw: Path) -> tuple[dict[str, Any], list[str]]:
        """Return `separator`, if the column `labels` has one, and no sentences.

        Raises:
            DataError: the labels cannot be read.
        """
        separator = several.separator(raw)
        return {} if separator is None else {"separator": separator}, []

    def index(self, raw: Path) -> Index:
        """List the files by their first bytes, without decoding them; `example` is the path relative to `raw`.

        Raises:
            DataError: the labels cannot be read or a label has no files, metadata.csv cannot be used, or the group
                expression matches no file.
        """
        return several.index(raw, self.classes, self.data.separator, self.recognise, self.group, self.noun)

    def names(self, raw: Path) -> Sequence[str]:
        """Return the labels, in the order of the outputs."""
        return several.names(raw, self.classes, self.data.separator)

    def targets(self, examples: pd.DataFrame, names: Sequence[str]) -> np.ndarray:
        """Return the targets of examples, uint8 [n, labels]: 1 for each of `names` that an example has."""
        of = each_class(examples)
        targets = np.zeros((len(examples), len(names)), np.uint8)
        targets[examples.index.get_indexer(of.index), pd.Index(names).get_indexer(pd.Index(of))] = 1
        return targets
