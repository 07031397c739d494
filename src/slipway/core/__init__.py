"""The base of all other packages: errors, atomic writes, configuration and the task protocol."""
