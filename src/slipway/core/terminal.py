"""The console that all commands and stages print on."""

from typing import Any

import rich.console
from rich.text import Text

from slipway_edge.redaction import plain, secrets


class Console(rich.console.Console):
    """Rich's, whose text holds no secret, no control character and no emoji in colons, in tables too.

    What comes from a commit goes through `rich.markup.escape` where it is printed, since it may look like a style.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(emoji=False, **options)
        self._hidden: tuple[str, ...] | None = None

    def print(self, *objects: Any, **options: Any) -> None:
        """Print; the environment is searched for secrets once, and not for every cell of a table."""
        self._hidden = secrets()
        try:
            super().print(*objects, **options)
        finally:
            self._hidden = None

    def render_str(self, text: str, **options: Any) -> Text:
        """The text that a string is printed as."""
        return super().render_str(plain(text, self._hidden), **options)
