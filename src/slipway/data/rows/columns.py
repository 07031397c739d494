"""The section `data` of tables in which each row is an example: the meaning of the columns."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from slipway.core.config import Section
from slipway.data.readers.table_format import Format
from slipway_edge.rows import expressions


class Columns(Section):
    """The meaning of the columns of the raw tables, and how they become features.

    `target` is the column to predict. `example` is a column with the names of the rows; without it, rows are numbered
    by file. Rows of one `group` stay on one side of a split. Without `group`, each row is a group; without `group` and
    `example`, rows that are equal in all features (and on one side of the data's own split) are one group, since they
    may be copies. `time` is for splits by
    time. `split` is a column with each row's side of the split: train, val or test; folders with these names need none.

    Features are the `numeric` columns, the parts of `dates` (year, month, day, weekday, hour, days since 1970), and the
    `categorical` columns. `derived` are numeric features computed by formulas (see `slipway_edge.rows.expressions`)
    from `numeric` columns and from each other. A category with fewer than `rare` training rows is encoded like an
    unseen one; None stands for a sixtieth of the training rows, but from 2 to 10. `smoothing` rows at the overall share
    of a class are added to each category. A category with at least the share `own` of the rows has a one-hot feature.
    Files that match a pattern of `exclude` are not read; `format` is how the others are written.
    """

    target: str
    example: str | None = None
    group: str | None = None
    time: str | None = None
    split: str | None = None
    numeric: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    derived: dict[str, str] = Field(default_factory=dict)
    smoothing: Annotated[float, Field(ge=0)] = 20.0
    rare: Annotated[int, Field(ge=1)] | None = None
    own: Annotated[float, Field(gt=0, le=1)] = 0.01
    exclude: tuple[str, ...] = ()
    format: Format = Format()

    @model_validator(mode="after")
    def _usable(self) -> Self:
        features = [*self.numeric, *self.dates, *self.categorical, *self.derived]
        if not features:
            raise ValueError("there is no feature; list columns in numeric, dates or categorical")
        names = [self.target, *(name for name in (self.example, self.group, self.split) if name), *features]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"column {', '.join(twice)} has two roles")
        expressions.in_order(self.derived, self.numeric)
        return self
