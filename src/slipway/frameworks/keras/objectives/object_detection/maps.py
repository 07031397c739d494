"""Target maps from boxes, and the losses of predicted maps.

The loss of the heat is the penalty-reduced focal loss of Law and Deng, "CornerNet", ECCV 2018, as used by Zhou et al.,
"Objects as Points", 2019. The loss of the boxes is the generalised IoU of Rezatofighi et al., CVPR 2019. Both are sums
over the cells of a picture. The task defines the form of the map (`slipway_edge.tasks.object_detection.heatmap`).
"""

from typing import Any

from slipway.frameworks.keras.native.runtime import tf

NARROWEST = 0.7
"""Smallest standard deviation, in cells, of the heat around an object's centre; else it is a sixth of its size."""
EPSILON = 1e-6


def render(boxes: Any, rows: int, columns: int, classes: int) -> Any:
    """Convert boxes to target maps [n, rows, columns, classes + 5].

    Each cell contains: the heat of each class, which is 1 in the cell of an object's centre and decreases around it;
    the box of the object, of any class, with the most heat there (x, y, width, height), in cells; and the weight of
    that box: the heat in the cells next to the centre, and 0 farther away.

    Args:
        boxes: [n, m, 4] in shares, or [n, m, 5] with the number of the class; NaN for absent boxes.
        rows, columns: the size of the maps.
        classes: the number of classes.
    """
    known = tf.logical_not(tf.math.is_nan(boxes[..., 0]))
    kind = boxes[..., 4] if classes > 1 else tf.zeros_like(boxes[..., 0])
    boxes = tf.where(known[..., None], boxes[..., :4], 0.5) * [columns, rows, columns, rows]
    x, y, width, height = tf.unstack(boxes, axis=-1)
    right = _distance(x, columns)
    down = _distance(y, rows)
    away = (right / _spread(width)) ** 2, (down / _spread(height)) ** 2
    heat = tf.exp(-(away[1][:, :, :, None] + away[0][:, :, None, :]) / 2) * tf.cast(known, tf.float32)[..., None, None]
    near = (tf.abs(down) <= 1)[:, :, :, None] & (tf.abs(right) <= 1)[:, :, None, :]
    hottest = tf.argmax(heat, axis=1)
    count = tf.reduce_max(tf.where(near, heat, 0.0), axis=1)
    owner = tf.gather(boxes, hottest, batch_dims=1)
    of_each = [
        tf.reduce_max(tf.where((kind == number)[..., None, None], heat, 0.0), axis=1) for number in range(classes)
    ]
    return tf.concat([tf.stack(of_each, axis=-1), owner, count[..., None]], axis=-1)


def heat_loss(expected: Any, predicted: Any) -> Any:
    """The focal loss [n] of the heat of each picture, summed over the classes."""
    heat, found = expected[..., :-5], tf.clip_by_value(predicted[..., :-4], EPSILON, 1 - EPSILON)
    at_centre = -((1 - found) ** 2) * tf.math.log(found)
    elsewhere = -((1 - heat) ** 4) * found**2 * tf.math.log(1 - found)
    return tf.reduce_sum(tf.where(heat > 1 - EPSILON, at_centre, elsewhere), axis=[1, 2, 3])


def box_loss(expected: Any, predicted: Any, smallest: float, picture: tuple[int, int]) -> Any:
    """The loss [n] of the boxes of each picture: 1 - GIoU, summed over the cells near a centre with their weights.

    `picture` is the height and width of a whole picture in cells: the maps may show a window of it.
    """
    low, high = _edges(expected[..., -5:-3], expected[..., -3:-1])
    _, rows, columns, depth = expected.shape
    found_low, found_high = _edges(
        *_read(tf.ensure_shape(predicted, (None, rows, columns, depth - 1)), smallest, picture)
    )
    shared = _area(tf.minimum(high, found_high) - tf.maximum(low, found_low))
    union = _area(high - low) + _area(found_high - found_low) - shared
    hull = _area(tf.maximum(high, found_high) - tf.minimum(low, found_low))
    lost = 2 - shared / (union + EPSILON) - union / (hull + EPSILON)
    return tf.reduce_sum(lost * expected[..., -1], axis=[1, 2])


def _distance(centre: Any, cells: int) -> Any:
    """The distance [n, m, cells] of each cell from the cell that contains the centre [n, m]."""
    cell = tf.clip_by_value(tf.floor(centre), 0, cells - 1)
    return tf.range(cells, dtype=tf.float32) - cell[..., None]


def _spread(cells: Any) -> Any:
    return tf.maximum(cells / 6, NARROWEST)[..., None]


def _read(predicted: Any, smallest: float, picture: tuple[int, int]) -> tuple[Any, Any]:
    """Decode predicted maps to centres and sizes in cells, each [n, rows, columns, 2]."""
    rows, columns = predicted.shape[1:3]
    cells = tf.stack(tf.meshgrid(tf.range(columns, dtype=tf.float32), tf.range(rows, dtype=tf.float32)), axis=-1)
    return cells + 3 * predicted[..., -4:-2] - 1, smallest ** (1 - predicted[..., -2:]) * [picture[1], picture[0]]


def _edges(centre: Any, size: Any) -> tuple[Any, Any]:
    return centre - size / 2, centre + size / 2


def _area(sides: Any) -> Any:
    sides = tf.maximum(sides, 0.0)
    return sides[..., 0] * sides[..., 1]
