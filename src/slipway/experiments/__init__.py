"""Experiments and rollouts: which unit gets which arm, and what follows from what the arms did."""
