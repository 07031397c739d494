"""The rules on metrics, and the verdict over them."""
