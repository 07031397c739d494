"""Compare every variant that ships in INT8 with its float model, on its own test split.

Builds changed stages (`dvc repro convert-tflite@<variant>`), then reads the results of the conversion: the main metric
of the Keras model and of model.tflite, and the size and XNNPACK partitions of float and INT8 TFLite. Prints one JSON
object.

    python benchmarks/int8_variants.py
"""

import json
import subprocess
from pathlib import Path

import yaml

from slipway import tasks

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Build, read, print."""
    subprocess.run(["dvc", "repro", "--glob", "convert-tflite@*"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    figures = {}
    for variant, entry in yaml.safe_load((ROOT / "params.yaml").read_text())["all"].items():
        conversion = json.loads((ROOT / "reports" / variant / "conversion.json").read_text())
        if conversion["precision"] != "int8":
            continue
        values = yaml.safe_load((ROOT / "params" / f"{variant}.yaml").read_text())
        metric = tasks.load(entry["task"], values["data"]).headline[0]
        shipped = conversion["metrics"][metric]["value"]
        figures[variant] = {
            "metric": metric,
            "int8": round(shipped, 4),
            "native": round(shipped + conversion["parity"]["native_minus_shipped"][metric], 4),
            "times_smaller": conversion["float_size_bytes"] / conversion["size_bytes"],
            "partitions": {
                "int8": conversion["delegation"]["partitions"],
                "float32": conversion["float_delegation"]["partitions"],
            },
        }
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
