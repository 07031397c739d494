"""How predictions are scored, as far as several tasks share it."""
