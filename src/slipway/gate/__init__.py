"""Rules on metrics, and the verdict."""
