"""Serving: the versions that hold a role in Git answer requests over HTTP. Needs the extra `serve`."""
