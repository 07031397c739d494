"""Slipway builds, gates, registers and launches machine-learning models from one DVC repository."""
