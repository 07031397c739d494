"""The libraries that fit models. Each is a package with the same four parts, so that no stage asks which it runs:

- `schema`: the section models `Model` and `Train`;
- `training`: `fit` writes a native model into a folder;
- `native`: `load` gives back a callable from encoded inputs to raw outputs;
- `conversion`: `convert` makes TFLite of a native model.
"""
