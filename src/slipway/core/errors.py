"""The errors that a user can cause and mend: those of `slipway_edge.errors`, and those that no device meets."""

from slipway_edge.errors import DataError as DataError
from slipway_edge.errors import ExampleError as ExampleError
from slipway_edge.errors import ModelError as ModelError
from slipway_edge.errors import SlipwayError as SlipwayError


class ConfigError(SlipwayError):
    """The configuration under conf/, params.yaml or params/ cannot be used."""

    exit_code = 2


class MalformedError(ModelError):
    """A document that stages write is not in the form that this version of slipway writes or reads."""


class RegistryError(SlipwayError):
    """A model could not be registered."""

    exit_code = 5
