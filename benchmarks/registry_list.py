"""Compare `slipway registry list` over 1,000 versions of 30 variants with `gto show` in the same repository.

    python benchmarks/registry_list.py [--rounds 5]

The benchmark creates the repository: for each version a commit with the release record and the benchmark of a real
variant, a version tag, and tags that give it the roles staging and production. Prints one JSON object.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VARIANTS, VERSIONS = 30, 1000
RECORDS = ("base-ad-detector", "demand-predictor", "handball-context")
COMMANDS = {"slipway registry list": ["slipway", "registry", "list"], "gto show": ["gto", "show"]}


def main() -> None:
    """Create the repository, time both commands alternately, and print the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    environment = os.environ | {"PYTHONPATH": f"{ROOT}/src:{ROOT}/edge/src"}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["git", "init", "-q", "-b", "main"], cwd=folder, check=True)
        subprocess.run(["git", "fast-import", "--quiet"], cwd=folder, input=history(), check=True)
        subprocess.run(["git", "reset", "-q", "--hard"], cwd=folder, check=True)
        listed = subprocess.run(
            ["git", "for-each-ref", "refs/tags"], cwd=folder, capture_output=True, check=True
        ).stdout.count(b"\n")
        for number in range(options.rounds + 1):
            for name, command in COMMANDS.items():
                began = time.perf_counter()
                done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
                if number:
                    seconds[name].append(time.perf_counter() - began)
                if name == "slipway registry list" and done.stdout.count("variant-") != VERSIONS:
                    raise SystemExit(f"{name}: did not list {VERSIONS} versions\n{done.stdout}{done.stderr}")
    medians = {name: round(statistics.median(values), 3) for name, values in seconds.items()}
    ratio = round(medians["gto show"] / medians["slipway registry list"], 1)
    print(
        json.dumps(
            {"seconds": medians, "times_faster": ratio, "versions": VERSIONS, "variants": VARIANTS, "tags": listed},
            indent=2,
        )
    )


def history() -> bytes:
    """The repository as a stream for `git fast-import`."""
    parts: list[bytes] = []
    params = json.dumps({"all": {f"variant-{number}": {} for number in range(VARIANTS)}})
    written: dict[int, int] = {}
    counters: dict[int, int] = {}
    for at in range(VERSIONS):
        variant, clock = at % VARIANTS, 1_700_000_000 + 10 * at
        number = written[variant] = written.get(variant, -1) + 1
        who = f"Ann <ann@example.org> {clock} +0000"
        parts.append(f"commit refs/heads/main\nmark :{at + 1}\ncommitter {who}\ndata 5\nBuild\n".encode())
        source = RECORDS[variant % len(RECORDS)]
        record = json.loads((ROOT / "models" / source / "release.json").read_text())
        record |= {"variant": f"variant-{variant}", "description": f"Build {at}."}
        files = {
            "params.yaml": params.encode(),
            f"models/variant-{variant}/release.json": json.dumps(record, sort_keys=True, indent=1).encode(),
            f"reports/variant-{variant}/benchmark.json": (ROOT / "reports" / source / "benchmark.json").read_bytes(),
        }
        for path, content in files.items():
            parts.append(f"M 100644 inline {path}\ndata {len(content)}\n".encode() + content + b"\n")
        names = [f"variant-{variant}@v1.{number}.0"]
        for role in ("staging", "production"):
            counters[variant] = counters.get(variant, 0) + 1
            names.append(f"variant-{variant}#{role}#{counters[variant]}")
        for offset, name in enumerate(names):
            tagger = f"Ann <ann@example.org> {clock + offset} +0000"
            parts.append(f"tag {name}\nfrom :{at + 1}\ntagger {tagger}\ndata 3\nWhy\n".encode())
    return b"".join(parts)


if __name__ == "__main__":
    main()
