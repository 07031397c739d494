"""The errors that a user can cause and fix: those of `slipway_edge.errors`, and those that never occur on a device."""

from slipway_edge.errors import DataError as DataError
from slipway_edge.errors import ExampleError as ExampleError
from slipway_edge.errors import ModelError as ModelError
from slipway_edge.errors import SlipwayError as SlipwayError


class ConfigError(SlipwayError):
    """The configuration under conf/, params.yaml or params/ cannot be used."""

    exit_code = 2


class MalformedError(ModelError):
    """A document written by a stage does not have the form that this version of slipway reads."""


class RegistryError(SlipwayError):
    """A model could not be registered."""

    exit_code = 5
