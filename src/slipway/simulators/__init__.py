"""A simulated world for each default variant, written as raw data in the layout of its task."""
