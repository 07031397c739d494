"""How a page shows a picture of this task."""

from slipway.data.files import gallery

shown = gallery.pictures
confidence = gallery.confidence_of_labels
