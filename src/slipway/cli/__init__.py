"""The `slipway` commands, one module per command; `slipway.cli.app` defines their options and prints the results."""
