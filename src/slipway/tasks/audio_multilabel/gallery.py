"""How a page shows a clip of this task."""

from slipway.data.files import gallery

shown = gallery.sounds
confidence = gallery.confidence_of_labels
