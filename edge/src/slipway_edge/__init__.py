"""Run a released model on a device: `slipway_edge.predictor.Predictor` loads a release and predicts from raw examples.

It needs NumPy, LiteRT and Pillow; sounds and forecasts also need the extras `sound` and `demand`. Slipway prepares,
evaluates and serves with the same code, so a device computes exactly what was measured.
"""
