"""What every room stands on: errors, atomic writes, configuration, what a task is."""
