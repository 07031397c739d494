"""A model in use, measured: how it performs, whether its answers have drifted, and whether that is healthy."""
