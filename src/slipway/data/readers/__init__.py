"""How raw examples lie on disk and are decoded, as far as several tasks share it."""
