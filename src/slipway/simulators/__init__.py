"""A small honest world for each default variant, written as raw data in the task's layout."""
