"""One module a DVC stage, `python -m slipway.stages.<stage> VARIANT`: read, call, write."""
