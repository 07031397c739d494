"""How a page shows a row of this task, and what its columns add to an answer."""

from slipway.data.rows import gallery

shown = gallery.shown
columns = gallery.columns
added = gallery.added
