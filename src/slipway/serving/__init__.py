"""Serve releases over HTTP. Only this package imports a web framework."""
