"""What a heat map should be, and how far one is from it.

The heat map's loss is the penalty-reduced focal loss of Law and Deng, "CornerNet", ECCV 2018, as Zhou et al., "Objects
as Points", 2019, use it; that of the boxes is the generalised IoU of Rezatofighi et al., CVPR 2019. Both are sums over
a picture's cells. The form of the map is that of the task (`slipway.tasks.object_detection.heatmap`).
"""

from typing import Any

from slipway.frameworks.keras.native.runtime import tf

NARROWEST = 0.7
"""Standard deviation in cells of the heat around a small object's centre; a large one's is a sixth of its size."""
EPSILON = 1e-6


def drawn(boxes: Any, rows: int, columns: int) -> Any:
    """Boxes [n, m, 4] in shares, NaN where there are fewer, as maps [n, rows, columns, 6].

    In each cell: the heat, 1 at the cell of an object's centre and falling off around it; the box of the object that is
    hottest there (x, y, width, height), in cells; and how much that box counts: the heat next to the centre, and 0
    farther away.
    """
    known = tf.logical_not(tf.math.is_nan(boxes[..., 0]))
    boxes = tf.where(known[..., None], boxes, tf.ones_like(boxes) / 2) * [columns, rows, columns, rows]
    x, y, width, height = tf.unstack(boxes, axis=-1)
    right = _distance(x, columns)
    down = _distance(y, rows)
    away = (right / _spread(width)) ** 2, (down / _spread(height)) ** 2
    heat = tf.exp(-(away[1][:, :, :, None] + away[0][:, :, None, :]) / 2) * tf.cast(known, tf.float32)[..., None, None]
    near = (tf.abs(down) <= 1)[:, :, :, None] & (tf.abs(right) <= 1)[:, :, None, :]
    hottest = tf.argmax(heat, axis=1)
    count = tf.reduce_max(tf.where(near, heat, 0.0), axis=1)
    owner = tf.gather(boxes, hottest, batch_dims=1)
    return tf.concat([tf.reduce_max(heat, axis=1)[..., None], owner, count[..., None]], axis=-1)


def heat_loss(wanted: Any, given: Any) -> Any:
    """[n]: the focal loss of each picture's heat."""
    heat, found = wanted[..., 0], tf.clip_by_value(given[..., 0], EPSILON, 1 - EPSILON)
    at_centre = -((1 - found) ** 2) * tf.math.log(found)
    elsewhere = -((1 - heat) ** 4) * found**2 * tf.math.log(1 - found)
    return tf.reduce_sum(tf.where(heat > 1 - EPSILON, at_centre, elsewhere), axis=[1, 2])


def box_loss(wanted: Any, given: Any, smallest: float, picture: tuple[int, int]) -> Any:
    """[n]: 1 - GIoU of the boxes of each picture's cells near a centre, each as often as it counts.

    `picture` is how many cells a whole picture is high and wide: `wanted` and `given` may show a window of it.
    """
    low, high = _edges(wanted[..., 1:3], wanted[..., 3:5])
    rows, columns = wanted.shape[1:3]
    found_low, found_high = _edges(*_read(tf.ensure_shape(given, (None, rows, columns, 5)), smallest, picture))
    shared = _area(tf.minimum(high, found_high) - tf.maximum(low, found_low))
    union = _area(high - low) + _area(found_high - found_low) - shared
    hull = _area(tf.maximum(high, found_high) - tf.minimum(low, found_low))
    lost = 2 - shared / (union + EPSILON) - union / (hull + EPSILON)
    return tf.reduce_sum(lost * wanted[..., 5], axis=[1, 2])


def _distance(centre: Any, cells: int) -> Any:
    """Cells [n, m, cells] from the one that each centre [n, m] is in."""
    cell = tf.clip_by_value(tf.floor(centre), 0, cells - 1)
    return tf.range(cells, dtype=tf.float32) - cell[..., None]


def _spread(cells: Any) -> Any:
    return tf.maximum(cells / 6, NARROWEST)[..., None]


def _read(given: Any, smallest: float, picture: tuple[int, int]) -> tuple[Any, Any]:
    """Centres and sizes in cells [n, rows, columns, 2] of maps as networks give them."""
    rows, columns = given.shape[1:3]
    cells = tf.stack(tf.meshgrid(tf.range(columns, dtype=tf.float32), tf.range(rows, dtype=tf.float32)), axis=-1)
    return cells + 3 * given[..., 1:3] - 1, smallest ** (1 - given[..., 3:5]) * [picture[1], picture[0]]


def _edges(centre: Any, size: Any) -> tuple[Any, Any]:
    return centre - size / 2, centre + size / 2


def _area(sides: Any) -> Any:
    sides = tf.maximum(sides, 0.0)
    return sides[..., 0] * sides[..., 1]
