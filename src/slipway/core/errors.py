"""The errors that a user can cause and mend: each message says what was found, where, and what to do.

A stage or a command prints the message alone, without a traceback, and ends with the class's exit code.
"""

from slipway.core.redaction import plain


class SlipwayError(Exception):
    """Base of every error whose message is meant for the user: it holds no secret and steers no terminal."""

    exit_code = 1

    def __str__(self) -> str:
        return plain(super().__str__())


class ConfigError(SlipwayError):
    """The configuration under conf/, params.yaml or params/ cannot be used."""

    exit_code = 2


class DataError(SlipwayError):
    """Raw or prepared data cannot be used."""

    exit_code = 3


class ModelError(SlipwayError):
    """A model, a start weight file or a release cannot be used."""

    exit_code = 4


class MalformedError(ModelError):
    """A document that stages write is not in the form that this version of slipway writes or reads."""


class RegistryError(SlipwayError):
    """A model could not be registered."""

    exit_code = 5
