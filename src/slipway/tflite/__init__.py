"""The one runtime for every variant."""
