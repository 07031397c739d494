"""Run a released model on a device: `slipway_edge.predictor.Predictor` loads a release and predicts from raw examples.

It needs NumPy, LiteRT and Pillow, and for sounds and forecasts what the extras `sound` and `demand` install. Slipway
prepares, evaluates and serves with the same code, so that a device cannot compute anything else than was measured.
"""
