"""How a page shows a row of this task."""

from slipway.data.rows.gallery import shown as shown
