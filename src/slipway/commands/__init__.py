"""The work of the `slipway` commands, one module a command; `slipway.cli` has their options and prints."""
