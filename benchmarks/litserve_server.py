"""A release behind LitServe, for benchmarks/server.py: `litserve_server.py FOLDER --port PORT [--wait SECONDS]`.

It takes the same rows as `slipway serve`, and answers with what `Predictor.predict` gives for them. With `--wait`, the
requests of so many seconds go through the model together. Its environment has LitServe, and not Slipway.
"""

import argparse
from pathlib import Path
from typing import Any

import litserve

from slipway_edge.predictor import Predictor

TOGETHER = 64


class Api(litserve.LitAPI):  # type: ignore[misc]
    """What LitServe calls in its worker."""

    def __init__(self, folder: Path, **options: Any) -> None:
        super().__init__(**options)
        self._folder = folder

    def setup(self, device: str) -> None:
        """Load the release."""
        self._predictor = Predictor.load(self._folder)

    def predict(self, x: Any) -> Any:
        """Return the prediction of a row, or a list with those of the rows that wait."""
        return self._predictor.predict(x)

    def encode_response(self, output: Any) -> Any:
        """Return the answer to a request."""
        return {"predictions": output}


def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--wait", type=float)
    options = parser.parse_args()
    batches = {} if options.wait is None else {"max_batch_size": TOGETHER, "batch_timeout": options.wait}
    server = litserve.LitServer(Api(options.folder, **batches), accelerator="cpu", workers_per_device=1)
    server.run(host="127.0.0.1", port=options.port, num_api_servers=1, generate_client_file=False)


if __name__ == "__main__":
    main()
