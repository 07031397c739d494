"""Compare reading a prepared split with `keras.utils.image_dataset_from_directory` on the same pictures.

Both read all pictures once in batches of 32, alternately in one process; the pictures are simulated frames.

    python benchmarks/reading.py [--frames 1200] [--side 96] [--rounds 3]

Prints one JSON object.
"""

import argparse
import json
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from slipway.core.config import Checks, Split
from slipway.data.preparation import prepare
from slipway.data.shards import PackedSplit
from slipway.frameworks.keras.native.runtime import keras
from slipway.simulators.tv import World, simulate
from slipway.tasks.image_classification import Data, Task

BATCH = 32


def main() -> None:
    """Simulate, prepare, read with both, and print the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=1200)
    parser.add_argument("--side", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        (place / "raw").mkdir()
        simulate(World(frames=options.frames), 0, place / "raw")
        task = Task(Data(height=options.side, width=options.side))
        prepare(task, place / "raw", place / "prepared", place / "report.json", Split(), Checks(), 0)
        train = PackedSplit(place / "prepared" / "train")
        for name in train.examples["example"]:
            (place / "same" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(place / "raw" / name, place / "same" / name)
        seconds: dict[str, list[float]] = {"packed": [], "image_dataset_from_directory": []}
        for number in range(options.rounds + 1):
            began = time.perf_counter()
            ours = sum(len(inputs) for inputs, _ in PackedSplit(place / "prepared" / "train").batches(BATCH))
            between = time.perf_counter()
            dataset = keras.utils.image_dataset_from_directory(
                place / "same", image_size=(options.side, options.side), batch_size=BATCH, shuffle=False, verbose=False
            )
            theirs = sum(len(inputs) for inputs, _ in dataset)
            ended = time.perf_counter()
            assert ours == theirs == len(train)
            if number:
                seconds["packed"].append(between - began)
                seconds["image_dataset_from_directory"].append(ended - between)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    print(
        json.dumps(
            {
                "pictures": len(train),
                "seconds": {name: round(value, 4) for name, value in medians.items()},
                "times_faster": round(medians["image_dataset_from_directory"] / medians["packed"], 1),
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
