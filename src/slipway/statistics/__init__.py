"""Statistics: plain functions, each with its source."""
