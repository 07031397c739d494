"""The console on which all commands and stages print."""

from typing import Any

import rich.console
from rich.text import Text

from slipway_edge.redaction import plain, secrets


class Console(rich.console.Console):
    """Rich's console without secrets, control characters and emoji codes (`:name:`) in its text, also in tables.

    Text from a commit must go through `rich.markup.escape` before it is printed, since it may look like a style.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(emoji=False, **options)
        self._hidden: tuple[str, ...] | None = None

    def print(self, *objects: Any, **options: Any) -> None:
        """Print; search the environment for secrets once, not for every cell of a table."""
        self._hidden = secrets()
        try:
            super().print(*objects, **options)
        finally:
            self._hidden = None

    def render_str(self, text: str, **options: Any) -> Text:
        """Return a string as the text to print, without secrets and control characters."""
        return super().render_str(plain(text, self._hidden), **options)
