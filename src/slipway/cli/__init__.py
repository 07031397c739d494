"""The work of the `slipway` commands, one module a command; `slipway.cli.app` has their options and prints."""
