"""The libraries that fit models. Each is a package with the same four parts, so that stages treat all of them alike:

- `schema`: the section models `Model` and `Train`;
- `training`: `fit` writes a native model into a folder;
- `native`: `load` returns a callable from encoded inputs to raw outputs;
- `conversion`: `convert` converts a native model to TFLite.
"""
