"""A task is a kind of model: how a raw example becomes a model's input, and how its output becomes a prediction.

Each task is a package, called as in the release record, with a class `Task` (`slipway_edge.predictor.Task`).
"""
