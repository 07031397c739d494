"""Scores of predictions, shared by several tasks."""
