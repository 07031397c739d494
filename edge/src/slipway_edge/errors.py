"""The errors that a user can cause and fix: each message says what was found, where, and what to do.

A stage or a command prints only the message, without a traceback, and ends with the class's exit code.
"""

from slipway_edge.redaction import plain


class SlipwayError(Exception):
    """Base of every error whose message is meant for the user: secrets and control characters are replaced."""

    exit_code = 1

    def __str__(self) -> str:
        return plain(super().__str__())


class DataError(SlipwayError):
    """Raw or prepared data cannot be used."""

    exit_code = 3


class ExampleError(DataError):
    """An example's file cannot be used; `kind` is a short name under which such errors are counted."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind
        self.detail = detail


class ModelError(SlipwayError):
    """A model, a start weight file or a release cannot be used."""

    exit_code = 4
