"""Compare training from another variant's weights with training from random weights, on the same few hundred examples.

In a clone of the current commit, sports-ad-detector and news-ad-detector are built unchanged, and again as variants
that start from random weights, with the same network and data and the recipe of base-ad-detector, which has more
epochs. Stages that have already run here come from this repository's cache. Prints one JSON object.

    python benchmarks/transfer.py
"""

import json
import os
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
KINDS = ("sports", "news")


def main() -> None:
    """Clone, add the variants from random weights, build all four, and print their scores."""
    with tempfile.TemporaryDirectory() as temporary:
        clone = Path(temporary) / "clone"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
        top = clone / "params.yaml"
        for kind in KINDS:
            source = (clone / f"conf/variant/{kind}-ad-detector.yaml").read_text()
            scratch = source.replace("/train: keras_transfer", "/train: keras").replace("0.0005", "0.0015")
            (clone / f"conf/variant/{kind}-from-random.yaml").write_text(scratch)
            entry = f"  {kind}-from-random: {{task: image_classification, framework: keras}}\n"
            text = top.read_text().replace("variants: &variants\n", f"variants: &variants\n{entry}", 1)
            top.write_text(text.replace("simulated:\n", f"simulated:\n  {kind}-from-random: tv\n", 1))
        variants = [f"{kind}-{how}" for kind in KINDS for how in ("ad-detector", "from-random")]
        environment = {**os.environ, "MLFLOW_TRACKING_URI": ""}
        targets = [f"convert-tflite@{variant}" for variant in variants]
        for command in (["config", "--local", "cache.dir", str(ROOT / ".dvc" / "cache")], ["repro", *targets]):
            subprocess.run(["dvc", *command], cwd=clone, check=True, env=environment, stdout=subprocess.DEVNULL)
        figures = {}
        for variant in variants:
            conversion = json.loads((clone / "reports" / variant / "conversion.json").read_text())
            dataset = json.loads((clone / "reports" / variant / "dataset.json").read_text())
            figures[variant] = {
                "metrics": conversion["metrics"],
                "examples": {side: counts["total"] for side, counts in dataset["splits"].items()},
            }
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
