"""A task is a kind of model: how a raw example becomes a model's input, and what its output says of the example.

One package a task, by the name in a release record, each with a class `Task` (`slipway_edge.predictor.Task`).
"""
