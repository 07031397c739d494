"""Ensembles: versions that answer together, as `ensembles/<name>.yaml` in Git says and the gate judges."""
