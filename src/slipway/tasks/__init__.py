"""A task is a kind of model: what its raw data looks like, how an example becomes numbers, how predictions are scored.

One module a task, each with a class `Task` that satisfies the protocol in `slipway.tasks.protocol`, and a section
model `Data`.
"""
